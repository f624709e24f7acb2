"""A number that a browser tells is one, and in its range."""

from __future__ import annotations

import math

import pytest

from cnnviz.ui.components.shared.told import UNFIT, share, whole


def test_whole_numbers_in_range_are_taken_also_as_floats():
    assert [whole(said, -1, 5) for said in (-1, 0, 5, 3.0)] == [-1, 0, 5, 3]


@pytest.mark.parametrize("said", [None, True, "3", 3.5, 6, -2, math.nan, math.inf, -math.inf, 10**400, [3], {"a": 3}])
def test_anything_else_is_none(said):
    assert whole(said, -1, 5) is None


@pytest.mark.parametrize("said", [None, "x", math.nan, math.inf, 10**400, 5, [1]])
def test_a_share_out_of_range_ends_in_what_readers_expect(said):
    assert share(0.25, 0, 1) == 0.25
    with pytest.raises(UNFIT):
        share(said, 0, 1)
