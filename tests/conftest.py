"""What all tests share: the folder of real data (where there is one), small nets, and photos made on the spot."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # before torch: on two cores, threads that wait by spinning cost more than they bring

import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import Photo

ROOT = Path(__file__).resolve().parent.parent


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
