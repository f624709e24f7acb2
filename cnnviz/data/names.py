"""Names of files and folders from strangers, as any system can write them."""

from __future__ import annotations

import os
import unicodedata

from cnnviz.data.left_out import hidden
from cnnviz.options import RequestError
from cnnviz.printable import TURNING

LONGEST = 200  # bytes of a name
CLASS = 60  # characters of the name of a class that somebody types
FORBIDDEN = ':*?"<>|'  # by one system or another


def safe(part: str) -> str:
    """A name that any system can write: no colon, nothing invisible, at most 200 bytes with its ending."""
    plain = "".join("_" if c in FORBIDDEN or unicodedata.category(c) in ("Cc", "Cs") else c for c in part)
    stem, ending = os.path.splitext(plain)
    while len((stem + ending).encode()) > LONGEST and stem:
        stem = stem[:-1]
    return stem + ending


def of_class(typed: str) -> str:
    """The name of a class that somebody typed, as its folder can have it. Raises `RequestError` where none is left."""
    plain = unicodedata.normalize("NFC", " ".join(typed.split()))
    plain = "".join("_" if c in "/\\" + TURNING else c for c in plain)[:CLASS]
    name = safe(plain).strip(" .")
    if not any(map(str.isalnum, name)) or hidden(name):
        raise RequestError("Give the class a name of letters and digits.")
    return name
