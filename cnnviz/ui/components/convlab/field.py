"""The receptive-field builder in the browser: stack layers, and see on the photo what one unit sees."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from cnnviz.signal import receptive_figure
from cnnviz.signal.receptive import Window
from cnnviz.ui.components.convlab import HERE
from cnnviz.ui.components.shared import joiner
from cnnviz.ui.components.shared.encode import colours, text
from cnnviz.ui.components.shared.subject import subject
from cnnviz.ui.components.shared.told import UNFIT, share

_conv, _pool = Window("conv", 3, 1, 1), Window("max", 2, 2)

# What to begin with: title -> (layers, one sentence).
STACKS: dict[str, tuple[tuple[Window, ...], str]] = {
    "Three 3 × 3": (
        (_conv,) * 3,
        "Three small kernels in a row have the receptive field of one of 7 × 7, with fewer weights.",
    ),
    "One 7 × 7": ((Window("conv", 7, 1, 3),), "One large kernel."),
    "VGG16, first three blocks": (
        (_conv, _conv, _pool, _conv, _conv, _pool, _conv, _conv, _conv),
        "Pooling doubles the total stride, so each later kernel adds twice as much to the receptive field.",
    ),
    "ResNet stem": (
        (Window("conv", 7, 2, 3), Window("max", 3, 2, 1), _conv, _conv),
        "Two strides at once: after two layers each step is four pixels.",
    ),
    "Dilated 1, 2, 4, 8": (
        tuple(Window("conv", 3, 1, d, d) for d in (1, 2, 4, 8)),
        "Gaps in the kernel: the receptive field doubles with each layer and the output keeps its size.",
    ),
}

FIRST = "VGG16, first three blocks"
FAR = 1e9  # sides of the map, and no pointer is further away


class Shown(NamedTuple):
    """The unit whose field is drawn, by its shares of the map across and down, and whether its effective field is."""

    at: tuple[float, float] = receptive_figure.MIDDLE
    effective: bool = True


_lab = st.components.v2.component(
    "cnnviz_fieldlab",
    js=joiner.script(HERE / "field.js"),
    css=joiner.sheet(joiner.SHEET, HERE / "style.css"),
)


def fieldlab(
    pixels: np.ndarray,
    layers: Sequence[Window],
    again: str = "",
    *,
    big: bool = False,
    key: str = "fieldlab",
) -> tuple[tuple[Window, ...], Shown]:
    """The builder on a square photo, uint8 (S, S, 3); returns the layers it was left with, and what of them it shows.

    It begins with `layers`, and anew where `again` changes.
    """
    result = _lab(
        key=key,
        data={
            "pixels": text(pixels),
            "side": pixels.shape[0],
            "stamp": subject(pixels),
            "luts": colours(),
            "start": {"stamp": again, "layers": [asdict(layer) for layer in layers]},
            "stacks": [
                {"title": title, "sentence": sentence, "layers": [asdict(layer) for layer in content]}
                for title, (content, sentence) in STACKS.items()
            ],
            "big": big,
        },
        on_layers_change=lambda: None,
        on_shown_change=lambda: None,
    )
    said = read(getattr(result, "layers", None))
    return tuple(layers) if said is None else said, read_shown(getattr(result, "shown", None))


def read_shown(said: Any) -> Shown:
    """Which unit the browser shows, and whether with its effective field; the middle one where it does not say."""
    with contextlib.suppress(*UNFIT):
        across, down = (min(max(share(one, -FAR, FAR), 0.0), 0.999) for one in said["at"])
        return Shown((across, down), bool(said["effective"]))
    return Shown()


def read(said: Any) -> tuple[Window, ...] | None:
    """What the browser says, if it is a stack of layers, else None."""
    if not isinstance(said, Sequence) or isinstance(said, str):
        return None
    try:
        return tuple(
            Window(
                row["kind"] if row["kind"] in ("conv", "max", "average") else "conv",
                *(min(max(low, int(row[name])), 64) for name, low in _SIDES),
            )
            for row in list(said)[:12]
        )
    except UNFIT:
        return None


_SIDES = (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1))
