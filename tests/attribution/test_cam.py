"""Class activation maps agree with the grad-cam package and with algebra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cnnviz.attribution import cam
from cnnviz.attribution.forward import cached_forward, evidence
from cnnviz.attribution.methods import METHODS
from cnnviz.inference.cut import cut
from cnnviz.inference.predict import Target
from cnnviz.inference.tap import LayerError
from cnnviz.models import lecture
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from tests.attribution.peers import correlation, peer_map, untrained

PEERS = {
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMPlusPlus",
    "hirescam": "HiResCAM",
    "layercam": "LayerCAM",
}

NETS = [
    ("squeezenet1_1", "features.12"),
    ("resnet18", "layer4"),
    ("resnet18", "layer3.1.conv2"),
    ("mobilenet_v3_small", "features.12"),
]
CASES = [(*place, method) for place in NETS for method in PEERS] + [("vgg16", "features.28", "gradcam")]


@pytest.mark.parametrize(("name", "layer", "method"), CASES)
def test_each_method_agrees_with_the_grad_cam_package(name, layer, method):
    net, side = untrained(name), 96
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    target = int(net(x).argmax())
    truth = peer_map(PEERS[method], net, layer, x, target)
    (found,) = evidence(cached_forward(cut(net, layer), x, layer), (target,))
    raw, _ = METHODS[method].run(found)
    assert correlation(raw.numpy(), truth) > 0.999


def test_the_real_elephant_agrees_with_the_grad_cam_package(shared: Path):
    engine = Engine(device="cpu", weights=shared / "weights")
    photo = Photo.open(shared / "photos" / "african_elephant.jpg")
    assert engine.predict("squeezenet1_1", photo)[0].label == "African elephant"
    model = engine.model("squeezenet1_1")
    for layer in ("features.12", "features.7", "features.3.expand3x3"):
        heat = engine.heatmap("squeezenet1_1", photo, layer=layer)
        truth = peer_map("GradCAM", model.net, layer, model.preprocess.tensor(heat.seen), heat.target)
        assert correlation(heat.raw, truth) > 0.999


def test_after_global_average_pooling_grad_cam_is_class_activation_mapping(asked):
    """With one linear layer behind the pooling, Grad-CAM's weights are that layer's weights over the positions."""
    (one,) = evidence(asked, (4,))
    positions = one.maps[0].numel()
    _, weights = cam.grad_cam(one)
    again = asked.cut.head(torch.eye(64).view(64, 64, 1, 1).expand(64, 64, 3, 3))  # each channel alone
    bias = asked.cut.head(torch.zeros(1, 64, 3, 3))
    torch.testing.assert_close(weights * positions, (again - bias)[:, 4], rtol=1e-4, atol=1e-5)


def test_hires_cam_adds_up_to_the_score_where_the_head_is_linear(asked):
    """Completeness (Draelos and Carin, 2020): with a linear head the map sums to the logit without its bias."""
    (one,) = evidence(asked, (4,))
    raw, _ = cam.hires_cam(one)
    bias = asked.cut.head(torch.zeros(1, 64, 3, 3))[0, 4]
    torch.testing.assert_close(raw.sum(), torch.tensor(one.score) - bias.detach(), rtol=1e-4, atol=1e-5)


def test_eigen_cam_is_the_first_principal_component(asked):
    (one,) = evidence(asked, (0,))
    raw, _ = cam.eigen_cam(one)
    flat = one.maps.flatten(1).numpy()
    centred = flat - flat.mean(1, keepdims=True)
    _, vectors = np.linalg.eigh(centred @ centred.T)
    truth = vectors[:, -1] @ centred
    assert abs(correlation(raw.numpy(), truth)) > 0.999
    assert correlation(raw.numpy(), flat.mean(0)) > 0


def test_a_layer_without_maps_is_refused_and_one_that_has_no_say_has_no_gradient():
    net = lecture.build(lecture.NETS["mnist_gap"]).eval().requires_grad_(False)
    x = torch.rand(1, 1, 28, 28)
    with pytest.raises(LayerError, match="flatten"):
        cam.evidence(net, x, ["relu3", "flatten"], [Target(0)])
    with torch.no_grad():
        for part in (net.out.weight, net.out.bias):
            part.zero_()
        ((one,),) = cam.evidence(net, x, ["relu3"], [Target(0)])
    assert one.score == 0
    assert not one.gradient.any()
    assert all(part.grad is None and not part.requires_grad for part in net.parameters())
    assert not any(part._forward_hooks for part in net.modules())
