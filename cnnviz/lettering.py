"""Words on pictures: in fonts of this machine that have their letters, in lines that fit.

A letter that no font here has is written as its code point, such as U+732B, and never as an empty box.
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
INK = (34, 38, 43)
NOTE = "U+ and a number stand for a letter that no font on this machine has."
PROBE = 20  # px: the size at which fonts are asked for their letters
NOBODY = "\U0010ffff"  # a code point that will never be a letter
PLAIN = {"×": "x", "²": "2", "−": "-", "→": "to", "·": ",", "≤": "<="}  # for a machine whose fonts lack these
MOST = 600  # fonts that are looked into
FIRST = ("dejavusans.", "notosans-", "notosanscjk", "notosans", "arial", "unicode")  # tried first, by name


def legible(text: str) -> str:
    """The text without accents that no font here has, and with code points for letters that none has."""
    parts = groupby("".join(map(_bare, _plain(text))), key=lambda char: _at(char) is not None)
    return "".join("".join(run) if there else " ".join(f"U+{ord(char):04X}" for char in run) for there, run in parts)


def complete(texts: Sequence[str]) -> bool:
    """Whether there is a font for every letter."""
    return all(_at(char) is not None for text in texts for char in "".join(map(_bare, _plain(text))))


def noted(words: str, texts: Sequence[str]) -> str:
    """The words below a picture with these texts; where a letter has no font, with what stands for it."""
    return words if complete(texts) else f"{words} {NOTE}"


def length(text: str, size: int) -> float:
    """How wide a line is, in px."""
    return sum(font.getlength(run) for font, run in _runs(legible(text), size))


def write(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, ink: tuple[int, int, int] = INK
) -> float:
    """Write a line with its upper left corner `at`; the x where it ends."""
    x, y = at
    line = y + ImageFont.load_default(size).getbbox("Mg", anchor="ls")[1] * -1  # one baseline for all fonts
    for font, run in _runs(legible(text), size):
        pen.text((x, line), run, ink, font, anchor="ls")
        x += font.getlength(run)
    return x


def wrapped(text: str, width: float, size: int) -> list[str]:
    """The text in lines of at most so many px; a word that is wider is broken."""
    lines, line = [], ""
    for word in legible(text).split():
        longer = f"{line} {word}" if line else word
        if length(longer, size) <= width:
            line = longer
            continue
        lines += [line] if line else []
        line = word
        while length(line, size) > width and len(line) > 1:
            cut = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or length(line[:n], size) <= width)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line] if line else lines


def _plain(text: str) -> str:
    """Letters and their accents as one where they can be, controls as spaces."""
    joined = unicodedata.normalize("NFC", text)
    return "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in joined)


def _bare(char: str) -> str:
    """A letter, or where there is a font for it only in a plainer form, without its accents, that."""
    if _at(char) is not None:
        return char
    plain = PLAIN.get(char) or "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c))
    return plain if plain and all(_at(c) is not None for c in plain) else char


def _runs(text: str, size: int) -> list[tuple[Font, str]]:
    """A line in pieces of one font each; spaces and marks belong to what they follow."""
    places, last = [], 0
    for char in text:
        last = last if char.isspace() or unicodedata.combining(char) else _at(char) or 0
        places.append(last)
    pieces = groupby(zip(places, text, strict=True), key=lambda one: one[0])
    return [(_font(place, size), "".join(char for _, char in piece)) for place, piece in pieces]


@functools.lru_cache(4096)
def _at(char: str) -> int | None:
    """The place of the first font that has a letter: 0 is Pillow's own; None where no font has it."""
    if char.isspace() or unicodedata.category(char) in ("Cf", "Mn", "Me"):
        return 0
    return next((i for i in range(len(_files()) + 1) if _has(i, char)), None)


def _has(place: int, char: str) -> bool:
    try:
        font = _font(place, PROBE)
        drawn, nobody = font.getmask(char), font.getmask(NOBODY)
    except (OSError, ValueError, UnicodeError):
        return False
    return drawn.size != nobody.size or bytes(drawn) != bytes(nobody)


@functools.lru_cache(1024)
def _font(place: int, size: int) -> Font:
    return ImageFont.truetype(_files()[place - 1], size) if place else ImageFont.load_default(size)


@functools.cache
def _files() -> tuple[str, ...]:
    """Fonts of this machine, those with many letters first."""
    home = Path.home()
    if sys.platform == "win32":
        folders = [Path("C:/Windows/Fonts"), home / "AppData/Local/Microsoft/Windows/Fonts"]
    elif sys.platform == "darwin":
        folders = [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    else:
        folders = [
            Path("/usr/share/fonts"),
            Path("/usr/local/share/fonts"),
            home / ".fonts",
            home / ".local/share/fonts",
        ]
    found = [
        path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in (".ttf", ".ttc", ".otf")
    ]

    def rank(path: Path) -> tuple[int, str]:
        name = path.name.lower()
        return next((i for i, begin in enumerate(FIRST) if begin in name), len(FIRST)), name

    return tuple(map(str, sorted(found, key=rank)[:MOST]))
