"""The zip of a .pt2 is opened with care."""

from __future__ import annotations

import zipfile

import pytest

from cnnviz.models.foreign.archive import Archive
from cnnviz.models.foreign.graph import ForeignError
from tests.models.foreign import forged


def opened(tmp_path, content: bytes) -> Archive:
    path = tmp_path / "net.pt2"
    path.write_bytes(content)
    return Archive(path)


def test_entries_are_read_without_their_folder_and_never_more_than_asked(tmp_path):
    with opened(tmp_path, forged.packed({"a/b": b"12345", "c.json": b'{"d": 1}', "list.json": b"[]"})) as archive:
        assert archive.bytes("a/b", 5) == b"12345"
        assert archive.words("c.json") == {"d": 1}
        with pytest.raises(ForeignError, match="5 bytes"):
            archive.bytes("a/b", 4)
        with pytest.raises(ForeignError, match="lacks nothing"):
            archive.bytes("nothing", 9)
        with pytest.raises(ForeignError, match="damaged"):
            archive.words("list.json")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (forged.packed({"a": b"x" * 5000}, zipfile.ZIP_DEFLATED), "unpacks"),
        (forged.packed({"a": bytes(range(256))}, zipfile.ZIP_BZIP2), "compressed"),
        (forged.packed({"a": b"x"}, twice="a"), "twice"),
        (forged.packed({"../a": b"x"}), "outside"),
        (forged.packed({"a\n": b"x"}), "outside"),
        (forged.packed({}), "damaged"),
        (b"PK\x03\x04" + bytes(50), "damaged"),
        (b"", "damaged"),
    ],
)
def test_what_torch_never_writes_is_refused(content, word, tmp_path):
    with pytest.raises(ForeignError, match=word):
        opened(tmp_path, content)


def test_a_changed_byte_is_noticed(tmp_path):
    content = bytearray(forged.packed({"a": b"12345"}))
    content[content.index(b"12345")] ^= 1
    with opened(tmp_path, bytes(content)) as archive, pytest.raises(ForeignError, match="damaged"):
        archive.bytes("a", 5)
