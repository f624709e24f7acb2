r"""Names of files and folders as text: whatever bytes a name is made of, a page, a terminal and JSON can hold it.

Python hands bytes that are not UTF-8 on as lone surrogates (PEP 383), which none of these can.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

SAVED = range(0xDC80, 0xDD00)  # how PEP 383 writes a byte from 0x80 to 0xFF
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # what turns the direction of the text around it


def printable(name: str) -> str:
    r"""A name with the bytes that are not UTF-8, and what a terminal would obey, as \xe9 or \r; others unchanged."""
    if name.isprintable():
        return name
    return "".join(map(_shown, name))


def sentence(text: str) -> str:
    """As `printable`, with the ends of lines kept."""
    return "\n".join(map(printable, text.split("\n")))


def first(names: Sequence[str], most: int) -> str:
    """The first of some names, separated by commas, and how many more there are: "a, b and 3 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _shown(character: str) -> str:
    if ord(character) in SAVED:
        return f"\\x{ord(character) - 0xDC00:02x}"
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in TURNING:
        return character.encode("unicode_escape").decode()
    return character
