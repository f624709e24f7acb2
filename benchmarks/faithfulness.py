"""Insertion minus deletion area of heat maps on real photos, against a centred Gaussian and a random map.

Needs the folder ../shared/data with squeezenet's weights and 38 photos (or CNNVIZ_SHARED, its parent).
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np

from cnnviz.attribution.faithfulness import Faithfulness, Probing, centred, faithfulness
from cnnviz.inference.predict import Target
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

METHODS = ("gradcam", "gradcam++", "hirescam", "layercam", "eigencam")


def _measure(name: str) -> dict[str, Any]:
    """The mean over all photos of the most probable class, and on how many the default beats both."""
    folder = Path(os.environ.get("CNNVIZ_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"
    if not (folder / "photos").is_dir():
        raise RequestError("This measure needs real weights and photos in ../shared/data.")
    engine, random = Engine(device="cpu", weights=folder / "weights"), np.random.default_rng(0)
    model, layer = engine.model(name), engine.default_layer(name)
    side = model.input_size[1:]
    gains: dict[str, list[float]] = {}
    for path in sorted((folder / "photos").glob("*.jpg")):
        photo = Photo.open(path)
        target = engine.target(name, photo)
        asked = engine.forward(model, photo, layer)
        maps = {method: engine.heatmap(name, photo, target, method=method).raw for method in METHODS}
        maps |= {"centred gaussian": centred(side), "random": random.random(side, np.float32)}
        for who, raw in maps.items():
            gains.setdefault(who, []).append(_last(asked.logits_of, asked.x, Target(target), raw).gain)
    means = {who: round(float(np.mean(found)), 4) for who, found in gains.items()}
    best = np.maximum(gains["centred gaussian"], gains["random"])
    won = int((np.asarray(gains[METHODS[0]]) > best).sum())
    return {"photos": len(best), "default": METHODS[0], **means, "default beats both on": won}


def _last(*question: Any) -> Faithfulness:
    steps = faithfulness(*question, Probing())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


MEASURES = {"faithfulness/squeezenet1_1": functools.partial(_measure, "squeezenet1_1")}
