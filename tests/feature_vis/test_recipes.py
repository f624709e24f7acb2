"""Recipes fit their families, aims add up, knobs know their range."""

from __future__ import annotations

import pytest
import torch

import cnnviz
from cnnviz.feature_vis.recipes import RECIPES, Aim, Ascent, family, recipe, written
from cnnviz.options import OptionError, RequestError, knobs
from tests.feature_vis.ascents import SHORT, images, net, place


def test_aims_add_up():
    both = Aim.of(3) - Aim.of(5) * 2
    assert both.terms == ((3, 1.0), (5, -2.0))
    assert both.channel is None
    trunk = net(relu=False)
    (image,) = images(place(trunk), [both], SHORT)
    x = (torch.from_numpy(image.picture.copy()).permute(2, 0, 1)[None] / 255 - 0.5) / 0.25
    maps = trunk(x)[0].mean((1, 2))
    assert image.value == pytest.approx((maps[3] - 2 * maps[5]).item(), rel=1e-3)
    assert Aim.direction([0, 0.5, -1]).terms == ((1, 0.5), (2, -1.0))


def test_recipes_fit_their_families():
    assert {family("vgg16"), family("resnet50"), family("wide_resnet50_2")} == {"vgg", "resnet"}
    assert family("lecture/mnist_gap", 28) == "small"
    assert recipe("auto", "vgg16") == RECIPES["vgg"]
    lectures = recipe("lecture")
    assert (lectures.step, lectures.decay, lectures.canvas, lectures.start) == ("adam", 1e-6, "pixel", "noise")
    assert recipe("post").jitter == 16
    with pytest.raises(RequestError, match="lecture"):
        recipe("magic")
    assert eval(written(lectures), {"Ascent": cnnviz.Ascent}) == lectures


def test_options_out_of_range_are_refused():
    for knob in knobs(Ascent):
        if knob.high is not None and not knob.choices:
            with pytest.raises(OptionError, match=knob.name):
                Ascent(**{knob.name: type(knob.high)(knob.high + 1) if knob.kind is not int else int(knob.high) + 1})
