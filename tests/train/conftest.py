"""Pictures decoded once or as needed."""

from __future__ import annotations

import pytest


@pytest.fixture
def remembering(monkeypatch):
    """A function: pictures are decoded once only where they fit in so many bytes."""
    from cnnviz.data.loader import Pictures

    defaults = Pictures.__init__.__kwdefaults__
    return lambda memory: monkeypatch.setattr(Pictures.__init__, "__kwdefaults__", defaults | {"memory": memory})
