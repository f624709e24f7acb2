"""Occlusion, Score-CAM and Ablation-CAM agree with captum and the grad-cam package."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from cnnviz.attribution import methods, perturbation
from cnnviz.attribution.methods import METHODS
from cnnviz.inference.tap import module
from tests.attribution.peers import asking, correlation, finish, untrained, writing_elsewhere

NETS = [("squeezenet1_1", "features.12"), ("resnet18", "layer4")]


@pytest.mark.parametrize(("name", "layer"), [("squeezenet1_1", "features.4"), ("resnet18", "layer2")])
@pytest.mark.parametrize("method", ["scorecam", "ablation", "eigencam"])
def test_channel_methods_agree_with_the_grad_cam_package(name, layer, method):
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    asked, goal = asking(name, layer, 48)
    options = perturbation.Channels(channels=0) if METHODS[method].options else None
    (raw, _, _), _ = finish(methods.explain(method, asked, goal, options))
    net, peer = untrained(name), {"scorecam": "ScoreCAM", "ablation": "AblationCAM", "eigencam": "EigenCAM"}[method]
    with writing_elsewhere(net), getattr(pytorch_grad_cam, peer)(net, [module(net, layer)]) as library:
        library.batch_size = 32
        truth = library(asked.x, [ClassifierOutputTarget(goal.target)])[0]
    signs = (1, -1) if method == "eigencam" else (1,)  # the sign of a principal component is free
    ours = [np.maximum(sign * raw, 0) for sign in signs]
    assert max(correlation(cv2.resize(o, truth.shape[::-1]), truth) for o in ours) > 0.99


@pytest.mark.parametrize(("name", "layer"), NETS)
def test_occlusion_agrees_with_captum(name, layer):
    from captum.attr import Occlusion

    asked, goal = asking(name, layer)
    ours, shares = finish(perturbation.occlusion(asked, goal, perturbation.Occlusion(window=16, stride=12)))
    truth = Occlusion(untrained(name)).attribute(
        asked.x, (3, 16, 16), strides=(3, 12, 12), target=goal.target, perturbations_per_eval=8
    )[0]
    assert correlation(ours[0].numpy(), truth[0].numpy()) > 0.999
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_an_ablated_channel_is_a_channel_of_zeros():
    asked, goal = asking("resnet18", "layer3.1.conv2")  # signed maps, and a shortcut that lives on at the cut
    (_, weights), _ = finish(perturbation.ablation_cam(asked, goal, perturbation.Channels(channels=9)))
    tried = torch.nonzero(weights).flatten().tolist()
    assert len(tried) == 9
    for channel in tried[::4]:
        maps = asked.values[0].detach().clone()
        maps[:, channel] = 0
        with torch.no_grad():
            lost = asked.logits[0, goal.target] - asked.cut.head(maps, *asked.values[1:])[0, goal.target]
        torch.testing.assert_close(weights[channel], lost, rtol=1e-6, atol=1e-9)
