"""What the convolution lab takes from the browser."""

from __future__ import annotations

import pytest

from cnnviz.signal import examples
from cnnviz.ui.components import convlab


@pytest.mark.parametrize(
    "view",
    [
        None,
        "x",
        {},
        {"filters": []},
        {"filters": [{"name": "a", "weights": [[[1, 2]]]}]},
        {**convlab.begin(examples.EXAMPLES[0]), "stride": 0},
        {**convlab.begin(examples.EXAMPLES[0]), "padding": "many"},
        {**convlab.begin(examples.EXAMPLES[0]), "filters": [{"name": "a", "weights": [[[float("inf")]]], "bias": 0}]},
    ],
)
def test_nothing_from_outside_is_believed(view):
    assert convlab.read(view) is None
