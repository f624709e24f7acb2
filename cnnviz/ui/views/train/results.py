"""The results of a run's best weights: confusion matrix, each class, top losses; or how to get them."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.photo import Photo
from cnnviz.train.run import Run
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.session import current
from cnnviz.ui.views.data import image_map
from cnnviz.ui.views.train import calibration, confusion, learning, solved_plan
from cnnviz.ui.widgets import controls, show

MOST = 8  # pictures of a cell that are shown
TILES = "grid-template-columns:repeat(auto-fill,minmax(max(104px,11%,var(--tile,0px)),1fr));gap:0.6rem"
WHOLE = "aspect-ratio:1;object-fit:contain;object-position:bottom"  # captions in one line below


def draw(one: Run) -> None:
    """The verdict on a run; for one that did not get to its end, why there is none, and a button that makes it."""
    if said := runs.verdict(one):
        splits = [k for k in ("val", "test") if k in said]
        split = controls.switch("Evaluated on", "judged", splits, "val") if len(splits) > 1 else splits[0]
        if told := said.get("changed"):
            st.warning(show.plain(told), icon=":material/warning:")
        judged(f"run/{one.id}@best", said, split, one)
        map_of(one)
    elif not one.of("best"):
        why = "the head is not solved" if solved_plan.solves(one) else "no epoch has ended"
        show.say(f"There are no curves or results yet, for {why}: resume the run to get some.")
    else:
        show.section("Results", "confusion matrix, each class, top losses")
        show.say("They come at the end of training, which this run has not reached: resume it, or evaluate it now.")
        if st.button("Evaluate the best weights", icon=":material/fact_check:", key=f"judge-{one.id}"):
            place = st.empty()
            with show.refusals(), st.spinner("Evaluating", show_time=True):
                runs.judge(one, lambda stage, share: place.progress(share, f"Preparing {stage}"))
                st.rerun()


def map_of(one: Run) -> None:
    """The map of the data of a run by its network, where the data set is still here."""
    if (name := data_sets.name_of(one.plan.data)) in data_sets.data_sets():
        image_map.draw(name, f"run/{one.id}@best")


@st.fragment
def judged(key: str, said: dict[str, Any], split: str, one: Run) -> None:
    """Confusion matrix, report per class, and the pictures with the greatest loss; on a stage beside the curves."""
    found, classes, name = said[split], said["classes"], f"{key[4:].removesuffix('@best')}-{split}"
    stage = show.presenting()
    left, right = st.columns([1, 1.2] if stage else [1.2, 1], gap="large")
    with right if stage else left:
        cell = confusion.draw(name, classes, found, f"confusion-{split}")
    if stage:
        with left:
            learning.draw(one, False, stacked=True)
        left, right = st.columns(2, gap="large")
    with left if stage else right:
        confusion.report(name, classes, found)
    with right:
        confusion.confused(name, classes, found)
    calibration.draw(name, classes, found)
    shown, title, count = found["pictures"], "Top losses", found["images"]
    if cell:
        row, column = cell
        shown = [p for p in shown if p["true"] == row and p["said"] == column]
        title, count = f"{classes[row]}, predicted {classes[column]}", found["confusion"][row][column]
    show.section(title, f"{min(len(shown), MOST)} of {count:,}" if count else "")
    if shown:
        show.say(
            f"Images of {split}, each under the heat map of its predicted class; below it the true class, the "
            "predicted class with its probability, and the loss."
        )
        gallery(key, said, shown[:MOST])
    elif count:
        show.say("Only images of the greatest losses are kept one by one; these are not among them.")
    else:
        show.say("There are none.")


def gallery(key: str, said: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    """Pictures of a verdict with the heat of the class they were called, as many in a row as there is room for."""
    engine, classes, place, tiles = current.engine(), said["classes"], st.empty(), []
    run = key[4:].removesuffix("@best")
    for one in shown:
        with show.refusals():
            photo = Photo.open(runs.image_of(run, said["root"], one["path"]), side=640)
            label = f"{classes[one['true']]}, predicted {classes[one['said']]}, {show.percent(one['probability'], 0)}"
            label += f", loss {one['loss']:.2f}"
            heat = engine.heatmap(key, photo, one["said"])
            drawn = np.asarray(picture.overlay(photo, heat, 0.5, side=320))
            small = picture.resize(drawn, 220, round(220 * drawn.shape[0] / drawn.shape[1]))
            words = html.escape(label)
            tiles.append(
                f'<figure style="margin:0"><img style="{WHOLE}" alt="Heat map: {words}" '
                f'src="{picture.address(small, 90)}">'
                f'<figcaption class="cv-note">{words.replace("&gt; ", "&gt;&nbsp;")}</figcaption></figure>'
            )
            place.html(f'<div class="cv-strip" style="{TILES}">{"".join(tiles)}</div>')
