"""Options know their range, and everything is read from there."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cnnviz.options import OptionError, Options, flat, knob, knobs


@dataclass(frozen=True)
class Recipe(Options):
    """An example."""

    steps: int = knob(30, "How many", low=1, high=100, unit="steps")
    rate: float = knob(0.5, "How far", low=0.0, high=1.0)
    canvas: str = knob("pixel", "Where", choices=("pixel", "fourier"))
    seed: int | None = knob(None, "Which", low=0)


def test_the_defaults_are_allowed_and_described():
    Recipe()
    assert [k.name for k in knobs(Recipe)] == ["steps", "rate", "canvas", "seed"]
    assert knobs(Recipe)[0].unit == "steps"
    assert knobs(Recipe)[3].optional


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": 101},
        {"steps": 2.5},
        {"steps": True},
        {"rate": float("nan")},
        {"rate": "1"},
        {"canvas": "oil"},
        {"seed": -1},
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        Recipe(**wrong)


def test_flat_options_tell_classes_and_values_apart():
    @dataclass(frozen=True)
    class Other(Options):
        """Same knobs, other meaning."""

        steps: int = knob(30, "How many")

    assert flat(Recipe()) == flat(Recipe(steps=30))
    assert flat(Recipe()) != flat(Recipe(steps=31))
    assert hash(flat(Recipe())) == hash(flat(Recipe()))
    assert flat(Other()) != flat(Recipe())
    assert flat(None) == ()
