"""The checks of a map: one view at a time beneath it, and only that one is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnviz.ui.components.camcanvas.look import Look
from cnnviz.ui.server import startup
from cnnviz.ui.views import numbers
from cnnviz.ui.views.class_activation import evidence, trust
from cnnviz.ui.views.class_activation.question import Case
from cnnviz.ui.views.class_activation.raw import raw
from cnnviz.ui.widgets import controls, show

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

SLOW = {"Faithfulness": trust.faithful, "Sanity check": trust.sane}


def choose() -> str:
    """Which check is shown."""
    return controls.switch(
        "Checks", "proof", evidence.VIEWS, "Raw map", parse=lambda text: evidence.FORMERLY.get(text, text),
        label_visibility="collapsed",
    )  # fmt: skip


def quick(view: str, case: Case, heat: Heatmap, look: Look) -> None:
    """A check that is there at once, or nearly; a sentence where the map's method has none."""
    engine, key, photo, row = case.engine, case.key, case.photo, startup.methods()[heat.method]
    if view == "Raw map":
        raw(engine, key, photo, heat)
    elif view == "Contributions":
        contributions(engine, key, photo, heat)
    elif view == "All layers":
        if row.reads == "maps":
            evidence.ladder(engine, key, photo, [p.index for p in case.said[:3]], heat)
        else:
            show.say(f"{row.title} is not computed for all layers; choose a method based on a layer's feature maps.")
    elif view == "Regions":
        evidence.pieces(photo, heat, look)


def contributions(engine: Engine, key: str, photo: Photo, heat: Heatmap) -> None:
    """From the class to channels, to a value of one, to the products it is the sum of."""
    if heat.layer == "input":
        title = startup.methods()[heat.method].title
        show.say(f"{title} is pixel-based: no layer is used, so there are no contributions of channels.")
    else:
        numbers.down(engine, key, photo, heat)


def slow(view: str, case: Case, heat: Heatmap, waits: bool) -> None:
    """A check that takes its time; while the map `waits`, only a word about it."""
    if view not in SLOW:
        return
    check = SLOW[view]
    if waits:
        show.say("Computed after the map.")
    else:
        check(case.engine, case.key, case.photo, heat)
