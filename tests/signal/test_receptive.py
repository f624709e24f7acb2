"""Receptive fields of stacks: the formula against what really reaches a unit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.inference import receptive_field
from cnnviz.signal import receptive as r
from tests.signal.stacks import LAYERS, module, reached


@pytest.mark.parametrize("depth", range(1, 6))
def test_a_stack_sees_exactly_what_the_formula_says(depth):
    net = nn.Sequential(*(module(layer, 3 if i == 0 else 4) for i, layer in enumerate(LAYERS[:depth])))
    first, last, unit = reached(net, str(depth - 1), 160)
    field = r.stack(LAYERS[:depth])[-1]
    assert field.span(unit) == (first, last)
    assert field == receptive_field.of_net(net)[str(depth - 1)]
    assert r.sizes(160, LAYERS[:depth])[-1] == net(torch.zeros(1, 3, 160, 160).double()).shape[-1]


def test_a_map_that_no_longer_fits_has_size_zero():
    assert r.sizes(5, [r.Window("conv", 7), r.Window("conv", 3)]) == (5, 0, 0)


def test_the_effective_profile_of_a_stack_is_what_random_weights_show():
    layers = [r.Window("conv", 3), r.Window("conv", 3, 2), r.Window("conv", 5)]
    profile = r.effective_stack(layers)
    assert len(profile) == r.stack(layers)[-1].size
    torch.manual_seed(0)
    power = np.zeros(len(profile))
    for _ in range(60):
        net = nn.Sequential(*(nn.Conv2d(8, 8, y.kernel, y.stride, bias=False) for y in layers)).requires_grad_(False)
        x = torch.zeros(1, 8, len(profile), len(profile), requires_grad=True)
        (gradient,) = torch.autograd.grad(net(x)[0, 0, 0, 0], x)
        power += gradient.square().sum((0, 1, 2)).numpy()
    shown = np.sqrt(power / power.max())
    assert np.abs(shown - profile).max() < 0.12
