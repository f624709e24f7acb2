"""A real server and a real browser, each for as many tests as can share it: starting them is what takes the time."""

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
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize

ROOT = Path(__file__).resolve().parents[1]
VIEWPORT: ViewportSize = {"width": 1400, "height": 900}
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


# What the page sends and is sent, and when: `steps.at_rest` waits until it has been silent.
WIRE = """(() => {
  globalThis.wire = { sent: 0, heard: 0 };
  globalThis.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", () => (wire.heard = performance.now()));
    }
    send(data) {
      wire.sent = performance.now();
      super.send(data);
    }
  };
})();"""


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


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The dashboard of all files whose tests leave nothing on it."""
    running = Dashboard(tmp_path_factory.mktemp("common"))
    yield running
    running.end()


@pytest.fixture(scope="module")
def dashboard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The dashboard of this file of tests; where it is marked, no other file's data sets, runs and jobs are on it."""
    own = request.node.get_closest_marker("own_server")
    if own is None:
        yield request.getfixturevalue("common")
        return
    running = Dashboard(tmp_path_factory.mktemp("server"), *own.args)
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
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=executable(), headless=True, args=FLAGS)
        yield browser
        browser.close()


def executable() -> str:
    """Where Chromium is; where it is not, the test is skipped."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium, for instance from `apt-get install chromium`")
    return str(path)


def window(browser: Browser, server: str, **options: Any) -> BrowserContext:
    """A window of its own, with nothing in it that another one has kept."""
    context = browser.new_context(**{"viewport": VIEWPORT, "base_url": server} | options)
    context.set_default_timeout(60_000)
    context.add_init_script(WIRE)
    return context


@pytest.fixture(scope="module")
def tab(browser: Browser, server: str) -> Iterator[Page]:
    """The tab in which the tests of a file open their pages, one after another: what it has compiled is at hand."""
    context = window(browser, server)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(tab: Page, server: str) -> Iterator[Page]:
    """A fresh visit, 1400 x 900, that must never ask anyone but our own server."""
    outside: list[str] = []

    def hear(request: Request) -> None:
        if not request.url.startswith((server, "ws", "data:", "blob:")):
            outside.append(request.url)

    tab.on("request", hear)
    yield tab
    tab.remove_listener("request", hear)
    for other in tab.context.pages:
        if other is not tab:
            other.close()
    tab.goto("/_stcore/health")  # the visit is over
    tab.evaluate("() => [localStorage, sessionStorage].forEach((kept) => kept.clear())")
    tab.mouse.move(0, 0)
    tab.set_viewport_size(VIEWPORT)
    tab.emulate_media(color_scheme="light")
    assert outside == []
