"""What the numbers of a page on the screen come to: contrast, layout shift, what lies above the fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RGB = tuple[float, float, float]
WHITE: RGB = (255.0, 255.0, 255.0)
GAP, LONGEST = 1000.0, 5000.0  # ms: layout shifts within these belong to one window


def shift(entries: Iterable[Mapping[str, Any]]) -> float:
    """Cumulative layout shift: the largest sum of shifts within one window of at most 5 s without a pause of 1 s.

    web.dev/articles/cls
    """
    worst = total = 0.0
    began = last = float("-inf")
    for entry in sorted(entries, key=lambda entry: entry["at"]):
        if entry["at"] - last > GAP or entry["at"] - began > LONGEST:
            began, total = entry["at"], 0.0
        total += entry["value"]
        last, worst = entry["at"], max(worst, total)
    return worst


def luminance(colour: Sequence[float]) -> float:
    """The relative luminance of an sRGB colour (r, g, b) in 0..255, 0..1. WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """The contrast of two colours, 1..21. WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def over(colour: Sequence[float], ground: RGB) -> RGB:
    """A colour (r, g, b, alpha) laid over an opaque one."""
    r, g, b, alpha = colour
    return _mixed((r, g, b), ground, alpha)


def seen(colour: Sequence[float], beneath: Sequence[Mapping[str, Any]], ground: RGB = WHITE) -> tuple[RGB, RGB]:
    """The colours one sees of a text and of what lies beneath it, through the opacities of everything around it.

    `colour` is the text's (r, g, b, alpha); `beneath` are its ancestors from the page inwards, each with its background
    `colour` and `opacity`.
    """
    if not beneath:
        return over(colour, ground), ground
    outer, *inner = beneath
    text, back = seen(colour, inner, over(outer["colour"], ground))
    return _mixed(text, ground, outer["opacity"]), _mixed(back, ground, outer["opacity"])


def contrast(text: Mapping[str, Any]) -> float | None:
    """The contrast of a text as screen.js tells of it; None where a picture lies beneath it, or it is switched off."""
    if text["idle"] or any(layer["image"] for layer in text["beneath"]):
        return None
    return ratio(*seen(text["colour"], text["beneath"]))


def inside(box: Mapping[str, float] | None, width: float, height: float) -> bool:
    """Whether a box (x, y, width, height) lies completely in the window; a fraction of a pixel may stand out."""
    if box is None:
        return False
    right, bottom = box["x"] + box["width"], box["y"] + box["height"]
    return box["x"] >= -1 and box["y"] >= -1 and right <= width + 1 and bottom <= height + 1


def _mixed(one: RGB, other: RGB, share: float) -> RGB:
    r, g, b = (share * a + (1 - share) * z for a, z in zip(one, other, strict=True))
    return r, g, b
