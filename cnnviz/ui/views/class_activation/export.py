"""What is taken away of the map, or of two side by side: its PNG, its numbers, its Python and its link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from cnnviz.script import HEAT, PHOTO, Name, call, opened, script
from cnnviz.ui.components.camcanvas.look import Look
from cnnviz.ui.session import current
from cnnviz.ui.session.link import noted
from cnnviz.ui.views.class_activation.beside import Side
from cnnviz.ui.views.class_activation.evidence import file_name
from cnnviz.ui.views.class_activation.question import Question
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from cnnviz.attribution.masking import Erasure


SIDE = 1600  # px: the longer side of a picture


def take_away(sides: Sequence[Side], look: Look, stands: str, erased: Erasure | None, view: Mapping[str, Any]) -> None:
    """The row under the map, or under two; `view` is what else stands in the link."""
    first = sides[0]
    how, titles = drawing(look), titles_of(sides)

    def drawn() -> Image.Image:
        from cnnviz.attribution import figure, overlay  # bring in torch, which is there by now

        made = [
            overlay.overlay(one.photo, one.shown, look.opacity, look.colours, **_of(how, one, first)) for one in sides
        ]
        return figure.figure(made, [one.shown for one in sides], look.colours, titles, erased)

    heat = first.shown
    arrays: dict[str, Callable[[], np.ndarray]] = {"signed": lambda: heat.raw, "scaled 0 to 1": lambda: heat.values}
    if len(sides) > 1:
        second = sides[1].shown
        arrays = {"signed": lambda: heat.raw, "second, signed": lambda: second.raw}
    link = current.link("class_activation", **_in_link(first.chosen, stands), **view)
    show.take_away(
        "heatmap", picture=drawn, array=arrays, python=python(sides, look, erased),
        link=link, file=file_name(first.photo, heat, "erased" if erased is not None else ""),
    )  # fmt: skip


def titles_of(sides: Sequence[Side]) -> tuple[str, ...]:
    """What two are called; one alone is named by class, method and layer."""
    return tuple(one.title for one in sides) if len(sides) > 1 else ()


def drawing(look: Look) -> dict[str, Any]:
    """How `cnnviz.attribution.overlay` draws what the canvas shows, besides opacity and colour map."""
    how: dict[str, Any] = {"side": SIDE, "threshold": look.threshold, "contours": look.contours, "boxes": look.boxes}
    how |= {"seen": look.view == "seen", "alpha": "" if look.uniform else "heat", "strokes": look.strokes}
    return {name: value for name, value in how.items() if value}


def python(sides: Sequence[Side], look: Look, erased: Erasure | None) -> str:
    """The lines that compute and draw the same again."""
    first, how, lines, named, made = sides[0], drawing(look), [], [], []
    for one, ending in zip(sides, ("", "_2"), strict=False):
        photo, heat = (Name(f"{name}{ending}") if ending else name for name in (PHOTO, HEAT))
        if one.photo == first.photo:
            photo = PHOTO
        elif ending:
            lines.append(f"{photo} = cnnviz.{opened(one.photo)}")
        scaled = f".scaled({one.shown.top!r})" if one.shown.top else ""
        lines.append(f"{heat} = {call('engine.heatmap', one.key, photo, **_named(one.chosen))}{scaled}")
        named.append(heat)
        made.append(call("overlay.overlay", photo, heat, look.opacity, look.colours, **_of(how, one, first)))
    lines += [f"{'drawn'}{'' if i == 0 else '_2'} = {one}" for i, one in enumerate(made)]
    drawn = [Name(f"drawn{'' if i == 0 else '_2'}") for i in range(len(made))]
    words: dict[str, object] = {"titles": titles} if (titles := titles_of(sides)) else {}
    if erased is not None:
        strokes, words["erased"] = [[list(dab) for dab in stroke] for stroke in look.strokes], Name("erased")
        lines.append(f"erased = {call('engine.erase', first.key, PHOTO, strokes, first.shown.target)}")
    lines.append(f"{call('figure.figure', drawn, named, look.colours, **words)}.save('heat.png')")
    imports = ["import cnnviz", "from cnnviz.attribution import figure, overlay"]
    return script(*lines, imports=imports, engine=True, opening=show.opening(first.photo))


def _of(how: Mapping[str, Any], one: Side, first: Side) -> dict[str, Any]:
    """How one of two is drawn: strokes are of the first one's photo."""
    return {name: value for name, value in how.items() if name != "strokes" or one.photo == first.photo}


def _named(asked: Question) -> dict[str, object]:
    """A question as the engine takes it."""
    question: dict[str, object] = {"target": asked.target, "layer": asked.layer, "method": asked.method}
    question |= {"options": vars(asked.given)} if asked.given else {}
    question |= {"versus": asked.versus} if asked.versus is not None else {}
    return question | ({"against": True} if asked.against else {})


def _in_link(asked: Question, stands: str) -> dict[str, Any]:
    """A question as it stands in a link, and the look of the canvas."""
    knobs = {f"{asked.method}-{name}": value for name, value in vars(asked.given).items()} if asked.given else {}
    view = {"class": -1 if asked.target is None else asked.target, "at": asked.layer, "method": asked.method}
    view |= {"against": asked.against, "versus": -1 if asked.versus is None else asked.versus, **knobs}
    return view | {"proof": st.session_state.get("proof", "Raw map"), "unit": noted("unit") or "", "look": stands}
