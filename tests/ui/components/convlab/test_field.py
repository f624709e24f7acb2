"""What the receptive-field builder takes from the browser: windows within their bounds, or nothing."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from cnnviz.signal.receptive import Window
from cnnviz.ui.components.convlab import field


@pytest.mark.parametrize("title", field.STACKS)
def test_a_stack_comes_back_as_it_went(title):
    layers, _ = field.STACKS[title]
    assert field.read([asdict(layer) for layer in layers]) == layers
    assert field.FIRST in field.STACKS


def test_numbers_beyond_the_bounds_are_brought_back_and_unknown_kinds_convolve():
    wild = {"kind": "magic", "kernel": 1000, "stride": 0, "padding": -3, "dilation": 2.9}
    assert field.read([wild]) == (Window("conv", 64, 1, 0, 2),)
    assert len(field.read([wild] * 40)) == 12


@pytest.mark.parametrize("said", [None, 3, "conv", [None], [{"kind": "conv"}], [{"kind": "conv", "kernel": "x"}], [[]]])
def test_what_is_no_stack_is_nothing(said):
    assert field.read(said) is None


@pytest.mark.parametrize("said", [None, 3, "at", {"at": [0.1]}, {"at": "ab", "effective": 1}, {"at": [0.1, None]}])
def test_of_what_names_no_unit_the_middle_one_is_shown(said):
    assert field.read_shown(said) == field.Shown()


def test_a_unit_is_taken_within_the_map():
    assert field.read_shown({"at": [0.25, 7], "effective": False}) == field.Shown((0.25, 0.999), False)
