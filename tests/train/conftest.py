"""Tiny data sets and plans that train in a second."""

from __future__ import annotations

import pytest

from cnnviz.data.counting import Counting, write
from cnnviz.train.plan import Plan


@pytest.fixture(scope="session")
def circles(tmp_path_factory):
    """Two classes of 24 pictures, 32 x 32."""
    options = Counting(low=1, high=2, per_class=24, size=32, smallest=4, largest=6, val_share=0.25)
    return write(tmp_path_factory.mktemp("data") / "circles", options)


@pytest.fixture
def plan(circles):
    """Three epochs of five steps for a small gray net."""
    return Plan(
        str(circles),
        net="lecture/mnist_gap",
        size=32,
        batch_norm=True,
        dropout=0.2,
        epochs=3,
        batch=8,
        rate=0.01,
        snapshots=4,
        threads=1,
    )
