"""A card describes an architecture; what it says wrong is one sentence."""

from __future__ import annotations

import pytest
import torch

from cnnviz.models import build, described
from cnnviz.options import RequestError


def test_a_card_is_a_description():
    card = {"net": "resnet50", "assumed": {"dilation": "last stage"}, "labels": ["a"]}
    said = described.parse(card, "mine.json", "file/mine")
    assert (said.net, said.given, said.spec) == ("resnet50", {"dilation": "last stage"}, None)
    made = said.skeleton("resnet50", build.torchvision_net("resnet50", 3).state_dict(), "mine.pth")
    assert made.net.fc.out_features == 3
    assert made.net.layer4[1].conv2.dilation == (2, 2)
    assert [(one.name, one.stated) for one in made.assumed] == [("dilation", True)]


def test_without_a_card_the_tensors_show_it():
    assert described.parse({}, "mine.json", "file/mine").net == ""
    state = build.torchvision_net("resnet18", 4).state_dict()
    assert described.Description().skeleton("resnet18", state, "mine.pth").net.fc.out_features == 4


@pytest.mark.parametrize(
    ("card", "why"),
    [
        ({"net": "resnet_18"}, "write resnet18"),
        ({"net": "nonsense"}, "which is unknown"),
        ({"assumed": {"colour": "red"}}, "correct the card"),
    ],
)
def test_a_card_that_makes_no_sense_is_one_sentence(card, why):
    with pytest.raises(RequestError, match=why):
        described.parse(card, "mine.json", "file/mine")


def test_a_head_that_nothing_fits_is_one_sentence():
    state = dict(build.torchvision_net("resnet18", 4).state_dict())
    state["fc.weight"] = torch.zeros(4, 1024)
    with pytest.raises(RequestError, match=r"mine\.pth cannot be used: its head takes 1024 features"):
        described.Description("resnet18", of="file/mine").skeleton("resnet18", state, "mine.pth")
