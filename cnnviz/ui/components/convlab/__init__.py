"""The convolution lab in the browser: window, kernel and sum at every move; the page hears of it on release."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.signal.code import kernel_table
from cnnviz.signal.convolve import MODES, Sliding
from cnnviz.signal.kernels import KERNELS

HERE = Path(__file__).parent
FILES = ("common.js", "signal.js", "model.js", "view.js", "chips.js", "controls.js", "index.js")
STAGES, LOOKS, POOLS = ("conv", "relu", "pool"), ("signed", "magnitude", "picture"), ("max", "average")


def script(*paths: Path) -> str:
    """Plain scripts joined into one ES module; the last one holds the export."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def text(values: np.ndarray) -> str:
    """Bytes as base64, the way pixels and colours travel."""
    return base64.b64encode(np.ascontiguousarray(values, np.uint8).tobytes()).decode()


@cache
def colours() -> dict[str, str]:
    """The colours of activations, weights and heat: 256 RGB triples each, so the browser paints as Python does."""
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    maps = {"activation": picture.ACTIVATION, "weight": picture.WEIGHT, "heat": picture.HEAT}
    return {name: text(picture.colourise(ramp, colour_map)) for name, colour_map in maps.items()}


_lab = st.components.v2.component(
    "cnnviz_convlab",
    js=script(*(HERE / name for name in FILES)),
    css=(HERE / "style.css").read_text(encoding="utf-8"),
)


def start(
    kernels: Sequence[str] = ("horizontal_edge",),
    sliding: Sliding | None = None,
    *,
    look: str | None = None,
    stage: str = "conv",
    gain: float = 0.0,
    colour: bool = False,
    stamp: str = "",
) -> dict[str, Any]:
    """A state of the lab to begin with; another stamp begins anew."""
    sliding = sliding or Sliding()
    filters = [{"name": KERNELS[n].title, "weights": [[list(r) for r in KERNELS[n].rows]], "bias": 0} for n in kernels]
    return {
        "filters": filters,
        "selected": 0,
        "stride": sliding.stride,
        "padding": sliding.padding,
        "mode": sliding.mode,
        "dilation": sliding.dilation,
        "stage": stage,
        "look": look or KERNELS[kernels[0]].shows,
        "gain": gain,
        "colour": colour,
        "pool_kind": "max",
        "pool_size": 2,
        "position": 0,
        "stamp": stamp or json.dumps([kernels, str(sliding), look, stage, gain, colour]),
    }


def convlab(
    planes: np.ndarray,
    name: str,
    stamp: str,
    begin: Mapping[str, Any],
    *,
    learned: Sequence[np.ndarray] = (),
    learned_from: str = "",
    big: bool = False,
    key: str = "convlab",
) -> dict[str, Any]:
    """The lab on a picture, uint8 (1, H, W) gray or (4, H, W) gray and RGB; returns the state it was left in.

    `stamp` names the picture's content; `begin` comes from `start` or from a link; `learned` are kernels (C, k, k).
    """
    result = _lab(
        key=key,
        data={
            "pixels": text(planes),
            "width": planes.shape[2],
            "height": planes.shape[1],
            "name": name,
            "stamp": stamp,
            "presets": kernel_table(KERNELS),
            "learned": [np.round(w.astype(float), 5).tolist() for w in learned],
            "learned_from": learned_from,
            "luts": colours(),
            "start": dict(begin),
            "big": big,
        },
        on_view_change=lambda: None,
    )
    view = read(getattr(result, "view", None))
    return view if view and view["input"] == stamp else dict(begin)


def read(view: Any) -> dict[str, Any] | None:
    """What the browser (or a link) says, if it is a state of the lab, else None: nothing from outside is believed."""
    try:
        filters = [
            {
                "name": str(f["name"])[:60],
                "weights": _weights(f["weights"]),
                "bias": float(np.clip(float(f.get("bias", 0)), -1e5, 1e5)),
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
            "gain": float(np.clip(float(view.get("gain", 0)), 0, 4)),
            "colour": bool(view.get("colour")),
            "pool_kind": _one_of(view.get("pool_kind"), POOLS),
            "pool_size": min(max(1, int(view.get("pool_size", 2))), 5),
            "position": max(0, int(view.get("position", 0))),
            "input": str(view.get("input", "")),
        }
    except (TypeError, ValueError, KeyError, AttributeError):
        return None


def _weights(rows: Any) -> list[list[list[float]]]:
    values = np.array(rows, np.float32)
    channels, height, width = values.shape
    if channels not in (1, 3) or height != width or not 1 <= width <= 11 or not np.isfinite(values).all():
        raise ValueError("not a kernel")
    return values.tolist()


def _one_of(value: Any, choices: tuple[str, ...]) -> str:
    return value if value in choices else choices[0]
