"""Class activation maps agree with the libraries that others wrote."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.attribution import cam, forward, methods
from cnnviz.attribution.cam import Evidence
from cnnviz.attribution.forward import cached_forward, evidence
from cnnviz.attribution.heatmap import spread
from cnnviz.attribution.methods import METHODS
from cnnviz.inference.cut import cut
from cnnviz.inference.tap import module
from cnnviz.models import lecture
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

PEERS = {
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMPlusPlus",
    "hirescam": "HiResCAM",
    "layercam": "LayerCAM",
}


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def peer_map(name: str, net: nn.Module, layer: str, x: torch.Tensor, target: int) -> np.ndarray:
    """The map of the grad-cam package at the layer's own size, before it is clipped and scaled.

    The package reads what an in-place ReLU made of a map, so for it, and only for it, ReLUs write elsewhere.
    """
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    writing = [part for part in net.modules() if getattr(part, "inplace", False)]
    for part in writing:
        part.inplace = False
    net.requires_grad_(True)
    place = module(net, layer)
    try:
        with getattr(pytorch_grad_cam, name)(model=net, target_layers=[place]) as peer:
            peer.activations_and_grads(x)[0, target].backward()
            maps = peer.activations_and_grads.activations[-1].numpy()
            gradients = peer.activations_and_grads.gradients[-1].numpy()
            return peer.get_cam_image(x, place, [ClassifierOutputTarget(target)], maps, gradients, False)[0]
    finally:
        net.requires_grad_(False)
        net.zero_grad()
        for part in writing:
            part.inplace = True


@functools.cache
def untrained(name: str) -> nn.Module:
    """A net with random weights in double precision, logits large enough that no peer's epsilon matters."""
    import torchvision

    torch.manual_seed(0)
    net = getattr(torchvision.models, name)(weights=None).eval().requires_grad_(False).double()
    last = [part for part in net.modules() if isinstance(part, (nn.Linear, nn.Conv2d))][-1]
    last.weight.mul_(1e6)
    return net


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


@pytest.fixture
def asked() -> forward.Forward:
    torch.manual_seed(0)
    net = lecture.build(lecture.NETS["mnist_gap"]).eval().requires_grad_(False)
    return cached_forward(cut(net, "relu3"), torch.rand(1, 1, 28, 28), "relu3")


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


def test_several_classes_at_once_are_what_each_is_alone(asked):
    together = evidence(asked, tuple(range(10)))
    for target in range(10):
        (alone,) = evidence(asked, (target,))
        torch.testing.assert_close(together[target].gradient, alone.gradient, rtol=1e-4, atol=1e-7)
        assert together[target].score == pytest.approx(alone.score, rel=1e-5)


def test_the_two_sides_of_a_single_logit_are_opposite():
    torch.manual_seed(0)
    net = lecture.build(lecture.NETS["cats_gap"]).eval().requires_grad_(False)
    x = torch.rand(1, 3, 64, 64)
    cat, dog = evidence(cached_forward(cut(net, "relu4"), x, "relu4"), (0, 1))
    torch.testing.assert_close(cam.grad_cam(cat)[0], -cam.grad_cam(dog)[0])
    assert cat.score == pytest.approx(-dog.score, rel=1e-4)


def test_eigen_cam_is_the_first_principal_component(asked):
    (one,) = evidence(asked, (0,))
    raw, _ = cam.eigen_cam(one)
    flat = one.maps.flatten(1).numpy()
    centred = flat - flat.mean(1, keepdims=True)
    _, vectors = np.linalg.eigh(centred @ centred.T)
    truth = vectors[:, -1] @ centred
    assert abs(correlation(raw.numpy(), truth)) > 0.999
    assert correlation(raw.numpy(), flat.mean(0)) > 0


def test_maps_that_speak_against_a_class_everywhere_are_cold():
    maps = torch.ones(2, 4, 4)
    raw, _ = cam.grad_cam(Evidence(maps, -torch.ones(2, 4, 4), -1.0))
    assert (raw < 0).all()
    assert spread(raw.numpy(), (9, 7)).max() == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_heat_is_finite_and_in_range_whatever_comes(bad):
    raw = np.array([[1.0, bad], [-2.0, 0.5]], np.float32)
    heat = spread(raw, (13, 17))
    assert heat.shape == (13, 17)
    assert np.isfinite(heat).all()
    assert 0 <= heat.min() <= heat.max() == 1


def test_an_unknown_method_is_answered_with_those_there_are():
    with pytest.raises(RequestError, match=r"layercam"):
        methods.method("magic")
