"""The labs, Data, Train and Filters, held against the engine and the plain definitions."""

from __future__ import annotations

from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from tests.walk.shown import Shown


def convolution(shown: Shown, engine: Engine, photo: Photo) -> bool:
    return False


def gabor(shown: Shown, engine: Engine, photo: Photo) -> bool:
    return False


def data(shown: Shown, engine: Engine, photo: Photo) -> bool:
    return False


def train(shown: Shown, engine: Engine, photo: Photo) -> bool:
    return False


def filters(shown: Shown, engine: Engine, photo: Photo) -> bool:
    return False
