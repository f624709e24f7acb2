"""The names in a zip: UTF-8 where they say so or decode so, else in the one code page that makes words of all of them.

A zip says of each name whether it is UTF-8 or "the code page of the machine it was made on", and not which one that is.
Folders are parted only after that: the second byte of a Chinese or Japanese character may be that of a backslash.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Sequence
from functools import lru_cache

UTF8 = 0x800  # the flag bit of a name in UTF-8
PAGES = ("cp437", "gb18030", "cp932", "cp949", "big5", "cp866", "cp850", "cp1252", "cp1251")  # the first of equals wins
EVERYDAY = range(0xB0, 0xD8)  # first bytes, in GB 2312, of the 3,755 characters in common use
COMMON = range(0xA4, 0xC7)  # and in Big5, of its 5,401
HANGUL = range(0xAC00, 0xD7A4)
FEW = 1000  # names that are looked at


def names(entries: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The name of each entry with / between folders, as it was meant."""
    raw = [b"" if entry.flag_bits & UTF8 else entry.orig_filename.encode("cp437", "replace") for entry in entries]
    page = code_page(raw)
    decoded = (
        name.decode(page, "replace") if name else entry.orig_filename for entry, name in zip(entries, raw, strict=True)
    )
    return [name.replace("\\", "/") for name in decoded]


def code_page(names: Sequence[bytes]) -> str:
    """UTF-8 where all names decode so, else the code page in which those above ASCII are most like words."""
    odd = [name for name in dict.fromkeys(names) if not name.isascii()]
    if all(map(_is_utf8, odd)):
        return "utf-8"
    few = odd[:: max(1, len(odd) // FEW)]
    return max(PAGES, key=lambda page: _likeness(few, page))


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _likeness(names: Sequence[bytes], page: str) -> float:
    """How much like words names are in a code page by their bytes above ASCII, 0 to 1; -1 where it has no such."""
    try:
        words = {word for name in names for word in re.split(r"[/\\._ -]", name.decode(page))}
    except UnicodeDecodeError:
        return -1.0
    syllables = {c for word in words for c in word if ord(c) in HANGUL}
    total = weight = 0.0
    for word in words:
        mixed = 0.5 if len({_script(c) for c in word if c.isalpha()}) > 1 else 1.0
        for i, character in enumerate(word):
            if ord(character) > 127:
                size = len(character.encode(page))
                total += size * mixed * _commonness(word, i, len(syllables))
                weight += size
    return total / max(weight, 1.0)


def _commonness(word: str, i: int, syllables: int) -> float:
    """From 0 to 1, how likely the character of a word at `i`, which is not ASCII, stands in a name."""
    character, script = word[i], _script(word[i])
    if script in ("HIRAGANA", "KATAKANA"):
        return 1.0
    if script == "HANGUL":  # the bytes of a few syllables may be Chinese as well, those of many hardly
        return min(0.97, 0.9 + 0.007 * syllables) if _has(character, "euc_kr") else 0.2
    if script == "CJK":
        return 0.95 if _everyday(character) else 0.5 if _has(character, "gb2312") or _has(character, "big5") else 0.25
    if script not in ("LATIN", "CYRILLIC"):
        return 0.0
    if character.isupper() and i and word[i - 1].islower():
        return 0.3  # as words are hardly ever written
    accented = sum(ord(c) > 127 for c in word)
    return 0.9 if script == "CYRILLIC" or 2 * accented <= len(word) else 0.6


def _everyday(character: str) -> bool:
    try:
        return character.encode("gb2312")[0] in EVERYDAY
    except UnicodeEncodeError:
        return character.encode("big5", "replace")[0] in COMMON


def _has(character: str, page: str) -> bool:
    try:
        return bool(character.encode(page))
    except UnicodeEncodeError:
        return False


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """LATIN, CYRILLIC, CJK or another; nothing for what is no letter."""
    name = unicodedata.name(character, "") if character.isalpha() else ""
    return re.split("[ -]", name)[0]
