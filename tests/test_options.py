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
    mirror: bool = knob(False, "Whether")
    title: str = knob("", "How it is called")


def test_the_defaults_are_allowed_and_described():
    Recipe()
    assert [k.name for k in knobs(Recipe)] == ["steps", "rate", "canvas", "seed", "mirror", "title"]
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
        {"rate": 10**400},
        {"canvas": "oil"},
        {"canvas": ["pixel"]},
        {"seed": -1},
        {"mirror": "no"},
        {"mirror": 0},
        {"mirror": None},
        {"title": 5},
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        Recipe(**wrong)


def test_a_whole_number_is_a_number_too():
    assert Recipe(rate=1).rate == 1


def test_a_range_that_is_open_is_said_as_it_is():
    with pytest.raises(OptionError, match=r"steps is 101; it has to lie in the range 1 to 100 steps\.$"):
        Recipe(steps=101)
    with pytest.raises(OptionError, match=r"seed is -1; it has to be 0 or more\.$"):
        Recipe(seed=-1)


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
