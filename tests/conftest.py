"""What all tests share: the folder of real data (where there is one), small nets, and photos made on the spot."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # before torch: on two cores, threads that wait by spinning cost more than they bring

import hypothesis
import numpy as np
import pytest
from PIL import Image

from cnnviz.data.counting import Counting, write
from cnnviz.photo import Photo
from cnnviz.train import run
from cnnviz.train.plan import Plan
from tests.dashboard import browser as browser
from tests.dashboard import common as common
from tests.dashboard import dashboard as dashboard
from tests.dashboard import page as page
from tests.dashboard import server as server
from tests.dashboard import tab as tab

# on a busy machine, how long an example takes says nothing
hypothesis.settings.register_profile(
    "any machine", suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None
)
hypothesis.settings.load_profile("any machine")
ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2  # processes; each has the engine, and torch, in memory
LONG = ("browser", "journeys", "docs", "train", "pages")  # rooms, by how long their files take


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist makes its plan
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Tests of several files are shared out to processes; those of one file, where that only costs time, are not."""
    option = config.option
    free = getattr(option, "numprocesses", 0) is None and option.dist == "no"  # nobody has said how
    if free and not hasattr(config, "workerinput") and not option.usepdb and not one_file(config.args):
        option.numprocesses, option.dist, option.loadscopereorder = WORKERS, "loadfile", False


def one_file(named: list[str]) -> bool:
    """Whether what pytest was told to run, files, folders or tests by their names, lies in a single file."""
    files = {Path(name.partition("::")[0]) for name in named}
    return len(files) == 1 and all(path.suffix == ".py" for path in files)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of these two folders drives a browser; one that fails has a second chance, and pytest says so.

    Long files come first: no process is left with one when the other has nothing more to do.
    """
    for item in items:
        if {"browser", "journeys"} & {*item.path.relative_to(ROOT).parts}:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=lambda item: LONG.index(room) if (room := item.path.parent.name) in LONG else len(LONG))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real weights and photos; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("CNNVIZ_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared/data with real weights and photos")
    return folder


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a test does reaches the user's cache, weights or runs."""
    places = tmp_path_factory.mktemp("places")
    for name in ("CACHE", "RUNS", "WEIGHTS", "DATA"):
        (places / name.lower()).mkdir()
        monkeypatch.setenv(f"CNNVIZ_{name}", str(places / name.lower()))
    monkeypatch.setenv("TORCH_HOME", str(places / "torch"))


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture
def photo(rng: np.random.Generator) -> Photo:
    """A colourful photo of one's own, 200 x 260, so that everything made from it counts as personal."""
    y, x = np.mgrid[0:200, 0:260]
    pixels = np.stack([x * 255 // 260, y * 255 // 200, (x + y) % 256], axis=2).astype(np.uint8)
    pixels[60:140, 90:170] = rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)
    return Photo.open(Image.fromarray(pixels))


@pytest.fixture(scope="session")
def circles(tmp_path_factory):
    """Two classes of 24 pictures, 32 x 32."""
    options = Counting(low=1, high=2, per_class=24, size=32, smallest=4, largest=6, val_share=0.25)
    return write(tmp_path_factory.mktemp("data") / "circles", options)


@pytest.fixture
def plan(circles):
    """Three epochs of five steps for a small gray net."""
    return Plan(
        str(circles),
        net="lecture/mnist_gap",
        size=32,
        batch_norm=True,
        dropout=0.2,
        epochs=3,
        batch=8,
        rate=0.01,
        snapshots=4,
        threads=1,
    )


@pytest.fixture
def training(tmp_path, monkeypatch):
    """The folder of a run that is training as far as anybody can tell."""
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path))
    folder = run.create(Plan(data="data/circles", net="lecture/mnist_gap", epochs=4), tmp_path, "one")
    with run.holding(folder):
        yield folder


@pytest.fixture
def spoken(monkeypatch):
    """Every step is told and looks whether to stop."""
    from cnnviz.train import module

    monkeypatch.setattr(module, "SPOKEN", 0.0)


@pytest.fixture
def listening():
    """Signals as a terminal has them: what runs in the background of a script may have been told to ignore them."""
    from cnnviz.train import loop as fitting

    before = [signal.getsignal(number) for number in fitting.ENDING]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in zip(fitting.ENDING, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def jpeg() -> bytes:
    """A small JPEG of one's own, with a place in its EXIF that nobody should learn."""
    y, x = np.mgrid[0:90, 0:120]
    image = Image.fromarray(np.stack([x * 2, y * 2, (x * y) % 256], axis=2).astype(np.uint8))
    exif = image.getexif()
    exif[0x010E] = "kitchen at home"
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.fixture
def engine():
    """An engine with empty memory."""
    from cnnviz.runtime.engine import Engine

    return Engine(device="cpu")
