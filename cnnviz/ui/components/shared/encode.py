"""How pixels and colours travel from Python to a browser component."""

from __future__ import annotations

import base64
from functools import cache

import numpy as np

from cnnviz import picture


def text(values: np.ndarray, kind: str = "u1") -> str:
    """Values as numbers of that kind (8 bits for pixels and colours), their bytes as base64."""
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()


def floats(values: np.ndarray) -> str:
    """Values as 32-bit floats, their bytes as base64."""
    return text(values, "<f4")


@cache
def colours() -> dict[str, str]:
    """256 RGB triples each for activations, weights, heat, directions, so that the browser paints as Python does."""
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    maps = {
        "activation": picture.ACTIVATION,
        "weight": picture.WEIGHT,
        "heat": picture.HEAT,
        "direction": picture.DIRECTION,
    }
    return {name: text(picture.colourise(ramp, colour_map)) for name, colour_map in maps.items()}
