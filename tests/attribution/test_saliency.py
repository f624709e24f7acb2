"""Gradients at the pixels agree with captum."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.attribution import saliency
from cnnviz.attribution.forward import cached_forward
from cnnviz.inference.cut import cut
from cnnviz.inference.predict import Target
from cnnviz.options import RequestError
from tests.attribution.peers import asking, correlation, finish, untrained, writing_elsewhere

NETS = [("squeezenet1_1", "features.12"), ("resnet18", "layer4")]


@pytest.mark.parametrize(("name", "layer"), NETS)
def test_gradients_agree_with_captum(name, layer):
    from captum.attr import IntegratedGradients, Saliency

    asked, goal = asking(name, layer)
    net = untrained(name)
    x = asked.x.clone().requires_grad_()
    truth = Saliency(net).attribute(x, target=goal.target, abs=False)[0]
    ours, _ = finish(saliency.saliency(asked, goal, None))
    torch.testing.assert_close(ours, truth)
    truth = IntegratedGradients(net).attribute(x, target=goal.target, n_steps=32)[0]
    ours, _ = finish(saliency.integrated_gradients(asked, goal, saliency.Path(steps=32)))
    assert correlation(ours.numpy(), truth.detach().numpy()) > 0.999
    options = saliency.Smoothing(samples=6, noise=0.2, seed=5)
    noise = torch.randn((4, *x.shape[1:]), generator=(g := torch.Generator().manual_seed(5))).to(x)
    noise = torch.cat([noise, torch.randn((2, *x.shape[1:]), generator=g).to(x)])
    noisy = (asked.x + 0.2 * float(asked.x.max() - asked.x.min()) * noise).requires_grad_()
    truth = Saliency(net).attribute(noisy, target=goal.target, abs=False).mean(0)
    ours, _ = finish(saliency.smooth_grad(asked, goal, options))
    torch.testing.assert_close(ours, truth)


@pytest.mark.parametrize(("name", "layer"), NETS)
@pytest.mark.filterwarnings("ignore:Setting backward hooks")
def test_guided_backprop_agrees_with_captum(name, layer):
    from captum.attr import GuidedBackprop

    asked, goal = asking(name, layer)
    net = untrained(name)
    with writing_elsewhere(net):
        truth = GuidedBackprop(net).attribute(asked.x.clone().requires_grad_(), target=goal.target)[0]
    ours, _ = finish(saliency.guided_backprop(asked, goal, None))
    torch.testing.assert_close(ours, truth)


def test_integrated_gradients_add_up_to_the_difference_of_scores():
    asked, goal = asking("squeezenet1_1", "features.12")
    ours, _ = finish(saliency.integrated_gradients(asked, goal, saliency.Path(steps=200)))
    rise = float((asked.logits - asked.logits_of(torch.zeros_like(asked.x)))[0, goal.target].detach())
    assert float(ours.sum()) == pytest.approx(rise, rel=0.03)


def test_a_net_without_relu_is_told_that_nothing_would_be_guided():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    asked = cached_forward(cut(net.eval().requires_grad_(False), "1"), torch.rand(1, 3, 9, 9), "1")
    with pytest.raises(RequestError, match="no ReLU"):
        finish(saliency.guided_backprop(asked, Target(0), None))
