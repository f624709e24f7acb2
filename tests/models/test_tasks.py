"""Networks without classes are refused by what they are for, and never taken for a classifier of embeddings."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision import models as tv

from cnnviz.models import load
from tests.models.test_layout import kept, refusal, state_of, with_head

State = dict[str, torch.Tensor]


def mlp(*sizes: int) -> nn.Module:
    return nn.Sequential(*(nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in itertools.pairwise(sizes)))


def trunk() -> nn.Module:
    net = tv.resnet18(weights=None)
    net.fc = nn.Identity()
    return net


def moco() -> object:
    """As facebookresearch/moco saves it; its version 1 has the very tensors of a classifier of 128 classes."""
    net = tv.resnet18(weights=None, num_classes=128)
    both = {**state_of(net, "module.encoder_q."), **state_of(net, "module.encoder_k.")}
    return {"arch": "resnet18", "state_dict": {**both, "module.queue": torch.zeros(128, 64)}}


def moco_v3() -> object:
    net = with_head("resnet18", "fc", nn.Sequential(nn.Linear(512, 8, bias=False), nn.BatchNorm1d(8)))
    return {**state_of(net, "module.base_encoder."), **state_of(mlp(8, 8), "module.predictor.")}


def dino() -> object:
    head = {"head.last_layer.weight_g": torch.ones(9, 1), "head.last_layer.weight_v": torch.ones(9, 8)}
    inner = {**state_of(trunk(), "backbone."), **state_of(mlp(512, 8), "head.mlp."), **head}
    return {"student": {f"module.{key}": value for key, value in inner.items()}, "teacher": inner}


def byol() -> object:
    inner = {**state_of(trunk(), "encoder."), **state_of(mlp(512, 8), "projetion.")}
    return {"online_network_state_dict": inner, "target_network_state_dict": inner}


def simsiam() -> object:
    net = with_head("resnet18", "fc", nn.Sequential(nn.Linear(512, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8)))
    return {**state_of(net, "module.encoder."), **state_of(mlp(8, 8), "module.predictor.")}


def clip() -> object:
    state = {key: value for key, value in state_of(trunk(), "visual.").items() if "visual.conv1" not in key}
    stems = {f"visual.conv{i}.weight": torch.ones(8, 3, 3, 3) for i in (1, 2, 3)}
    return {**state, **stems, "visual.attnpool.q_proj.weight": torch.ones(8, 8), "logit_scale": torch.ones(())}


def detection() -> object:
    head = {"roi_heads.box_predictor.cls_score.weight": torch.ones(3, 8)}
    return {**state_of(trunk(), "backbone.body."), **head}


def fcn() -> object:
    head = {"classifier.0.weight": torch.ones(8, 512, 3, 3), "classifier.4.weight": torch.ones(21, 8, 1, 1)}
    return {**state_of(trunk(), "backbone."), **head}


def unet() -> object:
    return {**state_of(trunk(), "encoder."), "segmentation_head.0.weight": torch.ones(3, 8, 3, 3)}


MADE: dict[str, tuple[Callable[[], object], str]] = {
    "MoCo": (moco, "without classes, as by MoCo, so its last layer gives an embedding"),
    "MoCo v3": (moco_v3, "without classes, as by MoCo v3"),
    "DINO": (dino, "without classes, as by DINO"),
    "BYOL": (byol, "without classes, as by BYOL"),
    "SimSiam": (simsiam, "without classes, as by SimSiam"),
    "a trunk behind SimCLR": (
        lambda: {**state_of(trunk(), "backbone."), **state_of(mlp(512, 8), "projection_head.")},
        "no output layer, as it is after pretraining without classes; train one on it",
    ),
    "CLIP": (clip, "of CLIP, which compares images and text"),
    "a detector": (detection, "for detection"),
    "FCN": (fcn, "for segmentation"),
    "U-Net": (unet, "for segmentation"),
    "a transformer": (
        lambda: nn.ModuleDict({"encoder": nn.TransformerEncoderLayer(8, 2, 8)}).state_dict(),
        "a transformer and no CNN",
    ),
    "FSDP's shards": (lambda: {"_flat_param": torch.ones(99)}, "FULL_STATE_DICT"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MADE)
def test_what_has_no_classes_is_refused_with_what_to_do(folder, kind):
    said = refusal(*MADE[kind], folder)
    assert any(word in said for word in ("train", "choose", "save"))


def test_a_classifier_trained_on_such_a_network_is_one(folder):
    """As MoCo's linear evaluation saves it."""
    net = tv.resnet18(weights=None, num_classes=7)
    kept({"arch": "resnet18", "state_dict": state_of(net, "module.")}, folder)
    assert len(load.load("file/mine", folder).labels) == 7


def test_a_teacher_with_classes_is_a_classifier(folder):
    net = tv.resnet18(weights=None, num_classes=7)
    kept({"student": state_of(net, "module."), "teacher": state_of(net, "module.")}, folder)
    assert len(load.load("file/mine", folder).labels) == 7
