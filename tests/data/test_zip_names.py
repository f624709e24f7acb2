"""Names in a zip are read as they were meant, and only then parted into folders."""

from __future__ import annotations

import zipfile

import pytest

from cnnviz.data.zip_names import UTF8, code_page, names


def entry(raw: bytes, flag: int = 0) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo("x")
    found.orig_filename, found.flag_bits = raw.decode("utf-8" if flag else "cp437"), flag
    return found


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("utf-8", ["Äpfel", "кошки", "猫"]),
        ("gb18030", ["猫", "狗", "图片", "训练"]),
        ("gb18030", ["苹果"]),
        ("cp932", ["ねこ", "カタカナ"]),
        ("cp949", ["고양이", "강아지", "사진", "자동차"]),
        ("big5", ["蘋果", "香蕉"]),
        ("cp437", ["Äpfel", "Größe", "café", "Ñandú"]),
        ("cp866", ["кошки", "Яблоки"]),
        ("cp1251", ["кошки", "Собаки", "яблоки"]),
        ("cp1252", ["été", "Äpfel"]),
    ],
)
def test_the_code_page_is_the_one_that_makes_words(page, words):
    assert code_page([word.encode(page) for word in words]) == page


def test_a_backslash_parts_folders_only_as_a_character_of_its_own():
    found = names(
        [entry("十能/功.png".encode("big5")), entry("一\\二.png".encode("big5")), entry("\u732b/a.png".encode(), UTF8)]
    )
    assert found == ["十能/功.png", "一/二.png", "猫/a.png"]
    assert "功".encode("big5").endswith(b"\\")


def test_any_bytes_are_some_name(rng):
    for _ in range(50):
        raw = bytes(rng.integers(1, 256, 12, dtype="uint8"))
        assert names([entry(raw)])[0]
