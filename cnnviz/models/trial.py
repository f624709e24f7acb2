"""A network's files read in a process of its own first, bounded in memory and time, before this one reads them.

What crashes, fills or stalls that process harms no server. A public server reads no file otherwise: what lies in its
folders may have been put there by anybody, and every link can ask for it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from cnnviz import places, settings
from cnnviz.models import catalog, stamps
from cnnviz.models import weights as shelf
from cnnviz.models.checkpoint import CheckpointError

MEMORY = 2 << 30  # bytes that reading a network may take beside TIMES its files
TIMES = 6  # a file of half floats, its numbers as floats, and copies of both
SECONDS = 20.0  # of processor time, and as many more for each GiB of its files
PATIENCE = 3  # times that on the clock, on a busy machine; importing torch is part of it
FOLDER = "read"  # in the cache: names are digests of files that were read
AGAIN, LONGEST = 10.0, 3600.0  # seconds until a failure that the files need not be the reason of is tried again


@dataclass(frozen=True)
class Verdict:
    """Why a network cannot be loaded, "" where it can be; not `final` where the machine may have been the reason."""

    refusal: str
    final: bool = True


@dataclass(frozen=True)
class _Known:
    """A verdict, how many seconds it holds, and until when on the clock."""

    verdict: Verdict
    wait: float
    until: float


_verdicts: dict[tuple[str, tuple[stamps.Stamp, ...]], _Known] = {}  # by key and its files
_lock = threading.Lock()  # one at a time, so that links cannot start many


def require(key: str, weights: Path | str | None, runs: Path | str | None) -> None:
    """Lets pass a key whose files, as they are now, a process of its own has read; on a public server alone.

    Raises `RequestError` with the sentence of that process, or saying that it did not come through: then it is tried
    again after `AGAIN` seconds, and after twice as long each time.
    """
    if not _public() or not (stamp := catalog.stamp(key, weights, runs)):
        return
    with _lock:
        known = _verdicts.get((key, stamp))
        if known is None or monotonic() >= known.until:
            kept = _kept(key, weights, runs)
            verdict = Verdict("") if kept is not None and kept.is_file() else tried(key, weights, runs)
            wait = math.inf if verdict.final else min(2 * known.wait, LONGEST) if known else AGAIN
            known = _verdicts[key, stamp] = _Known(verdict, wait, monotonic() + wait)
            if kept is not None and not verdict.refusal:
                with contextlib.suppress(OSError):  # a read-only cache: then once for each start of the server
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.touch()
    if known.verdict.refusal:
        raise CheckpointError(known.verdict.refusal)


def refused(key: str, weights: Path | str | None, runs: Path | str | None = None) -> str:
    """Why the network of a key cannot be loaded, told by a process that has tried; "" where it can be."""
    return tried(key, weights, runs).refusal


def tried(key: str, weights: Path | str | None, runs: Path | str | None = None) -> Verdict:
    """The same, and whether it is so for good: only what that process itself reports of the files is."""
    size = sum(path.stat().st_size for path in catalog.files(key, weights, runs) if path.is_file())
    seconds = SECONDS * (1 + size / 2**30)
    asked = json.dumps([key, str(weights or ""), str(runs or ""), MEMORY + TIMES * size, seconds])
    environment = settings.environment(places.PACKAGE.parent) | {"CNNVIZ_PUBLIC": "", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "cnnviz.models.trial", asked]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=PATIENCE * seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Verdict(f"{_title(key)} takes too long to read and was not opened; choose a smaller network.", False)
    except OSError as error:
        return Verdict(
            f"{_title(key)} could not be read in a process of its own ({error.strerror}); try again.", final=False
        )
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        said = json.loads(done.stdout)
        return Verdict(str(said["refusal"]), bool(said["final"]))
    return Verdict(
        f"{_title(key)} takes too much memory or time to read, or ends the process that does, and was not opened; "
        "save the network's weights anew with torch.save(net.state_dict(), ...).",
        final=False,
    )


def main(asked: str) -> None:
    """Loads a network under bounds and prints the refusal, if any, as JSON."""
    key, weights, runs, memory, seconds = json.loads(asked)
    from cnnviz.models.load import load
    from cnnviz.options import RequestError

    tempfile.gettempdir()  # what torchvision imports asks for it, which is found by writing a file there
    _bound(memory, seconds)
    refusal, final = "", True
    try:
        load(key, weights or None, runs or None)
    except RequestError as error:
        refusal, final = str(error), not _momentary(error)
    except OSError as error:
        if error.errno == errno.EFBIG:  # it wrote a file
            raise
        refusal, final = f"{_title(key)} cannot be read ({error.strerror}); check its name and permissions.", False
    print(json.dumps({"refusal": refusal, "final": final}))


def _momentary(error: BaseException) -> bool:
    """Whether the machine's files or memory failed where a refusal was made of it."""
    while (behind := error.__cause__ or error.__context__) is not None:
        if isinstance(behind, MemoryError) or (isinstance(behind, OSError) and behind.errno is not None):
            return True
        error = behind
    return False


def _bound(memory: int, seconds: float) -> None:
    """From here on this process gets so many bytes more and so much processor time, and writes no file."""
    try:
        import resource
    except ImportError:  # Windows has no such bounds; the clock's is left
        return
    limits = [(resource.RLIMIT_CPU, round(sum(os.times()[:2]) + seconds)), (resource.RLIMIT_CORE, 0)]
    limits.append((resource.RLIMIT_FSIZE, 0))
    with contextlib.suppress(OSError):
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limits.append((resource.RLIMIT_AS, mapped + memory))
    for which, most in limits:
        hard = resource.getrlimit(which)[1]
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _kept(key: str, weights: Path | str | None, runs: Path | str | None) -> Path | None:
    """Where it is kept that these files were read: under a digest of all of their bytes and of who read them."""
    from cnnviz import __version__

    digest = hashlib.blake2b(f"{__version__} {key}".encode(), digest_size=20)
    try:
        for path in filter(Path.exists, catalog.files(key, weights, runs)):
            digest.update(f"{path.name} {path.stat().st_size} ".encode())
            with path.open("rb") as file:
                while block := file.read(shelf.CHUNK):
                    digest.update(block)
    except OSError:
        return None
    return settings.cache() / FOLDER / digest.hexdigest()


def _title(key: str) -> str:
    return key.partition("/")[2] or key


def _public() -> bool:
    try:
        return settings.public()
    except settings.SettingError:
        return True


if __name__ == "__main__":
    main(sys.argv[1])
