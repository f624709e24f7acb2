"""transformers' names of ResNet and ConvNeXt: with the package, its own networks; without it, the names alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.models import load, transformers_names
from cnnviz.options import RequestError
from tests.models.test_layout import kept, settled

BASIC = {"depths": [2] * 4, "hidden_sizes": [64, 128, 256, 512], "layer_type": "basic"}
NETS = {
    "ResNet 50": ("ResNet", {}, "resnet50"),
    "ResNet 18": (
        "ResNet",
        {"depths": [2] * 4, "hidden_sizes": [64, 128, 256, 512], "layer_type": "basic"},
        "resnet18",
    ),
    "ConvNeXt": ("ConvNext", {}, "timm/convnext_tiny"),
    "ConvNeXt v2": ("ConvNextV2", {}, "timm/convnextv2_tiny"),
}


@pytest.mark.parametrize("ending", [".bin", ".safetensors"])
@pytest.mark.parametrize("name", NETS)
def test_a_network_of_transformers_gives_its_logits(folder, name, ending):
    transformers = pytest.importorskip("transformers")
    kind, how, known = NETS[name]
    if known.startswith("timm/"):
        pytest.importorskip("timm")
    torch.manual_seed(0)
    net: nn.Module = getattr(transformers, f"{kind}ForImageClassification")(
        getattr(transformers, f"{kind}Config")(num_labels=5, **how)
    )
    with torch.no_grad():
        for value in net.parameters():
            if float(value.amax() - value.amin()) < 1e-3:  # a layer of zeros or ones, as before training
                value.add_(torch.rand_like(value) * 0.4)
    if kind == "ResNet":
        settled(net)
    kept(net.state_dict(), folder, ending)
    model = load.load("file/mine", folder)
    x = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        wanted = net.eval()(x).logits
        assert torch.allclose(model.net(x), wanted, atol=1e-5 * float(wanted.abs().max()))
    assert model.known.architecture == known


NAMES = {
    "resnet.embedder.embedder.convolution.weight": "conv1.weight",
    "resnet.embedder.embedder.normalization.running_mean": "bn1.running_mean",
    "resnet.encoder.stages.0.layers.2.layer.1.convolution.weight": "layer1.2.conv2.weight",
    "resnet.encoder.stages.3.layers.0.layer.2.normalization.bias": "layer4.0.bn3.bias",
    "resnet.encoder.stages.1.layers.0.shortcut.convolution.weight": "layer2.0.downsample.0.weight",
    "resnet.encoder.stages.1.layers.0.shortcut.normalization.weight": "layer2.0.downsample.1.weight",
    "classifier.1.weight": "fc.weight",
}


def test_names_of_a_resnet():
    assert list(transformers_names.renamed(dict.fromkeys(NAMES, torch.ones(1)))) == list(NAMES.values())


def test_other_names_stay():
    assert list(transformers_names.renamed({"classifier.1.weight": torch.ones(1)})) == ["classifier.1.weight"]


def test_a_network_of_transformers_that_has_no_like_is_refused_in_a_sentence(folder):
    kept({"mobilenet_v2.conv_stem.first_conv.convolution.weight": torch.ones(8, 3, 3, 3)}, folder)
    with pytest.raises(RequestError, match=r"fits no known network .* as \.pt2"):
        load.load("file/mine", folder)
