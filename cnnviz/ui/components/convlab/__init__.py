"""The convolution lab in the browser: window, kernel and sum at every move; the page hears of it on release."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from cnnviz.signal.code import kernel_table
from cnnviz.signal.convolve import MODES, Sliding
from cnnviz.signal.examples import Example
from cnnviz.signal.kernels import KERNELS
from cnnviz.ui.components.shared import joiner
from cnnviz.ui.components.shared.encode import colours, text
from cnnviz.ui.components.shared.subject import subject
from cnnviz.ui.components.shared.told import UNFIT

HERE = Path(__file__).parent
_STAMPS = itertools.count(1)
STAGES, LOOKS, POOLS = ("conv", "relu", "pool"), ("signed", "magnitude", "picture"), ("max", "average")


_lab = st.components.v2.component(
    "cnnviz_convlab",
    js=joiner.script(HERE / "index.js"),
    css=joiner.sheet(joiner.SHEET, HERE / "style.css"),
)


def begin(example: Example) -> dict[str, Any]:
    """The state of the lab that an example begins with; every call begins anew."""
    kernels = [KERNELS[name] for name in example.kernels]
    sliding = example.sliding
    return {
        "filters": [{"name": k.title, "weights": [k.weights.tolist()], "bias": 0.0} for k in kernels],
        "selected": 0,
        "stride": sliding.stride,
        "padding": sliding.padding,
        "mode": sliding.mode,
        "dilation": sliding.dilation,
        "stage": example.stage,
        "look": kernels[0].shows,
        "gain": example.gain,
        "colour": example.colour,
        "pool_kind": "max",
        "pool_size": 2,
        "pool_stride": 0,
        "unit": 255,
        "flip": False,
        "position": example.position,
        "stamp": next(_STAMPS),
    }


def convlab(
    planes: np.ndarray,
    name: str,
    beginning: Mapping[str, Any],
    *,
    learned: Sequence[np.ndarray] = (),
    learned_from: str = "",
    big: bool = False,
    key: str = "convlab",
) -> dict[str, Any]:
    """The lab on a picture, uint8 (1, H, W) gray or (4, H, W) gray and RGB; returns the state it was left in.

    `beginning` comes from `begin` or from a link; `learned` are kernels (C, k, k).
    """
    result = _lab(
        key=key,
        data={
            "pixels": text(planes),
            "width": planes.shape[2],
            "height": planes.shape[1],
            "name": name,
            "stamp": subject(planes, name),
            "presets": kernel_table(KERNELS),
            "learned": [np.round(w.astype(float), 5).tolist() for w in learned],
            "learned_from": learned_from,
            "luts": colours(),
            "start": dict(beginning),
            "big": big,
        },
        on_view_change=lambda: None,
    )
    view = read(getattr(result, "view", None))
    return view if view and view["stamp"] == beginning["stamp"] else matched(beginning, planes)


def matched(beginning: Mapping[str, Any], planes: np.ndarray) -> dict[str, Any]:
    """A beginning as the browser will read it: one plane of weights for each channel of the picture."""
    view = {**beginning, "colour": beginning["colour"] and len(planes) > 1}
    wanted = 3 if view["colour"] else 1
    view["filters"] = [{**f, "weights": _spread(f["weights"], wanted)} for f in beginning["filters"]]
    return view


def _spread(weights: list[list[list[float]]], channels: int) -> list[list[list[float]]]:
    """As the browser does it: a kernel that keeps brightness is shared out, so that gray stays gray."""
    values = np.array(weights, np.float32)
    if len(values) == channels:
        spread = values
    elif channels == 1:
        alike = all(np.array_equal(v, values[0]) for v in values)
        spread = values[:1] if alike and values.sum() <= 0.5 else values.sum(0, keepdims=True)
    else:
        share = 1 / channels if values.sum() > 0.5 else 1.0
        spread = np.repeat(values * share, channels, axis=0)
    rows: list[list[list[float]]] = spread.tolist()
    return rows


def read(view: Any) -> dict[str, Any] | None:
    """What the browser (or a link) says, if it is a state of the lab, else None: nothing from outside is believed."""
    try:
        filters: list[dict[str, Any]] = [
            {
                "name": str(f["name"])[:60],
                "weights": _weights(f["weights"]),
                "bias": _number(f.get("bias", 0), -1e5, 1e5),
            }
            for f in list(view["filters"])[:6]
        ]
        sliding = Sliding(int(view["stride"]), int(view["padding"]), str(view["mode"]), int(view["dilation"]))
        shape = {np.shape(f["weights"]) for f in filters}
        if len(shape) != 1 or sliding.mode not in MODES:
            return None
        return {
            "filters": filters,
            "selected": min(max(0, int(view.get("selected", 0))), len(filters) - 1),
            "stride": sliding.stride,
            "padding": sliding.padding,
            "mode": sliding.mode,
            "dilation": sliding.dilation,
            "stage": _one_of(view.get("stage"), STAGES),
            "look": _one_of(view.get("look"), LOOKS),
            "gain": _number(view.get("gain", 0), 0, 4),
            "colour": bool(view.get("colour")),
            "pool_kind": _one_of(view.get("pool_kind"), POOLS),
            "pool_size": min(max(1, int(view.get("pool_size", 2))), 5),
            "pool_stride": min(max(0, int(view.get("pool_stride", 0))), 5),
            "unit": 1 if view.get("unit") == 1 else 255,
            "flip": bool(view.get("flip")),
            "position": max(0, int(view.get("position", 0))),
            "stamp": view.get("stamp", 0),
        }
    except UNFIT:
        return None


def _weights(rows: Any) -> list[list[list[float]]]:
    values = np.array(rows, np.float32)
    channels, height, width = values.shape
    if channels not in (1, 3) or height != width or not 1 <= width <= 11 or not np.isfinite(values).all():
        raise ValueError("not a kernel")
    kernel: list[list[list[float]]] = values.tolist()
    return kernel


def _number(value: Any, low: float, high: float) -> float:
    if not np.isfinite(float(value)):
        raise ValueError("not a number")
    return min(max(float(value), low), high)


def _one_of(value: Any, choices: tuple[str, ...]) -> str:
    return value if value in choices else choices[0]
