"""A real server and a real browser: one of each for the whole session, a fresh page for each test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


class Dashboard:
    """A running dashboard, started as a person starts it, and watched; it can be killed and started again where it was.

    `places` is the only folder where it has a reason to write: home, caches, runs and temporary files.
    """

    def __init__(self, places: Path, *options: str) -> None:
        self.options = options
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address, self.places = f"http://127.0.0.1:{self.port}", places
        self.environment = {**os.environ, "TORCH_HOME": str(places / "torch")}
        for name in ("CACHE", "RUNS", "WEIGHTS", "DATA"):
            (places / name.lower()).mkdir()
            self.environment[f"CNNVIZ_{name}"] = str(places / name.lower())
        for name, folder in {"HOME": "home", "TMPDIR": "tmp", "XDG_CACHE_HOME": "home/.cache"}.items():
            (places / folder).mkdir()
            self.environment[name] = str(places / folder)
        (places / "watch").mkdir()
        self.start()

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        watched = Path(__file__).parent / "browser" / "watched.py"
        command = [sys.executable, str(watched), str(self.places / "watch"), str(self.port), *self.options]
        with (self.places / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=1).close()
                return
            except OSError:
                time.sleep(0.2)
        self.end()
        pytest.fail(f"the dashboard did not start: {(self.places / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """Kill -9: the server has no chance to say or save anything."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Ends the server as Ctrl-C does, or else by force."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The dashboard of this file of tests: no other file's data sets, runs and jobs are on it."""
    running = Dashboard(tmp_path_factory.mktemp("server"))
    yield running
    running.end()


@pytest.fixture(scope="module")
def server(dashboard: Dashboard) -> str:
    """Its address."""
    return dashboard.address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless and offline."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium, for instance from `apt-get install chromium`")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A fresh page, 1400 x 900, that must never ask anyone but our own server."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, base_url=server)
    context.set_default_timeout(60_000)
    page = context.new_page()
    outside: list[str] = []
    page.on(
        "request", lambda r: outside.append(r.url) if not r.url.startswith((server, "ws", "data:", "blob:")) else None
    )
    yield page
    context.close()
    assert outside == []
