"""The verdict on a run's best weights: confusion, each class, the pictures it got most wrong; or how to get one."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.photo import Photo
from cnnviz.train.run import Run
from cnnviz.ui.server import runs
from cnnviz.ui.session import current
from cnnviz.ui.widgets import controls, show

MOST = 8  # pictures of a cell that are shown
TILES = "grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:0.6rem"


def draw(one: Run) -> None:
    """The verdict on a run; for one that did not get to its end, why there is none, and a button that makes it."""
    if said := runs.verdict(one):
        split = controls.switch("Judged on", "judged", [k for k in ("val", "test") if k in said], "val")
        judged(f"run/{one.id}@best", said, split)
    elif not one.of("best"):
        show.say("There are no results yet, for no epoch has ended: train on to get some.")
    else:
        show.section("Results", "confusion, each class, top losses")
        show.say("They come at the end of training, which this run has not reached: go on with it, or judge it now.")
        if st.button("Judge the best weights", icon=":material/fact_check:", key=f"judge-{one.id}"):
            place = st.empty()
            with show.refusals(), st.spinner("Judging", show_time=True):
                runs.judge(one, lambda stage, share: place.progress(share, f"Preparing {stage}"))
                st.rerun()


@st.fragment
def judged(key: str, said: dict[str, Any], split: str) -> None:
    """Confusion matrix, report per class, and the pictures with the greatest loss."""
    found, classes = said[split], said["classes"]
    left, right = st.columns([1.2, 1], gap="large")
    with left:
        show.section("Confusion", f"{found['accuracy']:.2%} of {found['images']:,} right; choose a cell")
        rows = [
            {"is": c} | dict(zip(classes, r, strict=True)) for c, r in zip(classes, found["confusion"], strict=True)
        ]
        cell = st.dataframe(
            rows, hide_index=True, key=f"confusion-{split}", on_select="rerun", selection_mode="single-cell",
            alt="Pictures by what they are (rows) and what they were called (columns)",
        )  # fmt: skip
    with right:
        show.section("Each class")
        st.dataframe(
            [
                {"class": c, "found of its pictures": r, "right when named": p}
                for c, r, p in zip(classes, found["recall"], found["precision"], strict=True)
            ],
            hide_index=True, alt="Recall and precision of each class",
            column_config={
                name: st.column_config.NumberColumn(format="percent")
                for name in ("found of its pictures", "right when named")
            },
        )  # fmt: skip
    shown, title, count = found["pictures"], "Top losses", found["images"]
    if cells := cell["selection"]["cells"]:
        row, column = cells[0]
        if column in classes:
            said_so = classes.index(column)
            shown = [p for p in shown if p["true"] == row and p["said"] == said_so]
            title, count = f"{classes[row]}, called {column}", found["confusion"][row][said_so]
    show.section(title, f"{min(len(shown), MOST)} of {count:,}" if count else "")
    if shown:
        show.say("Under each picture: what it is, what it was called, and how sure the net was.")
        gallery(key, said, shown[:MOST])
    elif count:
        show.say("The verdict keeps the pictures of the greatest losses one by one; these are not among them.")
    else:
        show.say("There are none.")


def gallery(key: str, said: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    """Pictures of a verdict with the heat of the class they were called, as many in a row as there is room for."""
    engine, classes, place, tiles = current.engine(), said["classes"], st.empty(), []
    for one in shown:
        with show.refusals():
            photo = Photo.open(Path(said["root"]) / one["path"], side=640)
            label = f"{classes[one['true']]}, called {classes[one['said']]}, {show.percent(one['probability'], 0)}"
            heat = engine.heatmap(key, photo, one["said"])
            drawn = np.asarray(picture.overlay(photo, heat, 0.5, side=320))
            small = picture.resize(drawn, 220, round(220 * drawn.shape[0] / drawn.shape[1]))
            words = html.escape(label)
            tiles.append(
                f'<figure style="margin:0"><img alt="Heat map: {words}" src="{picture.address(small, 90)}">'
                f'<figcaption class="cv-note">{words}</figcaption></figure>'
            )
            place.html(f'<div class="cv-strip" style="{TILES}">{"".join(tiles)}</div>')
