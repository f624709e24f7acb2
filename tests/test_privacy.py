"""A person's photo: asked everything, it opens no connection, writes no file, and leaves nothing behind."""

from __future__ import annotations

import builtins
import gc
import io
import os
import socket
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from cnnviz.attribution.regions import cut_out, regions
from cnnviz.attribution.report import PhotoReport, bundle
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

NET = "lecture/cats_gap"


class Watch:
    """What the process did to files and sockets; audit hooks cannot be taken back, so it is switched."""

    def __init__(self) -> None:
        self.on, self.written, self.reached = False, [], []
        sys.addaudithook(self.hear)

    def hear(self, event: str, given: tuple) -> None:
        if not self.on:
            return
        if event == "open" and isinstance(given[0], (str, bytes)):
            mode, flags = given[1] or "", given[2] or 0
            if set(mode) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.written.append(os.fsdecode(given[0]))
        elif event in ("os.rename", "os.link", "os.symlink", "os.mkdir", "tempfile.mkstemp", "tempfile.mkdtemp"):
            self.written.append(str(given[0]))
        elif event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "subprocess.Popen"):
            self.reached.append((event, given))


WATCH = Watch()


@pytest.fixture
def watched() -> Iterator[Watch]:
    """The watch, on while the test runs."""
    WATCH.written, WATCH.reached, WATCH.on = [], [], True
    yield WATCH
    WATCH.on = False


@pytest.fixture
def secret(rng) -> bytes:
    """A JPEG with a camera and a place in its EXIF."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = "SECRETCAMERA"
    exif.get_ifd(0x8825)[29] = "SECRETPLACE"
    Image.fromarray(rng.integers(0, 256, (160, 200, 3), dtype=np.uint8)).save(file, "JPEG", exif=exif)
    assert b"SECRETPLACE" in file.getvalue()
    return file.getvalue()


def everything(engine: Engine, photo: Photo) -> list[bytes]:
    """Every question there is about a photo; what of the answers could be taken away, as bytes."""
    engine.predict(NET, photo)
    heat = engine.heatmap(NET, photo)
    engine.heatmap(NET, photo, method="smoothgrad", options={"samples": 2})
    engine.heatmap(NET, photo, method="occlusion", options={"window": 64, "stride": 64})
    engine.ladder(NET, photo)
    engine.activations(NET, photo, "conv1")
    engine.faithfulness(NET, photo, heat)
    engine.sanity(NET, photo)
    engine.diagnose(NET, photo, heat)
    engine.drill(NET, photo)
    engine.erase(NET, photo, [[[0.5, 0.5, 0.2]]])
    found = regions(heat)
    zipped = bundle([PhotoReport(photo, engine.predict(NET, photo), heat)], engine.model(NET), None, 0.5, "inferno")
    return [
        zipped,
        cut_out(photo, heat, found).tobytes() if found.boxes else b"",
        repr(found.card(heat, photo)).encode(),
    ]


def test_nothing_is_written_and_nobody_is_called(tmp_path, secret, watched):
    import torch._dynamo  # noqa: F401  # whose import makes an empty folder for torch's compiler, whoever asks for it

    engine = Engine(device="cpu", cache_dir=tmp_path / "cache")
    engine.model(NET)
    watched.written.clear()
    everything(engine, Photo.open(secret, name="me.jpg"))
    assert watched.reached == []
    assert [path for path in watched.written if "__pycache__" not in path and path != os.devnull] == []
    assert not (tmp_path / "cache").exists()


def test_the_watch_sees_what_it_watches_for(tmp_path, watched):
    (tmp_path / "file").write_text("x")
    with builtins.open(tmp_path / "file", "a"), socket.socket() as one:
        one.bind(("127.0.0.1", 0))
    assert str(tmp_path / "file") in watched.written
    assert watched.reached[0][0] == "socket.bind"


def test_camera_and_place_never_leave_the_upload(secret):
    photo = Photo.open(secret, name="me.jpg")
    taken = everything(Engine(device="cpu"), photo)
    assert not any(b"SECRET" in one for one in taken)
    assert not hasattr(photo, "exif")


def test_after_a_purge_nothing_of_the_photo_is_reachable(secret):
    engine, photo = Engine(device="cpu"), Photo.open(secret, name="me.jpg")
    everything(engine, photo)
    digest = photo.digest
    assert engine.personal_bytes() > 0
    engine.purge()
    del photo
    gc.collect()
    assert engine.personal_bytes() == 0
    assert not any(digest in str(key) for key in engine.cache._entries)
    left = [thing for thing in gc.get_objects() if type(thing) is Photo and thing.digest == digest]
    assert left == []


def test_what_is_kept_of_photos_stays_within_its_bound(rng):
    engine = Engine(device="cpu", memory_limit=3_000_000)
    for _ in range(4):
        photo = Photo.of(rng.integers(0, 256, (160, 200, 3), dtype=np.uint8))
        engine.heatmap(NET, photo)
        engine.activations(NET, photo, "conv1")
        assert engine.personal_bytes() <= 3_000_000
