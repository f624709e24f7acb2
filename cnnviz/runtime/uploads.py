"""Networks that people bring to a public server: read from memory, asked under a key of their own, let go with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from cnnviz.inference import device as devices
from cnnviz.models.catalog import UPLOAD
from cnnviz.models.foreign.held import Held
from cnnviz.models.load import Model, uploaded
from cnnviz.runtime.backend import Backend


def read_upload(backend: Backend, name: str, data: bytes, card: Mapping[str, Any] | None = None) -> Model:
    """The network in a .pt2 or .onnx file that lies in memory, not yet to be asked; nothing is written.

    `card` corrects what is understood of it, as the one beside a file. Raises `RequestError` for a checkpoint, for what
    cannot be read, and for a card that does not fit.
    """
    with torch.inference_mode(False):  # also where the caller is in it: answers need gradients
        model = uploaded(Held(name, data), card)
        with devices.within_memory():
            model.net.to(backend.torch_device).to(memory_format=torch.channels_last)
    return model


def keep_upload(backend: Backend, model: Model) -> None:
    """From now on the network can be asked by its key upload/<...>, until `remove` lets go of it.

    Who may ask is decided elsewhere: the key is a digest that only those know who have the file.
    """
    assert model.key.startswith(UPLOAD)
    backend.uploads.setdefault(model.key, model)
