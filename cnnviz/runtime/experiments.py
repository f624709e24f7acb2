"""Experiments on a network and a photo: skip connections, the pooled head, a shifted photo."""

from __future__ import annotations

import torch

from cnnviz.inference import skip_connections
from cnnviz.inference.activations import activations
from cnnviz.inference.pooled_head import PooledHead
from cnnviz.inference.pooled_head import pooled_head as head_of
from cnnviz.inference.skip_connections import SkipConnection
from cnnviz.inference.tap import tap
from cnnviz.inference.translation import Shift, Translation, compared, shifted
from cnnviz.options import flat
from cnnviz.photo import Photo
from cnnviz.runtime.backend import Backend, ident_of


def skip_layers(backend: Backend, key: str) -> tuple[str, ...]:
    """The layers that are the sum of a branch and a skip connection, in execution order; () where there are none."""
    model = backend.model(key)
    return backend.remember((*ident_of(model), "skip layers"), lambda: skip_connections.skip_layers(model.net))


def input_of(backend: Backend, key: str, layer: str) -> str:
    """The layer whose maps alone are the input of a layer; "" where that is the photo, or several layers are."""
    model = backend.model(key)
    found = backend.remember((*ident_of(model), "input", layer), lambda: skip_connections.input_of(model.net, layer))
    return found if found in backend.map_layers(key) else ""


def skip_connection(backend: Backend, key: str, photo: Photo, layer: str) -> SkipConnection:
    """Branch, skip connection and their sum at a layer, for a photo."""
    model = backend.model(key)

    def compute() -> SkipConnection:
        x = backend.tensor(model, photo)
        with backend.computing():
            return skip_connections.skip_connection(model.net, x, layer)

    ident = (*ident_of(model), "skip connection", photo.digest, layer)
    return backend.cache.get(ident, compute, personal=photo.personal)


def pooled_head(backend: Backend, key: str, photo: Photo, target: str | int | None = None) -> PooledHead:
    """How the last maps become the logit of a class: their means times its weights, where the head is of that kind."""
    model, wanted = backend.model(key), backend.target(key, photo, target)

    def compute() -> PooledHead:
        x = backend.tensor(model, photo)
        with backend.computing():
            return head_of(model.net, x, wanted)

    ident = (*ident_of(model), "pooled head", photo.digest, wanted)
    return backend.cache.get(ident, compute, personal=photo.personal)


def translation(backend: Backend, key: str, photo: Photo, layer: str, shift: Shift | None = None) -> Translation:
    """The maps of a layer before and after the pixels that the network receives are shifted."""
    model, by = backend.model(key), shift or Shift()

    def compute() -> Translation:
        seen = shifted(backend.seen(model, photo), by, model.preprocess.mean)
        x = model.preprocess.tensor(seen)
        with backend.computing(), torch.inference_mode():
            x = x.to(backend.place(model))
            _, maps = tap(model.net, x, (layer,), stop=True)
        return compared(by, backend.activations(key, photo, layer), activations(layer, maps[layer], seen))

    ident = (*ident_of(model), "translation", photo.digest, layer, flat(by))
    return backend.cache.get(ident, compute, personal=photo.personal)
