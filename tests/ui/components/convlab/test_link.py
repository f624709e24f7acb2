"""The convolution lab's state as a word of a link: what comes back is what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.signal import examples
from cnnviz.signal.convolve import MODES
from cnnviz.ui.components import convlab
from cnnviz.ui.components.convlab import link


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda example: example.title)
def test_every_example_survives_its_link(example):
    view = convlab.begin(example)
    ours, again = link.layer_of(view), link.layer_of(link.from_link(link.to_link(view)))
    np.testing.assert_allclose(again.weights, ours.weights, rtol=1e-5)
    assert (again.sliding, again.stage) == (ours.sliding, ours.stage)


def test_own_kernels_and_all_settings_come_back(rng):
    view = convlab.begin(examples.EXAMPLES[0])
    for mode in MODES:
        weights = rng.normal(size=(3, 3, 3)).round(3).tolist()
        changed = {**view, "mode": mode, "stride": 2, "padding": 2, "dilation": 1, "colour": True, "stage": "pool"}
        changed["filters"] = [{"name": "Your own kernel", "weights": weights, "bias": -1.5}]
        word = link.to_link(changed)
        again = link.from_link(word)
        assert again is not None
        np.testing.assert_allclose(again["filters"][0]["weights"], weights, rtol=1e-5)
        assert again["filters"][0]["bias"] == -1.5
        assert {name: again[name] for name in ("mode", "stride", "padding", "colour", "stage")} == {
            name: changed[name] for name in ("mode", "stride", "padding", "colour", "stage")
        }
        assert set(word) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-~!")


def test_a_kernel_keeps_its_name_also_where_it_is_one_for_each_colour():
    view = convlab.begin(next(one for one in examples.EXAMPLES if one.colour))
    (kernel,) = view["filters"]
    view["filters"] = [{**kernel, "weights": kernel["weights"] * 3}]  # as the browser tells it
    assert link.to_link(view).startswith("f.vertical_edge!3~")
    again = link.from_link(link.to_link(view))
    assert again is not None
    assert again["filters"] == view["filters"]


@pytest.mark.parametrize(
    "word",
    [
        "",
        "f.",
        "f.nothing",
        "f.sobel_x!4",
        "f.sobel_x!many",
        "f.1x3!1",
        "x.3",
        "f.sobel_x~s.many",
        "f.1x3!" + "_".join("a" * 10),
    ],
)
def test_a_word_that_describes_none_is_none(word):
    assert link.from_link(word) is None


def test_a_link_from_before_pooling_had_a_stride_of_its_own_means_what_it_meant():
    view = link.from_link("f.sobel_x~p.1~t.pool~w.3")
    assert view is not None
    layer = link.layer_of(view)
    assert (layer.pool_size, layer.pool_stride, layer.white) == (3, 0, 255)
    assert link.to_link(view) == "f.sobel_x~p.1~t.pool~w.3"
    new = {**view, "pool_stride": 1, "unit": 1}
    again = link.from_link(link.to_link(new))
    assert again is not None
    assert (again["pool_stride"], again["unit"]) == (1, 1)
