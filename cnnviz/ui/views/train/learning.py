"""What a run has learned so far: the linear head that is solved, the curves over epochs, and the epochs in numbers."""

from __future__ import annotations

import streamlit as st

from cnnviz.train import events
from cnnviz.train.run import Run
from cnnviz.ui.views.train import curves, solved_plan
from cnnviz.ui.widgets import controls, show

SMOOTHING = 0.6  # of the curves at first
SLIDER = 100  # px, with the gap beneath it


def draw(now: Run, busy: bool, stacked: bool = False) -> None:
    """What there is to see of a run; of one that is at work and has nothing yet, the place where it will stand.

    `stacked` for the half of a stage: charts one above the other, and no table of epochs.
    """
    if now.of("l2") or (solved_plan.solves(now) and busy):
        _head(now, busy, stacked)
    if now.of("step") or now.of("epoch"):
        if not solved_plan.solves(now):
            _curves(now, stacked)
        if not stacked:
            curves.epochs(now)
    elif busy and not now.of("l2") and not solved_plan.solves(now):
        _place("The curves begin with the first step.", 0 if show.presenting() else SLIDER)


def _place(words: str, more: int = 0) -> None:
    """A sentence in a place as high as a chart, so that nothing moves when the chart comes."""
    with st.container(height=curves.height() + more, border=False):
        show.say(words)


def _head(now: Run, busy: bool, stacked: bool) -> None:
    """How the linear head was solved."""
    chosen = now.last("head")
    note = "being solved" if busy else "not solved"
    if chosen:
        note = f"solved on {chosen['images']:,} images, L2 weight {chosen['l2']:g}"
    show.section("Linear head", note)
    if now.of("l2"):
        curves.over_l2(now, stacked)
    else:
        _place("The head is solved as soon as the features of all images are computed; there are no epochs.")
        return
    words = "Cross-validation on the training images: mean over images that were left out; the lowest loss decides."
    if solved_plan.solves(now):
        words += " The head is solved, not trained, so there are no epochs."
    show.say(f"{words} {events.weighed(chosen)}".rstrip())


def _curves(now: Run, stacked: bool) -> None:
    """The curves over epochs; of a run in its first epoch, the training loss alone."""
    weight = _smoothing()
    left, right = (st.container(), st.container()) if stacked else st.columns(2, gap="large")
    tall = curves.STACKED if stacked else None
    with left:
        curves.losses(now, weight, tall)
    with right:
        if now.of("epoch"):
            curves.accuracies(now, weight, tall)
        else:
            show.say("No epoch has ended yet: validation loss and accuracy come at the end of each.")


def _smoothing() -> float:
    """How much the curves are smoothed, by a slider that a stage does not need."""
    if show.presenting():
        return SMOOTHING
    with st.container(width=280):
        return controls.slide("Smoothing", "smoothing", 0.0, 0.95, SMOOTHING, 0.05, help="0 shows the raw curves alone")
