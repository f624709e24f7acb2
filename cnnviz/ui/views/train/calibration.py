"""How far a network's probabilities can be believed: reliability diagram, temperature, and the ROC of two classes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cnnviz.ui.views.train import curves
from cnnviz.ui.widgets import show


def draw(name: str, classes: list[str], found: dict[str, Any]) -> None:
    """Both charts of a split's results; nothing for results that an older version wrote."""
    if not (measured := found.get("calibration")):
        return
    left, right = st.columns(2, gap="large")
    with left:
        show.section("Calibration", f"expected calibration error {measured['error']:.1%}")
        curves.reliability(name, measured)
        show.say(
            "The error is the mean gap between confidence and accuracy (Guo et al., 2017). Logits divided by a "
            f"temperature of {measured['temperature']:.2f} have the lowest loss; fitted to one half of the images, "
            f"the error of the other is {measured['scaled_error']:.1%}."
        )
    if two := found.get("roc"):
        with right:
            show.section("ROC", f"area under the curve {two['area']:.3f}")
            curves.roc(name, two, classes[1])
