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
        "Left out, images of a format that is not read: 1 (a/new.psd).",
        "Left out, images in no class folder: 1 (cover.png).",
        "Left out, files that are no images: 1 (readme.txt).",
        "Left out, hidden and system files: 1 (.DS_Store).",
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


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png", "C:\\evil.png"])
def test_paths_that_lead_out_are_refused_and_nothing_is_left(tmp_path, png, name):
    with pytest.raises(archive.ArchiveError, match="leads out"):
        archive.unpack(packed(("a/1.png", png), (name, png)), tmp_path / "out")
    assert not list(tmp_path.iterdir())
    assert not list(tmp_path.parent.glob("evil*"))


def test_links_are_left_out_and_said(tmp_path, png):
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    good = [(f"{c}/{i}.png", png) for c in "ab" for i in range(2)]
    done = archive.unpack(packed(*good, (link, "/etc/passwd")), tmp_path / "out")
    assert (done.pictures, done.skipped) == (4, 1)
    assert not any(path.is_symlink() for path in done.folder.rglob("*"))
    assert "Left out, links, which are not unpacked: 1 (a/link.png)." in staging.origin(done.folder).notes


def test_what_is_left_out_anyway_refuses_nothing(tmp_path, png):
    white = io.BytesIO()
    Image.new("RGB", (512, 512), "white").save(white, "BMP")
    deep = "Users/me/My Documents/Projects/2024/cnn/data/set"
    good = [
        (f"{deep}/{c}/{i}.{kind}", data)
        for c in "ab"
        for i in range(3)
        for kind, data in (("png", png), ("bmp", white.getvalue()))
    ]
    junk = [
        (f"{deep}/a/Icon\r", "x"),
        ("notes 12:30.txt", "x"),
        ("../notes.txt", "x"),
        ("x" * 300 + ".txt", "x"),
        ("big.txt", b"\0" * 9_000_000),
    ]
    odd = [
        (f"{deep}/a/2021-05-01T12:30:00.png", png),
        (f"{deep}/a/x.jpg", png),
        (f"{deep}/a/X.JPG", png),
        (f"{deep}/b/\x07.png", png),
        (f"{deep}/b/{'ä' * 140}.png", png),
    ]
    done = archive.unpack(packed(*good, *odd, *junk), tmp_path / "out")
    assert (done.pictures, done.skipped) == (17, 5)
    data = folder.read(done.folder)
    names = {path.name for split in data.splits().values() for path in split.paths}
    assert {"2021-05-01T12_30_00.png", "x.jpg", "X.JPG", "_.png", "ä" * 98 + ".png"} <= names
    assert data.root == done.folder / deep


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("utf-8", ("Äpfel", "кошки", "狗")),
        ("gb18030", ("狗/图片", "十能/丂", "数据集")),
        ("cp932", ("ねこ", "ソース", "写真")),
        ("cp949", ("강아지/사진", "고양이", "개")),
        ("big5", ("貓狗/功", "蘋果", "香蕉")),
        ("cp437", ("Äpfel", "grün", "café")),
        ("cp866", ("кошки", "Яблоки", "Фото 1")),
        ("cp1251", ("кошки", "Собаки", "яблоки")),
        ("cp1252", ("Äpfel", "été", "Größe")),
    ],
)
def test_class_names_of_every_code_page_arrive_whole(tmp_path, png, page, words):
    class Raw(zipfile.ZipInfo):
        """An entry as a program writes it that does not know of UTF-8."""

        def _encodeFilenameFlags(self):
            return self.filename.encode(page), 0

    plain = packed(*((Raw(f"{word}/{i}.png"), png) for word in words for i in range(2))).getvalue()
    done = archive.unpack(io.BytesIO(plain), tmp_path / "out")
    assert {w.split("/")[0] for w in words} == set(folder.read(done.folder).classes)


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
        archive.unpack(packed(("a/1.png", png), ("a\\1.png", png)), tmp_path / "out")
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


def test_classes_come_from_names_or_a_list_in_the_archive_when_asked_for(tmp_path, png):
    flat = [(f"set/{name}.{i}.png", png) for name in ("cat", "dog") for i in range(3)]
    rows = "\n".join(f"{name}.{i}.png,{'ab'[i % 2]}" for name in ("cat", "dog") for i in range(3))
    both = [*flat, ("set/the labels.csv", rows)]
    assert archive.offers(packed(*both)) == ("set/the labels.csv", "names")
    assert archive.offers(io.BytesIO(b"no zip")) == ()
    with pytest.raises(archive.ArchiveError, match=r"2 classes in the names of the images \(cat: 3, dog: 3\)"):
        archive.unpack(packed(*flat), tmp_path / "out")
    for i, (labels, classes) in enumerate((("names", ("cat", "dog")), ("set/the labels.csv", ("a", "b")))):
        done = archive.unpack(packed(*both), tmp_path / str(i), labels=labels)
        assert folder.read(done.folder, labels=done.labels).classes == classes
        assert staging.origin(done.folder).notes[0] == "Unpacked: 6 images in 2 classes."
    with pytest.raises(archive.ArchiveError, match=r"no list of labels gone\.csv"):
        archive.unpack(packed(*both), tmp_path / "out", labels="gone.csv")
    with pytest.raises(archive.ArchiveError, match="which column is what"):
        archive.unpack(packed(*flat, ("set/a.csv", "")), tmp_path / "out", labels="a.csv")
