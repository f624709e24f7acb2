"""The trained network of a run: the pages that open it, and its files."""

from __future__ import annotations

import streamlit as st

from cnnviz import places
from cnnviz.train.run import Run
from cnnviz.ui.server import runs
from cnnviz.ui.session import current
from cnnviz.ui.widgets import show


def doors(now: Run) -> None:
    """Links to the pages that open the trained network, beside the state of its run."""
    if not (now.folder / "best.safetensors").is_file():
        return
    there = {**current.view(), "model": f"run/{now.id}@best"}
    for page, words, icon in (
        ("class_activation", "Class activation", "local_fire_department"),
        ("activations", "Activations", "apps"),
        ("filters", "Filters", "texture"),
    ):
        if places.page(page).is_file():
            st.page_link(
                places.page(page), label=words, query_params=there, icon=f":material/{icon}:",
                help="Opens the trained network",
            )  # fmt: skip


def files(one: Run) -> None:
    """Its weights, card, ONNX file and plan, to download."""
    name, key = one.id, f"run/{one.id}@best"
    if not (one.folder / "best.safetensors").is_file():
        return
    show.section("Trained network", key)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Weights", (one.folder / "best.safetensors").read_bytes, f"{name}.safetensors", on_click="ignore",
            icon=":material/download:", key="weights-out",
        )  # fmt: skip
        st.download_button(
            "Card", (one.folder / "card.json").read_bytes, f"{name}.json", on_click="ignore",
            icon=":material/download:", key="card-out",
        )  # fmt: skip
        st.download_button(
            "ONNX", lambda: runs.onnx(key), f"{name}.onnx", on_click="ignore", icon=":material/download:",
            key="onnx-out", help="Pixels 0 to 255 in, probabilities out; resize and crop as the card says",
        )  # fmt: skip
        if heat := _temperature(one):
            st.download_button(
                "Calibrated ONNX", lambda: runs.onnx(key, heat), f"{name}-calibrated.onnx", on_click="ignore",
                icon=":material/download:", key="calibrated-out",
                help=f"The same with logits divided by {heat:.2f}, see Calibration",
            )  # fmt: skip
        st.download_button(
            "Plan", one.plan.json(), "plan.json", on_click="ignore", icon=":material/download:", key="plan-out"
        )


def _temperature(one: Run) -> float:
    """The temperature of its results; 0 where they have none."""
    found = (runs.verdict(one) or {}).get("val", {}).get("calibration") or {}
    return float(found.get("temperature", 0))
