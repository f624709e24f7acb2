"""Heads are rebuilt from names and shapes: numbers of a Sequential say where something without weights stood."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.models import build, heads, identify

Seq, Lin, ReLU, Drop, BN = nn.Sequential, nn.Linear, nn.ReLU, nn.Dropout, nn.BatchNorm1d
SIZE = (3, 64, 64)


def rebuilt(head: nn.Module) -> tuple[list[str], bool]:
    """The kinds of layers that a head in place of ResNet's is taken for, and whether an activation is assumed."""
    net = build.torchvision_net("resnet18")
    shapes = {key: tuple(value.shape) for key, value in net.state_dict().items() if not key.startswith("fc.")}
    shapes |= {f"fc.{key}": tuple(value.shape) for key, value in head.state_dict().items() if "batches" not in key}
    assumed = heads.replace(net, shapes, "ReLU")
    return [type(part).__name__ for part in net.fc.modules() if not list(part.children())], assumed


@pytest.mark.parametrize(
    ("head", "kinds", "assumed"),
    [
        (Lin(512, 3), ["Linear"], False),
        (Seq(Drop(), Lin(512, 3)), ["Linear"], False),
        (Seq(Lin(512, 8), Lin(8, 3)), ["Linear", "Linear"], False),
        (Seq(Lin(512, 8), ReLU(), Lin(8, 3)), ["Linear", "ReLU", "Linear"], True),
        (Seq(Lin(512, 8), ReLU(), BN(8), Lin(8, 3)), ["Linear", "ReLU", "BatchNorm1d", "Linear"], True),
        (Seq(Lin(512, 8), BN(8), ReLU(), Lin(8, 3)), ["Linear", "BatchNorm1d", "ReLU", "Linear"], True),
        (Seq(Lin(512, 8), ReLU(), BN(8), Drop(), Lin(8, 3)), ["Linear", "ReLU", "BatchNorm1d", "Linear"], True),
        (Seq(Lin(512, 8), nn.LayerNorm(8), ReLU(), Lin(8, 3)), ["Linear", "LayerNorm", "ReLU", "Linear"], True),
        (Seq(Lin(512, 8), nn.PReLU(), Lin(8, 3)), ["Linear", "PReLU", "Linear"], False),
        (nn.ModuleDict({"a": Lin(512, 8), "b": Lin(8, 3)}), ["Linear", "ReLU", "Linear"], True),
        (nn.ModuleDict({"layers": Seq(Lin(512, 8), ReLU(), Lin(8, 3))}), ["Linear", "ReLU", "Linear"], True),
        (nn.ModuleDict({"forward_": Seq(nn.Conv1d(512, 3, 1))}), ["Linear"], False),
    ],
)
def test_a_head_is_taken_for(head, kinds, assumed):
    assert rebuilt(head) == (kinds, assumed)


@pytest.mark.parametrize(("side", "fits"), [(1, True), (2, True), (3, True), (1.5, False)])
def test_a_pooling_is_chosen_by_the_features_that_the_head_takes(side, fits):
    net = build.torchvision_net("vgg11", 3)
    features = int(512 * side * side)
    with build.Weightless():
        net.classifier = Lin(features, 3)
    if not fits:
        with pytest.raises(ValueError, match="which the network before it does not give"):
            heads.repool(net, features, SIZE, "classifier")
        return
    assert heads.repool(net, features, SIZE, "classifier") == (f"average pooling to {side} x {side} before the head",)
    assert heads.runs(net, SIZE)


def test_a_head_that_fits_needs_no_other_pooling():
    net = build.torchvision_net("resnet18", 3)
    assert heads.repool(net, 512, SIZE, "fc") == ()
    assert isinstance(net.avgpool, nn.AdaptiveAvgPool2d)


def test_the_assumed_activation_can_be_another():
    state = {key: torch.zeros(value.shape) for key, value in build.torchvision_net("resnet18").state_dict().items()}
    state.pop("fc.weight"), state.pop("fc.bias")
    state |= {f"fc.{key}": value for key, value in Seq(Lin(512, 8), ReLU(), Lin(8, 3)).state_dict().items()}
    for name, kind in (("ReLU", ReLU), ("Tanh", nn.Tanh), ("none", nn.Identity)):
        made = identify.built("resnet18", state, {"activation": name})
        assert isinstance(made.net.fc[1], kind)
        assert [(one.value, one.stated) for one in made.assumed] == [(name, True)]
