"""A photo of one's own on a running server: nothing on its disk, nobody else told, and gone with the tab."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import Photo
from cnnviz.ui.session import photos

if TYPE_CHECKING:
    from conftest import Dashboard
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.own_server

SECRETS = ("SECRETCAMERA", "SECRETPLACE", "private-holiday")
NAME = "private-holiday.jpg"
NOTHING = {"bytes": 0, "networks": 0, "photos": 0, "frames": 0, "files": 0}


@pytest.fixture(scope="module")
def mine() -> bytes:
    """A photo of 2 MB, so that it would pass through a file if uploads did, with a camera and a place in its EXIF."""
    pixels = np.random.default_rng(7).integers(0, 256, (900, 1100, 3), dtype=np.uint8)
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = SECRETS[0]
    exif.get_ifd(0x8825)[29] = SECRETS[1]
    Image.fromarray(pixels).save(file, "JPEG", quality=95, exif=exif)
    assert len(file.getvalue()) > 2**20
    return file.getvalue()


def held(places: Path) -> dict[str, int]:
    """What the server holds of people's photos now."""
    return json.loads((places / "watch" / "held.json").read_text())


def until(places: Path, wanted: Callable[[dict[str, int]], bool], seconds: float = 20) -> dict[str, int]:
    """What the server holds once it is as wanted, or in the end."""
    end = time.monotonic() + seconds
    while not wanted(now := held(places)) and time.monotonic() < end:
        time.sleep(0.1)
    return now


def status(address: str) -> int:
    """How a request for an image is answered, by its number."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def bring(page: Page, data: bytes) -> None:
    """Upload a photo."""
    page.locator("section[data-testid=stSidebar] input[type=file]").first.set_input_files(
        {"name": NAME, "mimeType": "image/jpeg", "buffer": data}
    )
    page.get_by_role("button", name="Forget my photos").wait_for()


def on_disk(places: Path, marks: list[bytes]) -> list[str]:
    """Files below the server's folders whose name or content holds one of the marks."""
    files = [path for path in places.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(m in path.read_bytes() or m in os.fsencode(path.name) for m in marks)]


def test_a_photo_leaves_nothing_on_the_disk_and_goes_with_the_button_and_with_the_tab(
    browser: Browser, server: str, dashboard: Dashboard, mine: bytes
):
    places = dashboard.places
    photo = Photo.open(mine, name=NAME)
    pixels = photo.pixels.tobytes()
    marks = [
        mine[1000:1064],
        mine[-1064:-1000],
        pixels[5000:5064],
        *(s.encode() for s in SECRETS),
        photo.digest.encode(),
    ]
    (places / "tmp" / "bait").write_bytes(b"..." + mine + b"...")
    assert on_disk(places, marks) == [str(places / "tmp" / "bait")]  # it would be found
    (places / "tmp" / "bait").unlink()
    log = places / "watch" / "written.log"
    context = browser.new_context(viewport={"width": 1400, "height": 900}, base_url=server)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto("/class_activation")
    page.get_by_role("heading", name="Overlay").wait_for()
    before, began = until(places, lambda now: now["photos"] == 0), log.stat().st_size
    assert before["photos"] == before["files"] == 0

    bring(page, mine)
    page.get_by_role("radio", name="Regions").first.click()
    page.get_by_role("heading", name="Regions above").wait_for()
    page.get_by_role("link", name="Activations").first.click()
    page.get_by_role("heading", name=re.compile(r"All \d+ channels")).wait_for()
    now = until(places, lambda now: now["bytes"] > 0)
    assert now["bytes"] > 0
    assert now["photos"] == 1
    assert now["files"] == 0  # the file itself, EXIF and all, was let go at once
    assert "mine" not in page.url
    page.get_by_role("button", name="Forget my photos").click()
    page.get_by_role("button", name="Forget my photos").wait_for(state="hidden")
    assert until(places, lambda now: now["bytes"] == now["photos"] == 0) == NOTHING

    sources = (
        "() => [...document.querySelectorAll('img')].map((image) => image.src).filter((s) => s.includes('/media/'))"
    )
    page.goto("/class_activation")
    page.get_by_role("heading", name="Overlay").wait_for()
    samples = set(page.evaluate(sources))
    bring(page, mine)
    assert until(places, lambda now: now["bytes"] > 0 and now["photos"] == 1)["photos"] == 1
    page.get_by_role("radio", name="Regions").first.click()
    page.get_by_role("heading", name="Regions above").wait_for()
    page.wait_for_timeout(1000)
    shown = set(page.evaluate(sources)) - samples
    assert shown
    assert {status(address) for address in shown} == {200}
    context.close()  # the tab
    assert until(places, lambda now: now["bytes"] == now["photos"] == 0) == NOTHING
    assert {status(address) for address in shown} == {404}  # the images made of it, too

    assert on_disk(places, marks) == []
    written = log.read_bytes()[began:].decode().splitlines()
    known = re.compile(r"/watch/held|__pycache__|torchinductor|/[a-z0-9_]{8}$|^" + os.devnull)  # torch tries its places
    assert [path for path in written if not known.search(path)] == []


def test_the_watch_sees_what_it_watches_for(tmp_path: Path):
    lines = f"import pathlib, socket, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import watched\n"
    lines += f"watched.hear(pathlib.Path({str(tmp_path)!r})); open({str(tmp_path / 'x')!r}, 'w').close()\n"
    lines += "socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    subprocess.run([sys.executable, "-c", lines], check=False)
    assert "192.0.2.1" in (tmp_path / "reached.log").read_text()
    assert str(tmp_path / "x") in (tmp_path / "written.log").read_text()


def test_the_server_has_called_nobody(dashboard: Dashboard):
    """Of all that was done to it in this session: it answers, and connects to itself at most."""
    reached = (dashboard.places / "watch" / "reached.log").read_text().splitlines()
    own = re.compile(r"127\.0\.0\.1|localhost|::1|'?/|0\.0\.0\.0")
    assert [line for line in reached if not own.search(line)] == []


def test_a_closed_tab_is_given_less_than_two_minutes():
    assert photos.GRACE <= 120
