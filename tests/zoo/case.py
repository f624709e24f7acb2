"""A network that came in, beside the original; and what a check says where an answer is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from cnnviz.models.load import Model
from cnnviz.photo import Photo, samples
from cnnviz.runtime.engine import Engine
from tests.zoo.nets import Entry


@dataclass
class Case:
    """One network that came in by one way: the engine and its key, the original, a photo, and notes on faults."""

    entry: Entry
    net: nn.Module
    engine: Engine
    key: str
    photo: Photo = field(default_factory=lambda: Photo.sample(samples()[0]))

    @property
    def device(self) -> torch.device:
        """Where both run."""
        return self.engine.torch_device

    @property
    def model(self) -> Model:
        return self.engine.model(self.key)

    def x(self) -> Tensor:
        """The network's input, as the engine makes it."""
        return self.engine.tensor(self.model, self.photo)


class Wrong(Exception):
    """The answer is not what plain PyTorch says."""
