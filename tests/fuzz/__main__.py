"""`python -m tests.fuzz PARSER ... --cases 10000` reads mutated input: each case ends in a result or a clean refusal.

Each case has a folder of its own, and nothing is written outside of it; a case takes at most SECONDS of processor time
and, with all before it, MEMORY bytes more than the process had. A case is made anew by its number: `--only NUMBER`.
.pt2 and .onnx are read by their own programs, under an audit hook of their own.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from random import Random
from typing import Any

SECONDS = 5.0
MEMORY = 2 << 30
FOREIGN = {"pt2": "tests.models.foreign.mutate", "onnx": "tests.models.foreign.test_onnx"}
FORBIDDEN = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "socket.getaddrinfo")


class TooLong(BaseException):
    """A case has had its processor time."""


class Watch:
    """What is written outside of the present case's folder, started, or connected to."""

    def __init__(self) -> None:
        self.place, self.seen = "", list[str]()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.place:
            return
        if event == "open" and isinstance(given[0], (str, bytes)):
            writes = set(given[1] or "") & set("wax+") or (given[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and not self._inside(given[0]):
                self.seen.append(f"wrote {given[0]!r}")
        elif event in ("os.mkdir", "os.remove", "os.rename", "os.symlink", "os.link", "os.rmdir"):
            if not all(self._inside(one) for one in given[:2] if isinstance(one, (str, bytes)) and os.path.isabs(one)):
                self.seen.append(f"{event} {given!r}")
        elif event.startswith(FORBIDDEN):
            self.seen.append(f"{event} {given!r}"[:200])

    def _inside(self, path: str | bytes) -> bool:
        whole = os.path.abspath(os.fsdecode(path))
        return whole.startswith(self.place) or "__pycache__" in whole or whole == os.devnull


def main() -> int:
    """Prints outcomes and times; 1 where any case was at fault."""
    from tests.fuzz.parsers import PARSERS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("parsers", nargs="*", metavar="PARSER", help=", ".join([*PARSERS, *FOREIGN]))
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="this case alone, with its traceback")
    asked = parser.parse_args()
    if unknown := set(asked.parsers) - {*PARSERS, *FOREIGN}:
        parser.error(f"no parser {', '.join(unknown)}")
    faulthandler.enable()
    warnings.simplefilter("ignore")
    bad = 0
    watch = Watch()
    for name in asked.parsers or [*PARSERS, *FOREIGN]:
        if name in FOREIGN:
            bad += subprocess.run([sys.executable, "-m", FOREIGN[name], str(asked.cases)], check=False).returncode != 0
        else:
            bad += fuzz(name, PARSERS[name].read, asked, watch)
    return 1 if bad else 0


def fuzz(name: str, read: Any, asked: argparse.Namespace, watch: Watch) -> int:
    """Reads the cases of one parser; how many were at fault."""
    outcomes: collections.Counter[str] = collections.Counter()
    faults: list[str] = []
    longest, began = 0.0, time.monotonic()
    numbers = range(asked.cases) if asked.only is None else [asked.only]
    bounded()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as top:
        for number in numbers:
            place = Path(top) / str(number)
            place.mkdir()
            outcome, took, fault = case(read, f"{name} {asked.seed} {number}", place, watch)
            longest = max(longest, took)
            outcomes[outcome] += 1
            if fault:
                faults.append(
                    f"{name} --seed {asked.seed} --only {number}: {fault if asked.only is not None else outcome}"
                )
            shutil.rmtree(place, ignore_errors=True)
    done = sum(outcomes.values())
    results = outcomes["result"]
    print(
        f"{name}: {done:,} cases, {results:,} results, {done - results - len(faults):,} refusals, {len(faults)} faults"
    )
    print(
        f"  longest {longest:.2f} s of processor time, {memory() >> 20:,} MiB at most, {time.monotonic() - began:.0f} s"
    )
    for fault in faults[:20]:
        print(f"  {fault}")
    sys.stdout.flush()
    return len(faults)


def case(read: Any, seed: str, place: Path, watch: Watch) -> tuple[str, float, str]:
    """The outcome of one case in a few words, its processor time in seconds, and a traceback where it is at fault."""
    from cnnviz.options import RequestError

    rng, start = Random(seed), time.process_time()
    watch.seen.clear()
    watch.place = str(place)
    try:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            read(rng, place)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        outcome, fault = "result", ""
    except RequestError as error:
        said = str(error)
        fault = "" if said.strip() and "Traceback" not in said else f"an empty refusal {error!r}"
        outcome = fault or re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "*", said)[:90]
    except (Exception, TooLong) as error:  # told to whoever runs this
        last = traceback.extract_tb(error.__traceback__)[-1]
        outcome = f"RAISED {type(error).__name__}: {str(error)[:90]!r} ({Path(last.filename).name}:{last.lineno})"
        fault = traceback.format_exc()
    finally:
        watch.place = ""
    if watch.seen:
        outcome = fault = f"OUTSIDE {watch.seen[:3]}"
    return outcome, time.process_time() - start, fault


def bounded() -> None:
    """From here on the process gets so much more memory, and a case so much processor time."""

    def stop(*_: object) -> None:
        raise TooLong(f"more than {SECONDS:g} s of processor time")

    signal.signal(signal.SIGPROF, stop)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def memory() -> int:
    """The most bytes that the process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
