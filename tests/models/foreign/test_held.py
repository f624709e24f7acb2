"""A network in memory is the one that its file holds, and no file is needed to read it."""

from __future__ import annotations

import zipfile

import pytest
import torch

from cnnviz.models import load, whole
from cnnviz.models.foreign import files, held
from cnnviz.options import RequestError
from tests.models.foreign import nets
from tests.models.foreign.onnx import exports


@pytest.mark.parametrize("name", ["net.pt2", "net.onnx", "net.zip"])
def test_a_file_in_memory_is_read_as_one_on_the_disk(tmp_path, name):
    if name.endswith(".onnx"):
        pytest.importorskip("onnx")
    content = exports.content("Shared", True) if name.endswith(".onnx") else nets.content("Shared")
    path = tmp_path / name
    path.write_bytes(content)
    there, here = whole.read("file/net", path), whole.read("upload/net", held.Held(name, content))
    x = torch.rand(1, *there.known.preprocess.size)
    assert torch.equal(there.net(x), here.net(x))
    assert (there.name, there.title, there.known, there.source) == (here.name, here.title, here.known, here.source)


def test_what_stands_beside_is_no_card_of_a_file_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.json").write_text('{"title": "another"}')
    assert whole.read("upload/net", held.Held("net.pt2", nets.content("Shared"))).title == "net"


def test_files_of_one_name_and_content_have_one_key():
    content = nets.content("Shared")
    keys = [
        load.uploaded(held.Held(name, data)).key
        for name, data in (("a.pt2", content), ("a.pt2", content), ("b.pt2", content), ("a.pt2", nets.content("Pair")))
    ]
    assert keys[0] == keys[1]
    assert len({*keys}) == 3
    assert all(key.startswith("upload/") and len(key) == len("upload/") + 16 for key in keys)


def test_a_file_in_memory_that_is_no_network_is_one_sentence(tmp_path):
    file = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(3)}, file)
    for name, data, why in (
        ("weights.pth", file.read_bytes(), "no whole network"),
        ("text.pt", b"text", "no whole network"),
        ("cut.pt2", nets.content("Shared")[:900], "damaged"),
        ("cut.onnx", b"\x08", "damaged"),
    ):
        with pytest.raises(RequestError, match=why) as error:
            load.uploaded(held.Held(name, data))
        assert name in str(error.value)
        assert str(error.value).count(". ") == 0


def test_what_zipfile_takes(tmp_path):
    content = nets.content("Shared")
    (tmp_path / "net.pt2").write_bytes(content)
    for file in (tmp_path / "net.pt2", held.Held("net.pt2", content)):
        assert held.size(file) == len(held.content(file)) == len(content)
        assert files.whole(file)
        with zipfile.ZipFile(held.opened(file)) as archive:
            assert archive.namelist()
