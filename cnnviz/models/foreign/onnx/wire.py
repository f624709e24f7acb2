"""A walk over the bytes of a protobuf message before it is parsed: how much memory parsing would take.

A message of two bytes becomes an object of some two hundred, so fifty megabytes of them would take five gigabytes. The
walk also refuses what no version known here has: unknown fields, and messages nested deeper than any model's.
"""

from __future__ import annotations

import functools
from typing import Any

from cnnviz.models.foreign.graph import ForeignError

FIELDS = 400_000  # the largest file looked at, of 1,500 nodes with all of the exporter's notes, has 90,000
DEPTH = 12
NEEDS = 256 << 20  # bytes beyond those of the file
MESSAGE, TEXT, WORDS, NUMBER = 256, 48, 49, 8  # bytes that parsing one of them takes at most; words are text to read
PLAIN = (TEXT, WORDS, NUMBER)
VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5  # wire types; others are long out of use


def weigh(data: bytes, kind: Any, name: str) -> int:
    """The number of bytes that parsing a message of that kind (a protobuf descriptor) takes beside the data's own.

    Raises `ForeignError` where the bytes are no such message, or would need too much.
    """
    scale = _Scale(data, name)
    scale.message(0, len(data), kind, 0)
    return scale.cost


class _Scale:
    """The walk, and what it has counted so far."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name = data, name
        self.fields = self.cost = 0

    def message(self, at: int, end: int, kind: Any, depth: int) -> None:
        """The fields from one position to another, and those of the messages inside."""
        if depth > DEPTH:
            raise ForeignError(f"{self.name} is nested deeper than any network; export it again.")
        known = _known(kind)
        while at < end:
            tag, at = self.number(at, end)
            number, wire = tag >> 3, tag & 7
            if number not in known:
                raise ForeignError(
                    f"{self.name} has parts that are unknown here (field {number} of {kind.name}); export it again."
                )
            self.count()
            at = self.field(at, end, wire, known[number], depth)

    def field(self, at: int, end: int, wire: int, inner: Any, depth: int) -> int:
        """The position behind the value of one field."""
        if wire == VARINT:
            return self.number(at, end)[1]
        if wire == LENGTH:
            size, at = self.number(at, end)
            if size <= end - at:
                self.taken(size, inner)
                if inner == WORDS:
                    self.words(at, at + size)
                elif inner not in PLAIN:
                    self.message(at, at + size, inner, depth + 1)
                return at + size
        stop = at + {EIGHT: 8, FOUR: 4}.get(wire, end)
        if stop > end:
            raise ForeignError(f"{self.name} is damaged: it is incomplete; download or export it again.")
        return stop

    def taken(self, size: int, inner: Any) -> None:
        """Counts what a field of that many bytes becomes."""
        self.cost += NUMBER * size if inner == NUMBER else TEXT if inner in PLAIN else MESSAGE
        if self.cost > NEEDS:
            raise ForeignError(f"{self.name} would need too much memory to be read; export it again.")

    def words(self, at: int, end: int) -> None:
        """Refuses text that is none."""
        try:
            self.data[at:end].decode()
        except UnicodeDecodeError:
            raise ForeignError(
                f"{self.name} is damaged: a name in it is no text; download or export it again."
            ) from None

    def count(self) -> None:
        """Counts one more field."""
        self.fields += 1
        self.cost += NUMBER
        if self.fields > FIELDS:
            raise ForeignError(f"{self.name} has more than {FIELDS} parts, which no network has; export it again.")

    def number(self, at: int, end: int) -> tuple[int, int]:
        """A number written in seven bits a byte, and the position behind it."""
        found = 0
        for shift in range(0, 70, 7):
            if at >= end:
                break
            byte = self.data[at]
            at += 1
            found |= (byte & 127) << shift
            if byte < 128:
                return found, at
        raise ForeignError(f"{self.name} is damaged: a number in it has no end; download or export it again.")


@functools.cache
def _known(kind: Any) -> dict[int, Any]:
    """The fields of a message by number: the kind of the message inside, WORDS, TEXT, or NUMBER."""
    plain = {kind.fields[0].TYPE_STRING: WORDS, kind.fields[0].TYPE_BYTES: TEXT}
    return {field.number: field.message_type or plain.get(field.type, NUMBER) for field in kind.fields}
