"""The wheel, installed with no clone in sight: a fresh server's first request, by link, shows each page whole."""

from __future__ import annotations

import contextlib
import io
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api")
if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
PICTURES = "[data-testid=stMain] canvas:visible, [data-testid=stMain] img:visible"
CONTRAST = 10.0  # of 127.5, the standard deviation of half black and half white
PATIENCE = 60.0  # seconds until a page stands, on a busy machine


def title_of(page: str) -> str:
    """What a page's first heading says."""
    return re.search(r'show\.head\(\s*"([^"]+)"', (ROOT / "pages" / f"{page}.py").read_text())[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of this tree in it, unpacked by pip; what it needs is that of the tests."""
    pytest.importorskip("hatchling")
    place = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place / "wheel")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (place / "wheel").iterdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
    subprocess.run([*pip, str(place / "site"), str(wheel)], check=True, capture_output=True)
    return place / "site"


@contextlib.contextmanager
def serving(command: list[str], folder: Path, home: Path, **variables: str) -> Iterator[str]:
    """The address of a fresh server, started in a folder by somebody who has set none of our variables."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CNNVIZ_")}
    environment |= {"HOME": str(home), "STREAMLIT_SERVER_HEADLESS": "true", "PYTHONPATH": "", **variables}
    with (home / "log").open("wb") as log:
        command = [part.format(port=port) for part in command]
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            assert server.poll() is None, (home / "log").read_text()[-2000:]
            assert time.monotonic() < until, (home / "log").read_text()[-2000:]
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(10)


def drawn(page: Page) -> bool:
    """Whether any picture of a page shows something: its pixels vary enough to be seen."""
    for picture in page.locator(PICTURES).all():
        with contextlib.suppress(playwright.Error):  # it was redrawn meanwhile, or has no size yet
            if np.asarray(Image.open(io.BytesIO(picture.screenshot(timeout=5000)))).std() > CONTRAST:
                return True
    return False


def looked_at(browser: Browser, address: str, *pages: str) -> None:
    """Opens pages by their links and holds each to its title, to the theme, and to having a picture to show."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    try:
        visit = context.new_page()
        for page in pages:
            scheme = "light" if PAGES.index(page) % 2 else "dark"
            visit.emulate_media(color_scheme=scheme)
            visit.goto(f"{address}/{'' if page == 'home' else page}")
            held_to(visit, page, THEME[scheme])
    finally:
        context.close()


def held_to(visit: Page, page: str, theme: dict[str, Any]) -> None:
    visit.get_by_role("heading", name=title_of(page), exact=True).first.wait_for()
    visit.locator(PICTURES).first.wait_for()
    until = time.monotonic() + PATIENCE
    while not drawn(visit):
        assert time.monotonic() < until, f"the pictures of {page} are blank"
        time.sleep(0.1)
    assert visit.get_by_test_id("stSidebarNavLink").count() == len(PAGES)
    assert visit.get_by_test_id("stException").count() == 0
    assert visit.get_by_test_id("stAppDeployButton").count() == 0  # the shipped options hold, not only the colours
    colour = "e => getComputedStyle(e).backgroundColor"
    for part, wanted in (("stApp", theme), ("stSidebar", theme["sidebar"])):
        red, green, blue = bytes.fromhex(wanted["backgroundColor"][1:])
        assert visit.get_by_test_id(part).evaluate(colour) == f"rgb({red}, {green}, {blue})"


@pytest.mark.parametrize("pages", [PAGES[start::3] for start in range(3)], ids="-".join)
def test_a_fresh_server_in_an_empty_folder_answers_a_link_to_a_page_first_and_to_the_others(
    pages: list[str], installed: Path, browser: Browser, tmp_path: Path
):
    empty, home = tmp_path / "empty", tmp_path / "home"
    empty.mkdir()
    home.mkdir()
    command = [str(installed / "bin" / "cnnviz"), "serve", "--port", "{port}"]
    with serving(command, empty, home, PYTHONPATH=str(installed)) as address:
        looked_at(browser, address, *pages)
    assert list(empty.iterdir()) == []


def test_a_fresh_server_of_a_clone_does_so_too(browser: Browser, tmp_path: Path):
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", "{port}"]
    with serving(command, ROOT, tmp_path) as address:
        looked_at(browser, address, "gabor")


def test_the_package_that_is_served_is_the_installed_one(installed: Path, tmp_path: Path):
    code = "from cnnviz import places; print(places.APP, sorted(p.name for p in places.PLANS.iterdir()))"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    plans = sorted(path.name for path in (ROOT / "plans").iterdir())
    assert told.stdout.strip() == f"{installed / 'cnnviz' / 'dashboard' / 'app.py'} {plans}"
