"""What journeys are held to."""

from __future__ import annotations

import pytest

from cnnviz.runtime.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The oracle, in this process: what a page shows is what it answers to the same question."""
    return Engine(device="cpu")
