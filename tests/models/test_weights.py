"""Weights are found in the folder first, then in the cache, then downloaded whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import io
import socket
import typing
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cnnviz.models import build, weights
from cnnviz.models.weights import DownloadError, WeightsError

CONTENT = bytes(range(256)) * 20_000  # 5 MB: several chunks
FILE = f"tinynet-{hashlib.sha256(CONTENT).hexdigest()[:8]}"


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A folder that stands for the download site."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(weights, "SITE", f"{folder.as_uri()}/")
    (folder / f"{FILE}.pth").write_bytes(CONTENT)
    return folder


def failed(name: str = "tinynet", file: str = FILE) -> str:
    with pytest.raises(DownloadError) as caught:
        weights.fetch(name, file)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert f"put {file}.pth in a weights folder" in sentence
    assert not weights.cache().is_dir() or not list(weights.cache().iterdir())  # nothing half loaded is left behind
    return sentence


def test_a_download_arrives_whole_with_its_progress_told(site):
    told: list[tuple[int, int]] = []
    path = weights.fetch("tinynet", FILE, lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert path.parent == weights.cache()
    assert [p.name for p in path.parent.iterdir()] == [f"{FILE}.pth"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 2


def test_a_damaged_download_is_thrown_away(site):
    (site / f"{FILE}.pth").write_bytes(CONTENT[:-1])
    assert "damaged" in failed()


def test_a_file_that_is_not_there_says_so(site):
    (site / f"{FILE}.pth").unlink()
    assert "No weights for tinynet" in failed()


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError(socket.gaierror(-3, "Temporary failure in name resolution")),
        urllib.error.HTTPError("https://x/y.pth", 404, "Not Found", None, None),  # type: ignore[arg-type]
        TimeoutError("timed out"),
        http.client.RemoteDisconnected("closed"),
    ],
)
def test_no_network_is_one_sentence_that_names_the_file(monkeypatch, error):
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert "No weights for tinynet" in failed()


def test_a_connection_that_breaks_halfway_leaves_nothing(monkeypatch):
    class Breaking(io.BytesIO):
        headers: typing.ClassVar = {"Content-Length": "1000"}

        def read(self, size=-1):
            if self.tell() >= 500:
                raise http.client.IncompleteRead(b"", 500)
            return super().read(500)

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Breaking(bytes(1000)))
    failed()


def test_a_folder_that_cannot_be_written_is_a_download_error(site, monkeypatch, tmp_path):
    (tmp_path / "a_file").write_text("in the way")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "a_file"))
    monkeypatch.setattr(weights, "cache", lambda: tmp_path / "a_file" / "checkpoints")
    with pytest.raises(DownloadError):
        weights.fetch("tinynet", FILE)


def test_the_cache_is_torchvisions_own(monkeypatch, tmp_path):
    import torch

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert weights.cache() == Path(torch.hub.get_dir()) / "checkpoints" == tmp_path / "hub" / "checkpoints"


def saved(path: Path, classes: int, old_format: bool = False, wrapped: bool = False) -> Path:
    """A checkpoint that ends in so many classes."""
    import torch
    from safetensors.torch import save_file

    state = {"fc.weight": torch.zeros(classes, 2), "fc.bias": torch.zeros(classes), "bn.weight": torch.zeros(64)}
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        found = (
            {"epoch": 1000, "state_dict": {key: torch.nn.Parameter(value) for key, value in state.items()}}
            if wrapped
            else state
        )
        torch.save(found, path, _use_new_zipfile_serialization=not old_format)
    return path


@pytest.mark.parametrize(
    ("name", "files", "picked"),
    [
        ("resnet18", ["resnet18.pth", "resnet18-f37072fd.pth"], "resnet18.pth"),
        ("resnet18", ["resnet18.pth", "resnet18.safetensors", "resnet18.pt"], "resnet18.safetensors"),
        ("resnet18", ["resnet18-mine.pt", "resnet18-f37072fd.pth"], "resnet18-f37072fd.pth"),
        ("resnet18", ["resnet18-imagenet.pth"], "resnet18-imagenet.pth"),
        ("resnet18", ["resnet18-imagenet.safetensors"], "resnet18-imagenet.safetensors"),
        ("resnet18", ["resnet180.pth", "resnet18_cats.pth", "my-resnet18.pth"], None),
        ("vgg16", ["vgg16_bn.pth", "vgg16_bn-6c64b313.pth"], None),
        ("resnet18", [], None),
    ],
)
def test_the_file_of_a_net_is_picked_by_name(tmp_path, name, files, picked):
    found = weights.pick(name, "resnet18-f37072fd", [saved(tmp_path / file, 1000) for file in files])
    assert (found.name if found else None) == picked


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
@pytest.mark.parametrize("old_format", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_somebodys_own_net_does_not_take_the_place_of_imagenets(tmp_path, suffix, old_format, wrapped):
    own = saved(tmp_path / f"resnet18-my-cats{suffix}", 2, old_format, wrapped)
    assert weights.pick("resnet18", "resnet18-f37072fd", [own]) is None
    older = saved(tmp_path / f"resnet18-5c106cde{suffix}", 1000, old_format, wrapped)
    assert weights.pick("resnet18", "resnet18-f37072fd", [own, older]) == older


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xff" * 100, b"\x08\0\0\0\0\0\0\0" + b'{"a": 1}'])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_cannot_be_read_is_nobodys_weights(tmp_path, content, suffix):
    path = tmp_path / f"resnet18-x{suffix}"
    path.write_bytes(content)
    assert weights.pick("resnet18", "resnet18-f37072fd", [path, tmp_path / "resnet18-gone.pth"]) is None


def test_a_whole_network_is_listed_and_is_nobodys_weights(tmp_path):
    (tmp_path / "resnet18.pt2").write_bytes(b"PK")
    found = weights.checkpoints(tmp_path)
    assert [weights.stem(path) for path in found] == ["resnet18"]
    assert weights.pick("resnet18", "resnet18-f37072fd", found) is None


def test_the_real_squeezenet_is_picked(shared):
    found = weights.checkpoints(shared / "weights")
    assert weights.pick("squeezenet1_1", "squeezenet1_1-b8a52dc0", found).name == "squeezenet1_1-imagenet.pth"


def test_only_the_classes_of_a_torchvision_net_have_that_shape():
    from cnnviz.models import catalog

    families = {"".join(c for c in net.name if c.isalpha()): net for net in catalog.TORCHVISION}
    for net in families.values():
        shapes = [tuple(value.shape) for value in build.torchvision_net(net.name).state_dict().values()]
        assert shapes.count((1000,)) == 1, net.name


def test_a_weights_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(WeightsError, match="nowhere"):
        weights.folder(tmp_path / "nowhere")


def test_the_folder_comes_from_the_environment_unless_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.setenv("CNNVIZ_WEIGHTS", str(tmp_path / "a"))
    assert weights.folder(None) == tmp_path / "a"
    assert weights.folder(tmp_path / "b") == tmp_path / "b"
    monkeypatch.delenv("CNNVIZ_WEIGHTS")
    monkeypatch.chdir(tmp_path)
    assert weights.folder(None) is None
    (tmp_path / "weights").mkdir()
    assert weights.folder(None) == Path("weights")


def test_counting_reads_headers_and_survives_anything(tmp_path):
    import torch
    from safetensors.torch import save_file

    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    assert weights.count(tmp_path / "net.safetensors") == sum(p.numel() for p in net.parameters())
    for content in (b"", b"\xff" * 100, b"\x02\0\0\0\0\0\0\0[]", b"\x08\0\0\0\0\0\0\0" + b'{"a": 1}'):
        (tmp_path / "bad.safetensors").write_bytes(content)
        assert weights.count(tmp_path / "bad.safetensors") is None
    assert weights.count(tmp_path / "net.pth") is None
