"""Heat maps of several photos from one run: those of each photo alone, by the plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.attribution import batch, cam
from cnnviz.attribution.methods import METHODS
from cnnviz.inference.cut import cut
from cnnviz.inference.gradient import NoGradient
from cnnviz.inference.predict import Target
from cnnviz.inference.tap import LayerError


def _net(end: str) -> nn.Module:
    torch.manual_seed(3)
    trunk = [
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3),
        nn.ReLU(),
    ]
    ends = {
        "linear": [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 4)],
        "convolution": [nn.Conv2d(6, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()],
        "hidden": [nn.Conv2d(6, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)],
    }[end]
    return nn.Sequential(*trunk, *ends).eval().requires_grad_(False)


@pytest.mark.parametrize("end", ["linear", "convolution", "hidden"])
@pytest.mark.parametrize("method", [name for name, row in METHODS.items() if row.reads == "maps"])
def test_each_photo_has_the_map_that_the_plain_formulas_give_it_alone(method, end):
    net, x = _net(end), torch.randn(5, 3, 14, 16)
    goals = [Target(1), Target(3, versus=0), Target(0, against=True), Target(2), Target(2)]
    found = batch.read(method, cut(net, "5"), x, "5", lambda logits: goals)
    for i, (goal, (raw, weights, score), logits) in enumerate(found):
        (plain,) = cam.evidence(net, x[i : i + 1], ["5"], [goal])[0]
        wanted, channels = METHODS[method].run(plain)
        assert goal == goals[i]
        np.testing.assert_allclose(raw, wanted, atol=1e-6 * float(wanted.abs().max()) + 1e-9, rtol=1e-5)
        np.testing.assert_allclose(weights, channels, atol=1e-6 * float(channels.abs().max()) + 1e-9, rtol=1e-5)
        assert score == pytest.approx(plain.score, abs=1e-5)
        np.testing.assert_allclose(logits, net(x[i : i + 1])[0], atol=1e-5)


def test_targets_are_chosen_by_the_logits_of_the_same_run():
    net, x = _net("linear"), torch.randn(3, 3, 14, 14)
    found = batch.read("gradcam", cut(net, "2"), x, "2", lambda logits: [Target(int(i)) for i in logits.argmax(1)])
    assert [answer.goal.target for answer in found] == net(x).argmax(1).tolist()


def test_a_layer_without_maps_and_a_score_without_gradient_are_refused():
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.body(x).mean((2, 3)).detach()

    net, x = _net("linear"), torch.randn(2, 3, 14, 14)
    with pytest.raises(LayerError, match="feature maps"):
        batch.read("gradcam", cut(net, "8"), x, "8", lambda logits: [Target(0)] * 2)
    detached = Detached().eval().requires_grad_(False)
    with pytest.raises(NoGradient):
        batch.read("hirescam", cut(detached, "body"), x, "body", lambda logits: [Target(0)] * 2)
