"""Archives from strangers: pictures come out, harm does not."""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import archive, folder, staging
from cnnviz.data.staging import MARK


@pytest.fixture
def png():
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(data, "PNG")
    return data.getvalue()


def packed(*entries, method=zipfile.ZIP_DEFLATED) -> io.BytesIO:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as out:
        for name, content in entries:
            out.writestr(name, content)
    data.seek(0)
    return data


def test_only_pictures_come_out_and_they_make_a_data_set(tmp_path, png):
    good = [(f"set/{c}/{i}.png", png + bytes([i])) for c in "ab" for i in range(5)]
    extra = [("set/readme.txt", "hi"), ("set/a/run.sh", "rm"), ("__MACOSX/set/a/._0.png", "x"), ("inner.zip", "x")]
    seen = []
    done = archive.unpack(packed(*good, *extra), tmp_path / "out", progress=lambda *p: seen.append(p))
    assert (done.pictures, done.skipped) == (10, 4)
    assert seen[-1] == (14, 14)
    assert folder.read(done.folder).classes == ("a", "b")
    assert {p.suffix for p in done.folder.rglob("*") if p.is_file() and p.name != MARK} == {".png"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_the_mark_says_what_was_kept_left_out_unused_and_split(tmp_path, png):
    good = [(f"{c}/{i}.png", png) for c in "ab" for i in range(5)]
    extra = [(".DS_Store", "x"), ("readme.txt", "hi"), ("cover.png", png), ("a/new.psd", "x")]
    made = staging.origin(archive.unpack(packed(*good, *extra), tmp_path / "out").folder)
    assert made.made == "zip"
    assert made.notes == (
        "Unpacked: 10 images in 2 classes.",
        "Left out, as they are hidden or not images: 3 (readme.txt, a/new.psd, .DS_Store).",
        "Kept, but not used, as they lie in no class folder: 1 (cover.png).",
        "No val folder: 2 images were drawn from all classes for validation.",
    )
    split = [(f"{s}/{c}/{i}.png", png) for s in ("train", "val") for c in "ab" for i in range(2)]
    made = staging.origin(archive.unpack(packed(*split), tmp_path / "split").folder)
    assert made.notes == ("Unpacked: 8 images in 2 classes.",)


def test_pictures_that_make_no_data_set_are_refused_and_leave_the_name_free(tmp_path, png):
    with pytest.raises(archive.ArchiveError, match="This archive holds 1 folders"):
        archive.unpack(packed(("a/1.png", png), ("a/2.png", png)), tmp_path / "out")
    assert not list(tmp_path.iterdir())
    archive.unpack(packed(*((f"{c}/{i}.png", png) for c in "ab" for i in range(2))), tmp_path / "out")


@pytest.mark.parametrize(
    "name", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png", "C:\\evil.png", "a/\x07.png"]
)
def test_paths_that_lead_out_are_refused_and_nothing_is_left(tmp_path, png, name):
    with pytest.raises(archive.ArchiveError, match="leads out"):
        archive.unpack(packed(("a/1.png", png), (name, png)), tmp_path / "out")
    assert not list(tmp_path.iterdir())
    assert not list(tmp_path.parent.glob("evil*"))


def test_links_are_refused(tmp_path, png):
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(archive.ArchiveError, match="link"):
        archive.unpack(packed(("a/1.png", png), (link, "/etc/passwd")), tmp_path / "out")


def test_bombs_are_refused_by_ratio_size_and_count(tmp_path, png, monkeypatch):
    with pytest.raises(archive.ArchiveError, match="hundreds of times"):
        archive.unpack(packed(("a/1.png", b"\0" * 50_000_000)), tmp_path / "out")
    with pytest.raises(archive.ArchiveError, match="GiB"):
        archive.unpack(packed(("a/1.png", png)), tmp_path / "out", max_total=100)
    monkeypatch.setattr(archive, "MAX_ENTRIES", 3)
    with pytest.raises(archive.ArchiveError, match="entries"):
        archive.unpack(packed(*((f"a/{i}.png", png) for i in range(4))), tmp_path / "out")


def test_an_archive_that_lies_about_sizes_is_stopped_while_unpacking(tmp_path):
    data = bytearray(packed(("a/1.png", b"\0" * 3_000_000)).getvalue())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 1000)  # the size claimed in the directory
    with pytest.raises(archive.ArchiveError):
        archive.unpack(io.BytesIO(bytes(data)), tmp_path / "out", max_total=2_000_000)
    assert not list(tmp_path.iterdir())


def test_encrypted_duplicate_empty_and_broken_archives_are_refused(tmp_path, png):
    locked = bytearray(packed(("a/1.png", png)).getvalue())
    at = locked.rindex(b"PK\x01\x02")
    locked[at + 8] |= 1
    with pytest.raises(archive.ArchiveError, match="password"):
        archive.unpack(io.BytesIO(bytes(locked)), tmp_path / "out")
    with pytest.raises(archive.ArchiveError, match="twice"):
        archive.unpack(packed(("a/1.png", png), ("A/1.PNG", png)), tmp_path / "out")
    with pytest.raises(archive.ArchiveError, match="no images"):
        archive.unpack(packed(("a/1.txt", "x")), tmp_path / "out")
    with pytest.raises(archive.ArchiveError, match="incomplete or damaged"):
        archive.unpack(io.BytesIO(b"not a zip"), tmp_path / "out")
    with pytest.raises(archive.ArchiveError, match="incomplete or damaged"):
        archive.unpack(io.BytesIO(packed(("a/1.png", png)).getvalue()[:-30]), tmp_path / "out")
    with pytest.raises(archive.ArchiveError, match="already"):
        archive.unpack(packed(("a/1.png", png)), tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_ways_of_packing_are_refused_whole_or_damaged(tmp_path, png, method):
    data = bytearray(packed(("a/1.png", png), method=method).getvalue())
    data[60] ^= 255
    for content in (packed(("a/1.png", png), method=method).getvalue(), bytes(data)):
        with pytest.raises(archive.ArchiveError, match="plain zip"):
            archive.unpack(io.BytesIO(content), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_any_bytes_may_be_damaged(tmp_path, png):
    whole, rng = packed(("a/1.png", png), ("b/1.png", png)).getvalue(), np.random.default_rng(0)
    for i in range(200):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        with contextlib.suppress(archive.ArchiveError):
            archive.unpack(io.BytesIO(bytes(data)), tmp_path / str(i))
    assert not list(tmp_path.glob(".*"))
