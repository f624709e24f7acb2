"""The convolution lab's state as one word of a link, and as the layer it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnnviz.signal.convolve import Sliding
from cnnviz.signal.kernels import KERNELS
from cnnviz.signal.layer import ConvLayer
from cnnviz.ui.components.convlab import read

# letter in the link -> (field, its default); filters stand first, as f.name or f.k.weights or f.k.weights.bias
_FIELDS: dict[str, tuple[str, Any]] = {
    "s": ("stride", 1),
    "p": ("padding", 0),
    "m": ("mode", "zero"),
    "d": ("dilation", 1),
    "t": ("stage", "conv"),
    "l": ("look", "signed"),
    "g": ("gain", 0.0),
    "c": ("colour", False),
    "k": ("pool_kind", "max"),
    "w": ("pool_size", 2),
    "q": ("pool_stride", 0),
    "u": ("unit", 255),
    "x": ("flip", False),
    "n": ("selected", 0),
    "o": ("position", 0),
}
_TITLES = {kernel.title: kernel for kernel in KERNELS.values()}


def layer_of(view: Mapping[str, Any]) -> ConvLayer:
    """The layer that a state of the lab describes."""
    return ConvLayer(
        np.array([f["weights"] for f in view["filters"]], np.float32),
        np.array([f["bias"] for f in view["filters"]], np.float32),
        Sliding(view["stride"], view["padding"], view["mode"], view["dilation"]),
        view["stage"],
        view["pool_kind"],
        view["pool_size"],
        view["pool_stride"],
        view["unit"],
        view["flip"],
    )


def to_link(view: Mapping[str, Any]) -> str:
    """The state as a word: `f.sobel_x~p.1~m.reflect`."""
    words = [_filter(f) for f in view["filters"]]
    for letter, (name, default) in _FIELDS.items():
        if view[name] != default:
            value = view[name]
            words.append(f"{letter}.{int(value) if isinstance(value, bool) else value}")
    return "~".join(words)


def from_link(word: str) -> dict[str, Any] | None:
    """The state that a word describes; None where it describes none."""
    view: dict[str, Any] = dict(_FIELDS.values()) | {"filters": []}
    try:
        for part in word[:20_000].split("~"):
            letter, _, value = part.partition(".")
            if letter == "f":
                view["filters"].append(_read_filter(value))
            else:
                name, default = _FIELDS[letter]
                view[name] = bool(int(value)) if isinstance(default, bool) else type(default)(value)
    except (KeyError, ValueError):
        return None
    return read(view)


def _filter(f: Mapping[str, Any]) -> str:
    weights = np.array(f["weights"], np.float32)
    named = _TITLES.get(f["name"])
    if named and f["bias"] == 0 and all(np.array_equal(one, named.weights) for one in weights):
        return f"f.{named.name}" + (f"!{len(weights)}" if len(weights) > 1 else "")
    numbers = "_".join(f"{v:.6g}" for v in [f["bias"], *weights.ravel()])
    return f"f.{weights.shape[0]}x{weights.shape[-1]}!{numbers}"


def _read_filter(value: str) -> dict[str, Any]:
    shape, _, numbers = value.partition("!")
    if shape in KERNELS:
        kernel, channels = KERNELS[shape], int(numbers or 1)
        if not 0 < channels <= 3:
            raise ValueError("a pixel has at most three channels")
        return {"name": kernel.title, "weights": [kernel.weights.tolist()] * channels, "bias": 0.0}
    channels, k = (int(n) for n in shape.split("x"))
    bias, *weights = (float(n) for n in numbers.split("_"))
    return {"name": "Your own kernel", "weights": np.reshape(weights, (channels, k, k)).tolist(), "bias": bias}
