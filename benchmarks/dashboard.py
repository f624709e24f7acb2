"""A dashboard on a server of its own, also that of an older commit, and Chromium to open it in."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@contextlib.contextmanager
def serving(root: Path = ROOT, **more: str) -> Iterator[str]:
    """The address of a dashboard of the tree at `root`, with `more` in its environment, gone afterwards."""
    with started(root, **more) as (address, _):
        yield address


@contextlib.contextmanager
def started(root: Path = ROOT, *options: str, **more: str) -> Iterator[tuple[str, int]]:
    """As `serving`, with `options` for the command; the address and the number of the process.

    Raises `RuntimeError` where it does not answer within a minute.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as places:
        environment = {**os.environ, "CNNVIZ_CACHE": places, "CNNVIZ_RUNS": places, **more}
        server = subprocess.Popen(
            [sys.executable, "-m", "cnnviz", "serve", "--port", str(port), *options],
            cwd=root,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _answers(server, address)
            yield address, server.pid
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _answers(server: subprocess.Popen[bytes], address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
            return
        time.sleep(0.2)
    raise RuntimeError(f"the dashboard in {server.args!r} did not start; its exit code is {server.poll()}")


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """Chromium without a window, closed afterwards."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


def chromium() -> str:
    """Where Chromium is. Raises `FileNotFoundError` where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise FileNotFoundError("this measure needs Chromium; set CHROMIUM to its path")
    return found


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with the tree of a commit, gone afterwards, also where the process is asked to end meanwhile."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    git = ["git", "-C", str(ROOT)]
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "tree"
        try:
            subprocess.run([*git, "worktree", "add", "--detach", str(tree), commit], check=True, capture_output=True)
            yield tree
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=False, capture_output=True)


def compared(old: Sequence[float], new: Sequence[float]) -> str:
    """The medians of two series of times in ms, and their ratio."""
    before, now = statistics.median(old), statistics.median(new)
    return f"{before:.1f} -> {now:.1f} (medians of {len(new)}), new / old {now / before:.2f}"
