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
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.feature_vis.recipes import Aim, Ascent
    from cnnviz.inference.activations import Activations
    from cnnviz.inference.predict import Prediction
    from cnnviz.models.load import Model
    from cnnviz.options import RequestError
    from cnnviz.photo import Photo, PhotoError
    from cnnviz.runtime.engine import Engine
    from cnnviz.runtime.engine import shared as engine
    from cnnviz.ui.shell.embedded import show

_PLACES = {
    "Activations": "cnnviz.inference.activations",
    "Aim": "cnnviz.feature_vis.recipes",
    "Ascent": "cnnviz.feature_vis.recipes",
    "Engine": "cnnviz.runtime.engine",
    "Heatmap": "cnnviz.attribution.heatmap",
    "Model": "cnnviz.models.load",
    "Photo": "cnnviz.photo",
    "PhotoError": "cnnviz.photo",
    "Prediction": "cnnviz.inference.predict",
    "RequestError": "cnnviz.options",
    "engine": "cnnviz.runtime.engine",
    "picture": "",
    "show": "cnnviz.ui.shell.embedded",
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
    "show",
    "signal",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Public names are found on first use, so that importing cnnviz costs nothing."""
    if name not in _PLACES:
        raise AttributeError(f"module 'cnnviz' has no attribute {name!r}")
    if not _PLACES[name]:
        return importlib.import_module(f"cnnviz.{name}")
    return getattr(importlib.import_module(_PLACES[name]), "shared" if name == "engine" else name)
