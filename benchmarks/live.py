"""Questions to a network that a program handed over, against the same network of torchvision's by its name.

The peer is cnnviz itself with the same weights from a file: the ratio says how much a live network costs, 1 is nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torchvision

from benchmarks.gradcam import LAYERS, _photos, weights
from cnnviz.runtime.engine import Engine


def _contest(name: str, kind: str) -> dict[str, Callable[[], object]]:
    engine = Engine(device="cpu", weights=weights(name))
    net = getattr(torchvision.models, name)(weights=None)
    net.load_state_dict(engine.model(name).net.state_dict())
    live, layer, photos = engine.add(net.train()), LAYERS[name], _photos()
    seen = next(photos)
    maps = [engine.heatmap(key, seen, 0, layer).raw for key in (name, live)]
    if not np.allclose(*maps, atol=1e-4 * np.abs(maps[0]).max()):
        raise RuntimeError(f"the live {name} gives another map")

    def first(key: str) -> object:
        return engine.heatmap(key, next(photos), None, layer)

    def every_layer(key: str) -> object:
        return engine.all_activations(key, next(photos), engine.stages(key))

    def again(key: str) -> object:
        return engine.heatmap(key, seen, 0, layer)

    ask = {"first": first, "activations": every_layer, "seen": again}[kind]
    return {"cnnviz": functools.partial(ask, live), "by its name": functools.partial(ask, name)}


BENCHMARKS = {
    f"live/{name}/{kind}": functools.partial(_contest, name, kind)
    for name in ("resnet18", "squeezenet1_1")
    for kind in ("first", "activations", "seen")
}
