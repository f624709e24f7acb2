"""Schedules begin low, peak once and end low; the suggested rate lies where the loss falls fastest."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.train import learning_rate
from cnnviz.train.plan import PlanError


def test_one_cycle_is_that_of_torch():
    net = nn.Linear(1, 1)
    opt = torch.optim.SGD(net.parameters(), lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        opt,
        1.0,
        total_steps=101,
        pct_start=learning_rate.WARM,
        div_factor=learning_rate.START,
        final_div_factor=learning_rate.END / learning_rate.START,
    )
    for step in range(101):
        assert learning_rate.factor("one_cycle", step, 101) == pytest.approx(opt.param_groups[0]["lr"], abs=0.05)
        opt.step()
        if step < 100:
            cycle.step()


def test_schedules_begin_and_end_where_they_should():
    assert learning_rate.factor("constant", 7, 10) == 1
    assert learning_rate.factor("cosine", 0, 10) == 1
    assert learning_rate.factor("cosine", 9, 10) == pytest.approx(0)
    assert learning_rate.factor("one_cycle", 0, 100) == pytest.approx(1 / 25)
    assert learning_rate.factor("one_cycle", 99, 100) == pytest.approx(1e-5)
    assert max(learning_rate.factor("one_cycle", s, 100) for s in range(100)) == pytest.approx(1, abs=1e-3)


def test_the_suggestion_is_where_the_loss_falls_fastest():
    rates = [10 ** (-6 + i / 10) for i in range(60)]
    losses = [1 - 1 / (1 + math.exp(-(math.log10(r) + 3) * 5)) + max(0, (math.log10(r) + 1)) * 4 for r in rates]
    assert learning_rate.suggest(rates, losses) == pytest.approx(1e-3, rel=0.3)
    with pytest.raises(PlanError, match="never falls"):
        learning_rate.suggest(rates, list(range(60)))
    with pytest.raises(PlanError, match="diverged"):
        learning_rate.suggest(rates[:3], losses[:3])


@pytest.mark.parametrize("seed", range(5))
def test_the_noise_of_the_first_steps_does_not_decide(seed):
    rng = np.random.default_rng(seed)
    rates = [10 ** (-6 + i * 6 / 99) for i in range(100)]
    losses = [0.12 / (1 + (r / 6e-4)) + max(0, math.log10(r) + 1) for r in rates]
    noise = rng.normal(0, 0.02, 100) / np.sqrt(np.arange(1, 101))  # as smoothing leaves it
    losses = [a + b for a, b in zip(losses, noise, strict=True)]
    losses[1] += 0.03  # one batch was hard: a cliff behind it
    assert 1e-4 < learning_rate.suggest(rates, losses) < 4e-3


@pytest.mark.parametrize("kind", ["adam", "sgd", "rmsprop"])
def test_a_finder_on_a_line_ends_when_it_explodes(kind):
    torch.manual_seed(0)
    net = nn.Linear(3, 1)
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [2.0], [-1.0]]) + 3
    groups = ((("weight",), 1.0), (("bias",), 0.1))
    opt = learning_rate.optimizer(kind, learning_rate.parameters(net, groups, 1.0), 1.0, 0.0)
    seen = []

    def loss_of(a, b, _):
        return ((net(a) - b) ** 2).mean()

    curve = learning_rate.find(
        loss_of, iter(lambda: (x, y), None), opt, [1.0, 0.1], high=100, heard=lambda r, v: seen.append(r)
    )
    assert curve.rates == tuple(seen)
    assert 1e-4 < curve.suggestion < 10
