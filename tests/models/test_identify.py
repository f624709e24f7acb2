"""The architecture of a bare state dict is read from its names and shapes, class count and new heads included."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from cnnviz.models import build, checkpoint, identify, lecture
from cnnviz.models.checkpoint import CheckpointError


def state_of(net: nn.Module) -> dict[str, torch.Tensor]:
    return dict(net.state_dict())


@pytest.mark.parametrize(
    "name",
    [
        "vgg11",
        "resnet18",
        "wide_resnet50_2",
        "resnext50_32x4d",
        "resnext101_64x4d",
        "densenet121",
        "squeezenet1_1",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "shufflenet_v2_x1_5",
        "googlenet",
        "inception_v3",
        "mnasnet0_75",
        "efficientnet_b0",
        "regnet_y_400mf",
        "convnext_tiny",
    ],
)
def test_torchvision_nets_are_recognised_with_any_class_count(name):
    state = state_of(build.torchvision_net(name, 2))
    assert identify.name_of(state) == name
    assert checkpoint_shapes(identify.skeleton(name, state)) == {k: v.shape for k, v in state.items()}


def checkpoint_shapes(net: nn.Module) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in net.state_dict().items()}


@pytest.mark.parametrize("name", lecture.NETS)
@pytest.mark.parametrize("norms", [{}, {"batch_norm": True}, {"head_norm": True}], ids=str)
def test_lecture_nets_are_recognised(name, norms):
    spec = dataclasses.replace(lecture.NETS[name], **norms)
    if spec.head != "none":
        spec = dataclasses.replace(spec, outputs=7)
    state = state_of(build.lecture_net(spec))
    assert identify.name_of(state) == f"lecture/{name}"
    assert checkpoint_shapes(identify.skeleton(f"lecture/{name}", state)) == {k: v.shape for k, v in state.items()}


@pytest.mark.parametrize(
    ("name", "place", "head"),
    [
        ("resnet18", "fc", nn.Sequential(nn.Dropout(), nn.Linear(512, 3))),
        ("resnet18", "fc", nn.Sequential(nn.Linear(512, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 1))),
        ("vgg11", "classifier", nn.Sequential(nn.Linear(25088, 16), nn.ReLU(), nn.Linear(16, 2))),
        (
            "mobilenet_v3_small",
            "classifier.3",
            nn.Sequential(nn.Linear(1024, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)),
        ),
        ("mobilenet_v2", "classifier", nn.Linear(1280, 5)),
        ("densenet121", "classifier", nn.Sequential(nn.Linear(1024, 4))),
        ("squeezenet1_1", "classifier.1", nn.Conv2d(512, 4, 1)),
    ],
)
def test_a_replaced_head_is_rebuilt_with_the_same_function(name, place, head):
    net = build.torchvision_net(name)
    trunk = net.set_submodule(place, head) or net
    trunk = trunk.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for key, value in trunk.state_dict().items():
        if value.is_floating_point():
            value.normal_(0, 0.05, generator=generator)
            if key.endswith("running_var"):
                value.abs_().add_(0.5)
    state = state_of(trunk)
    assert identify.name_of(state) == name
    rebuilt = checkpoint.fit(identify.skeleton(name, state), state).eval()
    x = torch.randn(1, 3, 64, 64, generator=generator)
    with torch.no_grad():
        assert torch.equal(rebuilt(x), trunk(x))


def test_auxiliary_heads_do_not_matter():
    from torchvision.models import get_model

    with build.Weightless():
        net = get_model("googlenet", aux_logits=True, init_weights=False)
    state = state_of(net)
    assert identify.name_of(state) == "googlenet"
    assert identify.trimmed(state).keys() == identify.skeleton("googlenet", state).state_dict().keys()


def test_a_state_that_almost_fits_names_the_closest():
    state = state_of(build.torchvision_net("resnet18"))
    state["layer3.0.conv1.weight"] = torch.zeros(7, 128, 3, 3)
    with pytest.raises(CheckpointError, match=r"resnet18 \(99%") as caught:
        identify.name_of(state, "mine.pth")
    assert "mine.pth" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "state", [{"a": torch.zeros(2)}, {"conv1.weight": torch.zeros(())}, {"encoder.layer.0.weight": torch.zeros(2, 2)}]
)
def test_a_state_of_nothing_known_says_what_it_begins_with(state):
    with pytest.raises(CheckpointError, match=next(iter(state))):
        identify.name_of(state)


@pytest.mark.parametrize("layer", ["out", "hidden"])
def test_a_single_number_in_the_place_of_a_layer_fits_nothing(layer):
    state = state_of(build.lecture_net(lecture.NETS["cats_gap"]))
    state[f"{layer}.weight"] = torch.zeros(())
    with pytest.raises(CheckpointError, match=r"lecture/cats_gap \("):
        identify.name_of(state)


@pytest.mark.parametrize("layer", ["forward", "training", "append", "_modules", "", "a b"])
def test_a_head_of_any_name_is_a_net_or_a_sentence(layer):
    state = state_of(build.torchvision_net("resnet18"))
    state[f"fc.{layer}.weight"], state[f"fc.{layer}.bias"] = state.pop("fc.weight"), state.pop("fc.bias")
    try:
        assert identify.name_of(state) == "resnet18"
    except CheckpointError as error:
        told = str(error)
    else:
        told = ""
    assert "\n" not in told


def test_recognising_draws_no_random_numbers_and_takes_no_memory():
    before = torch.get_rng_state()
    nets = [build.torchvision_net(name) for name in ("vgg19", "regnet_x_400mf", "convnext_tiny")]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.is_meta for net in nets for p in net.parameters())
