"""What lies beside a network is set aside where no answer depends on it, and refused with the reason where one may."""

from __future__ import annotations

import types
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision import models as tv

from cnnviz.models import load
from cnnviz.options import RequestError
from tests.models.test_layout import kept, refusal, state_of, stem, trained


class Inserted(nn.Module):
    """A network with a module between its own that no state dict shows the place of."""

    def __init__(self) -> None:
        super().__init__()
        self.adapt = nn.Conv2d(1, 3, 1)
        self.model = tv.resnet18(weights=None, num_classes=3)


def two_heads() -> object:
    trunk = tv.resnet18(weights=None)
    trunk.fc = nn.Identity()
    return {
        **state_of(trunk, "backbone."),
        **state_of(nn.Linear(512, 3), "classifier."),
        **state_of(nn.Linear(512, 9), "head."),
    }


def concatenating() -> object:
    net = tv.resnet18(weights=None)
    net.fc = nn.Linear(1024, 3)
    return net.state_dict()


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a convolution before the network": (lambda: Inserted().state_dict(), "beside it adapt, whose part in the answer"),
    "two heads": (two_heads, r"several output layers \(classifier, head\), and which"),
    "a trunk without an output layer": (
        lambda: {k: v for k, v in tv.resnet18(weights=None).state_dict().items() if k[:3] != "fc."},
        "no output layer",
    ),
    "four channels": (
        lambda: stem(4)[1], "conv1.weight is 64 x 4 x 7 x 7 and should be 64 x 3 x 7 x 7",
    ),
    "average and maximum pooling side by side": (concatenating, "its head takes 1024 features"),
    "attention in its blocks": (
        lambda: {**tv.resnet18(weights=None).state_dict(), **state_of(nn.Linear(64, 4), "layer1.0.se.")},
        r"it has layer1\.0\.se\.weight besides",
    ),
    "a whole module": (lambda: tv.resnet18(weights=None), "whole pickled module"),
    "a module in a dict": (lambda: {"model": tv.resnet18(weights=None), "epoch": 2}, "whole pickled module"),
    "no weights": (lambda: {"epoch": 2, "args": types.SimpleNamespace(lr=1)}, "has no weights"),
    "a network of another library": (
        lambda: nn.ModuleDict({"encoder": nn.ConvTranspose2d(8, 2, 8)}).state_dict(), "fits no known network",
    ),
    "int8": (
        lambda: {k: v.to(torch.int8) if v.dim() > 1 else v for k, v in trained().state_dict().items()}, "of type int8",
    ),
    "diverged": (lambda: {k: v * float("nan") for k, v in trained().state_dict().items()}, "NaN or infinite"),
}  # fmt: skip


@pytest.mark.parametrize("layout", REFUSED)
def test_a_checkpoint_that_cannot_be_used_says_why(folder, layout):
    assert refusal(*REFUSED[layout], folder)


def test_of_several_networks_the_first_that_fits_is_taken(folder):
    net, other = trained(), tv.resnet18(weights=None, num_classes=3)
    whole = {**state_of(net, "net_a."), **state_of(other, "net_b.")}
    kept({"state_dict": whole, "discriminator": nn.Linear(8, 1).state_dict()}, folder)
    model = load.load("file/mine", folder)
    assert torch.equal(model.net.fc.weight, net.fc.weight)
    assert "of 2 networks in the file" in model.known.notes[0]


def test_a_card_takes_the_network_that_it_names(folder):
    small, large = trained("resnet18"), trained("resnet34")
    kept({"student": small.state_dict(), "other": large.state_dict()}, folder)
    for name, net in (("resnet18", small), ("resnet34", large)):
        (folder / "mine.json").write_text(f'{{"net": "{name}"}}')
        model = load.load("file/mine", folder)
        assert torch.equal(model.net.fc.weight, net.fc.weight)
        assert model.known.architecture_from == "card"
    (folder / "mine.json").write_text('{"net": "resnet50"}')
    with pytest.raises(RequestError, match="does not fit ResNet"):
        load.load("file/mine", folder)
