"""The catalog loads through torchvision; here the transport is faked and the network is never touched."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import urllib.error
import urllib.request

import numpy as np
import pytest

from cnnviz.data import downloads, folder


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


@pytest.fixture
def tiny_mnist(monkeypatch):
    """MNIST with 40 and 20 pictures, as files that a fake server hands out."""
    from torchvision import datasets

    rng = np.random.default_rng(0)
    files = {}
    for name, count in (("train", 40), ("t10k", 20)):
        files[f"{name}-images-idx3-ubyte.gz"] = idx(rng.integers(0, 255, (count, 28, 28)))
        files[f"{name}-labels-idx1-ubyte.gz"] = idx(np.arange(count) % 10)
    resources = [(name, hashlib.md5(data).hexdigest()) for name, data in files.items()]
    monkeypatch.setattr(datasets.MNIST, "resources", resources)

    class Answer(io.BytesIO):
        length = None

        def __init__(self, url: str, data: bytes) -> None:
            super().__init__(data)
            self.url = url
            self.headers = {"Content-Length": str(len(data))}

    def answer(request, *_, **__):
        url = getattr(request, "full_url", request)
        return Answer(url, files[url.rsplit("/", 1)[1]])

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    return files


def test_a_download_becomes_a_folder_like_any_other(tiny_mnist, tmp_path):
    data = folder.read(downloads.fetch("mnist", tmp_path / "mnist"))
    assert data.classes == tuple("0123456789")
    assert data.train.counts(10) == (4,) * 10
    assert data.val.counts(10) == (2,) * 10
    assert [p.name for p in tmp_path.iterdir()] == ["mnist"]
    few = folder.read(downloads.fetch("mnist", tmp_path / "few", per_class=1))
    assert few.train.counts(10) == (1,) * 10


@pytest.mark.parametrize("name", [entry.name for entry in downloads.CATALOG])
def test_without_a_network_one_sentence_says_what_to_do(name, tmp_path, monkeypatch):
    def nowhere(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", nowhere)
    with pytest.raises(downloads.CatalogError, match="upload the images as a zip") as caught:
        downloads.fetch(name, tmp_path / "x")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_unknown_name_lists_those_there_are(tmp_path):
    with pytest.raises(downloads.CatalogError, match="fashion_mnist"):
        downloads.fetch("imagenet", tmp_path / "x")
