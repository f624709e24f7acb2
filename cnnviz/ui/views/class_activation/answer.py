"""The answer to the page's question: predictions, the map, its checks, and what can be downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import sleep
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz.ui.components.camcanvas.look import Look
from cnnviz.ui.views.class_activation import beside, checks, evidence, export, overlay, trust
from cnnviz.ui.views.class_activation.beside import Side
from cnnviz.ui.views.class_activation.question import Case, answered_by
from cnnviz.ui.widgets import compare, show

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.attribution.masking import Erasure

DRAWN = 0.04  # seconds in which a browser draws a map, if it need not share its processor, nor draw what follows too


@dataclass(frozen=True)
class Places:
    """Where the parts of the answer stand: the map and what is taken away, its checks, predictions and warnings."""

    map: DeltaGenerator
    checks: DeltaGenerator
    bars: DeltaGenerator
    warnings: DeltaGenerator


def answer(case: Case, places: Places, heat: Heatmap | None, other: Side | None, waits: bool = False) -> None:
    """All that is shown of a map, or of two; while one `waits`, of the one before."""
    if heat is not None and not case.drilled:
        mapped(case, places, sides_of(case, heat, other), waits)
        return
    with places.bars:
        predicted(case, heat)
    if heat is not None:
        with places.checks:
            checks.contributions(case.engine, case.key, case.photo, heat)
    elif waits:
        places.map.skeleton(height=480)


def predicted(case: Case, heat: Heatmap | None, erased: Erasure | None = None) -> None:
    """The most probable classes, and the class of the map wherever it comes among them; of what is left `erased`."""
    marked = None if heat is None else heat.target
    said = case.said if erased is None else erased.predictions
    shown = [*said[:5], *(p for p in said[5:] if p.index == marked)]
    of = show.titled(case.model) if erased is None else without(erased)
    show.bars(shown, marked, case.model, "Prediction", of)


def without(erased: Erasure) -> str:
    """That this is the prediction of what is left; on stage, where no sentence stands below, and the one before."""
    before = f"; {erased.label} {show.percent(float(erased.probabilities[0]))} before" if show.presenting() else ""
    return f"without what is erased{before}"


def sides_of(case: Case, heat: Heatmap, other: Side | None) -> list[Side]:
    """The map, or two with their titles, each with the question that it answers."""
    asked = answered_by(heat, case.asked, case.said[0].index)
    first = compare.Side(case.key, case.model, case.photo, heat, asked)
    return [first] if other is None else beside.titled(first, other)


def mapped(case: Case, places: Places, sides: Sequence[Side], waits: bool) -> None:
    """The map on its canvas, then the predictions and what is computed from it, the slowest last."""
    offer = overlay.offered(case, sides[0].shown)
    with places.map:
        look, stands = overlay.overlay(case, sides, offer)
    heat = sides[0].shown
    found = trust.erased(case.engine, case.key, case.photo, heat, look.strokes) if look.strokes else None
    with places.bars:
        predicted(case, heat, found)
    if not waits:
        sleep(DRAWN)
    with places.warnings:
        evidence.findings(case.engine, case.key, case.photo, heat)
    common = overlay.at_hand(case, sides[0].shown, offer)  # after the picture, which shall not wait for them
    sides = as_drawn(case, sides, look, common)
    if found is not None:
        with places.map if show.presenting() else st.container():
            trust.erasing(found)
    if show.presenting():
        return
    with places.checks:
        proof = checks.choose()
        checks.quick(proof, case, sides[0].shown, look)
    with places.map:
        export.take_away(sides, look, stands, found, in_link(case))
    with places.checks:  # the last of all: what stands above stays when it is stopped
        checks.slow(proof, case, sides[0].shown, waits)


def as_drawn(case: Case, sides: Sequence[Side], look: Look, common: float) -> Sequence[Side]:
    """Maps on the scale that the canvas draws them on: of both, of all classes (`common`), or each its own."""
    if len(sides) > 1:
        return beside.scaled(sides) if case.pair else sides
    heat, asked = sides[0].shown, case.asked
    if look.shared and common > 0 and (heat.method, heat.layer) == (asked.method, asked.layer):
        return [replace(sides[0], shown=heat.scaled(common))]
    return sides


def in_link(case: Case) -> dict[str, object]:
    """What a link says of the second of two."""
    return {**compare.in_link(case.found), **({} if case.found is None else {"one-scale": case.pair})}
