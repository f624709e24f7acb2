"""Which side of a value became which after a view."""

from __future__ import annotations

import pytest

from cnnviz.models.foreign.sides import Side, moved, regrouped

N, C = Side(1, True, "x", 0), Side(48, False, "x", 1)
H, W = Side(8, True, "x", 2), Side(6, True, "x", 3)


def named(groups):
    return None if groups is None else [[(side.size, side.axis) for side in group] for group in groups]


@pytest.mark.parametrize(
    ("sides", "target", "found"),
    [
        ([N, C, H, W], (1, 2, 24, 8, 6), [[(1, 0)], [(2, 1)], [(24, 1)], [(8, 2)], [(6, 3)]]),
        ([N, C, H, W], (1, 48, 48), [[(1, 0)], [(48, 1)], [(8, 2), (6, 3)]]),
        ([N, C, H, W], (1, 2304), [[(1, 0)], [(48, 1), (8, 2), (6, 3)]]),
        ([N, C, H, W], (48, 8, 6), [[(1, 0), (48, 1)], [(8, 2)], [(6, 3)]]),
        ([N, C, H, W], (1, 48, 1, 8, 6), [[(1, 0)], [(48, 1)], [], [(8, 2)], [(6, 3)]]),
        ([N, C, H, W], (1, 48, 4, 2, 6), None),
        ([N, C, H, W], (1, 48, 9, 6), None),
    ],
)
def test_factors_stay_in_order(sides, target, found):
    assert named(regrouped(sides, target)) == found


def test_a_batch_of_one_in_front_of_a_layers_side_belongs_to_the_side_before():
    assert named(moved([(H,), (N, C)], N)) == [[(8, 2), (1, 0)], [(48, 1)]]
    assert named(moved([(H,), (N,)], N)) == [[(8, 2)], [(1, 0)]]
    assert named(moved([(N,), (C, H)], N)) == [[(1, 0)], [(48, 1), (8, 2)]]
