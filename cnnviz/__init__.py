"""See what a convolutional network does.

import cnnviz
photo = cnnviz.Photo.open("elephant.jpg")
heat = cnnviz.engine().heatmap("squeezenet1_1", photo)
cnnviz.picture.overlay(photo, heat).save("out.png")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnviz import picture, signal
    from cnnviz.engine import Engine
    from cnnviz.engine import shared as engine
    from cnnviz.explain.activations import Activations
    from cnnviz.explain.ascent import Aim, Ascent
    from cnnviz.explain.cam import Heatmap
    from cnnviz.explain.predict import Prediction
    from cnnviz.nets.zoo import Model
    from cnnviz.options import RequestError
    from cnnviz.photo import Photo, PhotoError

_PLACES = {
    "Activations": "cnnviz.explain.activations",
    "Aim": "cnnviz.explain.ascent",
    "Ascent": "cnnviz.explain.ascent",
    "Engine": "cnnviz.engine",
    "Heatmap": "cnnviz.explain.cam",
    "Model": "cnnviz.nets.zoo",
    "Photo": "cnnviz.photo",
    "PhotoError": "cnnviz.photo",
    "Prediction": "cnnviz.explain.predict",
    "RequestError": "cnnviz.options",
    "engine": "",
    "picture": "",
    "signal": "",
}
__all__ = [
    "Activations",
    "Aim",
    "Ascent",
    "Engine",
    "Heatmap",
    "Model",
    "Photo",
    "PhotoError",
    "Prediction",
    "RequestError",
    "engine",
    "picture",
    "signal",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Public names are found on first use, so that importing cnnviz costs nothing."""
    if name not in _PLACES:
        raise AttributeError(f"module 'cnnviz' has no attribute {name!r}")
    if not _PLACES[name]:
        return importlib.import_module(f"cnnviz.{name}")
    return getattr(importlib.import_module(_PLACES[name]), name)
