"""Overlays as one picture to take away: side by side, each with its title, colour bar and caption."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from cnnviz import picture
from cnnviz.attribution import methods
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.attribution.masking import Erasure
from cnnviz.attribution.regions import caption
from cnnviz.caption import GROUND as GROUND
from cnnviz.caption import Bar, beside, captioned


def figure(
    drawn: Sequence[Image.Image],
    heats: Sequence[Heatmap],
    colour_map: str = picture.HEAT,
    titles: Sequence[str] = (),
    erased: Erasure | None = None,
) -> Image.Image:
    """Pictures side by side at the height of the lowest, under each its title, colour bar and caption.

    `heats` are the maps that `drawn` show in the colours of `colour_map`; a title left out names class, method, layer.
    What is `erased` in the first picture, whose map is of the whole photo, is said in its caption.
    """
    height = min(one.height for one in drawn)
    parts = []
    for i, (one, heat) in enumerate(zip(drawn, heats, strict=True)):
        sized = one.resize((max(1, round(one.width * height / one.height)), height), Image.Resampling.LANCZOS)
        named = (titles[i] if titles else "") or title(heat)
        told = caption(heat) if erased is None or i else f"{caption(heat)} The map is of the whole photo. {erased.told}"
        parts.append(captioned(sized if len(drawn) > 1 else one, named, _bar(heat, colour_map), told))
    return beside(parts)


def title(heat: Heatmap) -> str:
    """What a map is of: class, method, and the layer where it has one."""
    method = methods.method(heat.method).title
    return ", ".join([heat.subject, method, *([] if heat.layer == "input" else [heat.layer])])


def _bar(heat: Heatmap, colour_map: str) -> Bar:
    """The colours with their numbers, and what they are scaled to."""
    most = max(heat.top, heat.reach)
    scaled = "one scale" if heat.top > 0 else "scaled to the map's own maximum"
    return Bar("≤ 0", f"{most:.3g}, {scaled}" if most > 0 else "nothing above 0", colour_map)
