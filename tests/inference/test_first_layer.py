"""The first layer: its kernels, Gabors in their place, and what the net then says, against a net really rewritten."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.inference.first_layer import FirstLayerError, answers, first_layer, told, transplanted
from cnnviz.models import load
from cnnviz.signal.gabor import Gabor
from cnnviz.signal.gaborfit import draw, fit_gabors

KEY = "lecture/cats_gap"


@pytest.fixture
def model() -> load.Model:
    return load.load(KEY)


def test_it_is_the_first_convolution_and_closed_to_writing(model):
    layer = first_layer(model.net)
    assert (layer.name, layer.side) == ("conv1", 3)
    np.testing.assert_array_equal(layer.weights, model.net.conv1.weight.numpy())
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[...] = 0
    with pytest.raises(FirstLayerError, match="no convolution"):
        first_layer(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))


def test_nothing_chosen_changes_nothing_and_a_graft_keeps_each_kernels_mean(model):
    layer = first_layer(model.net)
    fits = fit_gabors(layer.weights)
    np.testing.assert_array_equal(transplanted(layer, fits, []), layer.weights)
    grafted = transplanted(layer, fits, [0, 5])
    np.testing.assert_array_equal(np.delete(grafted, [0, 5], 0), np.delete(layer.weights, [0, 5], 0))
    np.testing.assert_allclose(grafted.mean((2, 3)), layer.weights.mean((2, 3)), atol=1e-6)
    shape = draw(fits[5])
    ours, drawn = (one - one.mean((1, 2), keepdims=True) for one in (grafted[5], shape))
    np.testing.assert_allclose(ours, drawn, atol=1e-6)
    by_hand = transplanted(layer, fits, [5], {5: Gabor(0.25, 90.0, 1.0)})
    assert np.abs(by_hand[5] - grafted[5]).max() > 1e-3


def test_the_answer_is_that_of_a_net_with_those_weights_and_the_net_stays(model, photo):
    layer = first_layer(model.net)
    changed = layer.weights[::-1] * 1.5
    other = copy.deepcopy(model.net)
    with torch.no_grad():
        other.conv1.weight.copy_(torch.from_numpy(changed.copy()))
        logit = float(other(model.preprocess.tensor(model.preprocess.see(photo))))
    found = answers(model, photo, layer, changed)
    assert max(found, key=lambda one: one.index).logit == pytest.approx(logit, rel=1e-4)
    np.testing.assert_array_equal(model.net.conv1.weight.numpy(), layer.weights)


def test_the_table_has_a_row_for_each_filter(model):
    fits = fit_gabors(first_layer(model.net).weights[:4])
    table = told(fits)
    assert all(len(column) == 4 for column in table.values())
    assert table["R²"].tolist() == [fit.r2 for fit in fits]
