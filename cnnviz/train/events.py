"""The events of a run: one line of JSON each, appended while it trains, read again and again while it is watched."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENDS = ("finished", "stopped", "failed")
KEPT = 64  # files whose events are remembered
LARGEST = 2**63  # of a number
BACK = 64  # bytes before the place read up to that have to be the same still

Event = dict[str, Any]


def read(path: Path, outline: bool = False) -> list[Event]:
    """All events of a file in the order written; empty without one.

    `outline` leaves out, unparsed, those of single steps: nearly all of them, and nothing that a list of runs shows.
    A line that a crash left incomplete, or whose step is no number, is left out. Only what was appended since the last
    time is read.
    """
    with _LOCK:
        try:
            with path.open("rb") as file:
                known = _READ.pop((str(path), outline), None) or _Read()
                file.seek(max(0, known.offset - BACK))
                if file.read(min(BACK, known.offset)) != known.tail:  # another file by now
                    known = _Read()
                    file.seek(0)
                new = file.read()
        except OSError:
            return []
        whole, _, rest = new.rpartition(b"\n")
        lines = whole.split(b"\n")
        if outline:  # the last one tells whether the run has ended
            lines = [*(line for line in lines[:-1] if not line.startswith(_STEPS)), lines[-1]]
        found = [event for line in lines if (event := parsed(line))]
        known.events.extend(found)
        seen = known.tail + new[: len(new) - len(rest)]
        known.offset, known.tail = known.offset + len(new) - len(rest), seen[-BACK:]
        _READ[str(path), outline] = known
        while len(_READ) > KEPT:
            _READ.popitem(last=False)
        last = parsed(rest)
        return [*known.events, *([last] if last else [])]


def complete(event: Event) -> bool:
    """Whether an event carries what those of its kind do, so that a page can show it."""
    for key, wanted in _CARRIED.get(event["event"], {}).items():  # loops, as a run may have a hundred thousand
        if not _is(event.get(key), wanted):
            return False
    return _amount(event.get("val", 0)) and _amount(share := event.get("accuracy", 0)) and bool(share <= 1)


def standing(events: Sequence[Event]) -> Iterator[Event]:
    """The events without those that a run went back behind when it was resumed, or had to begin anew."""
    kept: list[Event] = []
    for event in events:
        if event.get("event") in ("resume", "start"):
            kept = [old for old in kept if old.get("step", 0) <= event["step"] and old.get("event") not in ENDS]
        kept.append(event)
    yield from kept


def weighed(head: Event) -> str:
    """Whether the classes weigh the same in a solved head, and why, in one sentence; empty where nothing decided it."""
    if head.get("weighted") is True:
        return (
            "Classes of few images weigh as much as the others: cross-validation has no more images right without that."
        )
    if head.get("weighted") is False:
        return "Classes weigh by their images: cross-validation has more images right than with equal weights."
    return ""


@dataclass
class _Read:
    """How far a file was read, the bytes before that place, and the events in them."""

    offset: int = 0
    tail: bytes = b""
    events: list[Event] = field(default_factory=list)


def parsed(line: bytes) -> Event | None:
    """The event in a line; None where it is none."""
    event: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        event = json.loads(line)
    if not isinstance(event, dict) or not isinstance(kind := event.get("event"), str):
        return None
    if kind in ("start", "resume") and "step" not in event:
        return None
    for key in _NUMBERS:
        if key in event and not _amount(event[key]):
            return None
    return event


def _amount(value: Any) -> bool:
    """Whether it is a number of things, of seconds, a share: finite, and not below zero. A loss may be anything."""
    return type(value) in (int, float) and 0 <= value < LARGEST


def _is(value: Any, wanted: type) -> bool:
    if isinstance(value, int) and abs(value) >= LARGEST:
        return False  # no float holds it
    return isinstance(value, (int, float) if wanted is float else wanted) and not isinstance(value, bool)


def _keys(numbers: str, words: str = "") -> Mapping[str, type]:
    return dict.fromkeys(numbers.split(), float) | dict.fromkeys(words.split(), str)


_NUMBERS = ("step", "time", "epoch", "done", "of", "images_per_second")  # wherever they stand
_CARRIED = {  # what events of a kind have to carry to be shown
    "start": _keys("step steps parameters trainable", "device"),
    "resume": _keys("step steps parameters trainable", "device"),
    "step": _keys("time step epoch loss"),
    "epoch": _keys("epoch step train_loss train_accuracy valid_loss accuracy error_rate seconds"),
    "best": _keys("step valid_loss accuracy"),
    "rate": _keys("rate loss"),
    "l2": _keys("l2 loss accuracy of"),
    "head": _keys("l2 images"),
    "found": _keys("rate"),
    "warning": _keys("", "message"),
    "unreadable": _keys("", "message"),
    "left_out": _keys("", "message"),
}
_STEPS = tuple(f'{{"event": "{kind}",'.encode() for kind in ("step", "snapshot", "rate"))  # how their lines begin
_READ: OrderedDict[tuple[str, bool], _Read] = OrderedDict()
_LOCK = threading.Lock()
