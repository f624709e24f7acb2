"""How a heat map lies over its photo, as the browser says it and as it stands in a link."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

from cnnviz import picture
from cnnviz.ui.components.shared.told import UNFIT, share

MODES = ("overlay", "split", "blink")
VIEWS = ("photo", "seen")
LONGEST = 4000  # characters of strokes in a link: some 1,500 places of the brush
FAR = 4.0  # sides of the photo: no place of the brush is further away
STEPS = 1000  # the brush's places are thousandths of what the net saw, so that a link keeps them exactly

_DIGITS = string.ascii_letters + string.digits + "-_"  # what stands in an address as it is
_FAR = 63  # the digit that announces a place by itself instead of the way from the one before
_MOST = 31  # thousandths: the longest way, across or down, that one digit holds


@dataclass(frozen=True)
class Look:
    """How a map lies over its photo, and what has been wiped away: strokes of (x, y, radius) over what the net saw."""

    opacity: float = picture.OPACITY
    threshold: float = 0.0
    colours: str = picture.HEAT
    mode: str = MODES[0]
    view: str = VIEWS[0]
    contours: bool = False
    boxes: bool = False
    split: float = 0.5
    strokes: tuple[tuple[tuple[float, float, float], ...], ...] = ()
    shared: bool = False  # one scale for all classes
    uniform: bool = False  # as opaque where it is cold as where it is hot


def read(said: Any, digest: str) -> Look:
    """What the browser says, as far as it is a look; nothing from outside is believed."""
    plain = Look()
    if not isinstance(said, dict):
        return plain
    try:
        strokes = tuple(
            tuple((share(x, -FAR, FAR), share(y, -FAR, FAR), share(r, 0, FAR)) for x, y, r in stroke)
            for stroke in said["strokes"]
        )
    except UNFIT:
        strokes = ()
    return Look(
        _share(said.get("opacity"), plain.opacity),
        _share(said.get("threshold"), plain.threshold),
        _one_of(said.get("colours"), picture.HEAT_MAPS, plain.colours),
        _one_of(said.get("mode"), MODES, plain.mode),
        _one_of(said.get("view"), VIEWS, plain.view),
        said.get("contours") is True,
        said.get("boxes") is True,
        _share(said.get("split"), plain.split),
        strokes if said.get("photo") == digest else (),
        said.get("shared") is True,
        said.get("uniform") is True,
    )


def to_link(look: Look) -> str:
    """A look in few characters, for a link; strokes come along unless there are far too many (`too_long`)."""
    digits = "".join(str(int(on)) for on in (look.contours, look.boxes, look.shared, look.uniform))
    flags = digits[:2] + digits[2:].rstrip("0")
    text = f"{look.opacity:g},{look.threshold:g},{look.colours},{look.mode},{look.view},{flags},{look.split:g}"
    drawn = _packed(look)
    return f"{text},{drawn}" if drawn and len(drawn) <= LONGEST else text


def too_long(look: Look) -> bool:
    """Whether there are more strokes than a link holds."""
    return len(_packed(look)) > LONGEST


def from_link(text: str) -> Look:
    """The look that a link asks for, as far as it makes sense."""
    parts = (text.split(",") + [""] * 8)[:8]
    try:
        drawn = [_unpacked(stroke) for stroke in parts[7].split("~") if stroke]
        said = {
            "opacity": float(parts[0]),
            "threshold": float(parts[1]),
            "split": float(parts[6]),
            "strokes": drawn,
            "photo": "",
        }
    except (ValueError, IndexError):
        return Look()
    said |= {"colours": parts[2], "mode": parts[3], "view": parts[4]}
    flags = dict(zip(("contours", "boxes", "shared", "uniform"), (digit == "1" for digit in parts[5]), strict=False))
    return read(said | flags, "")


def _packed(look: Look) -> str:
    """All strokes: each its radius, where it begins, and a digit for each way across and down to the next place."""
    return "~".join(_stroke([tuple(round(STEPS * n) for n in dab) for dab in s]) for s in look.strokes if s)


def _stroke(dabs: list[tuple[int, ...]]) -> str:
    (x, y, radius), text = dabs[0], ""
    text = _pair(radius) + _pair(x + STEPS) + _pair(y + STEPS)
    for left, top, _ in dabs[1:]:
        across, down = left - x, top - y
        near = max(abs(across), abs(down)) <= _MOST
        far = _DIGITS[_FAR] + _pair(left + STEPS) + _pair(top + STEPS)
        text += _DIGITS[across + _MOST] + _DIGITS[down + _MOST] if near else far
        x, y = left, top
    return text


def _unpacked(text: str) -> list[tuple[float, float, float]]:
    """The places of one stroke; `ValueError` or `IndexError` where it is none."""
    digits = [_DIGITS.index(c) for c in text]
    radius, x, y = (64 * digits[i] + digits[i + 1] - (STEPS if i else 0) for i in (0, 2, 4))
    places, at = [(x, y)], 6
    while at < len(digits):
        if digits[at] == _FAR:
            x, y = (64 * digits[at + i] + digits[at + i + 1] - STEPS for i in (1, 3))
            at += 5
        else:
            x, y = x + digits[at] - _MOST, y + digits[at + 1] - _MOST
            at += 2
        places.append((x, y))
    return [(x / STEPS, y / STEPS, radius / STEPS) for x, y in places]


def _pair(number: int) -> str:
    """A number from 0 to 4,095 as two digits."""
    high, low = divmod(min(4095, max(0, number)), 64)
    return _DIGITS[high] + _DIGITS[low]


def _share(value: Any, otherwise: float) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
    return round(float(value), 3) if good else otherwise


def _one_of(value: Any, choices: tuple[str, ...], otherwise: str) -> str:
    return value if value in choices else otherwise
