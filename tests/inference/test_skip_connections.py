"""Skip connections: branch plus skip is the sum, and each is the tensor that torch itself puts out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnviz.inference.skip_connections import PHOTO, input_of, skip_connection, skip_layers
from cnnviz.inference.tap import LayerError, tap
from tests.inference.untrained import built, noise

x = pytest.fixture(scope="module")(noise)

FOUND = [
    ("resnet18", "layer1.1", "layer1.1.bn2", "layer1.0", True, "ReLU"),
    ("resnet18", "layer2.0", "layer2.0.bn2", "layer2.0.downsample", False, "ReLU"),
    ("resnet50", "layer3.0", "layer3.0.bn3", "layer3.0.downsample", False, "ReLU"),
    ("mobilenet_v2", "features.3", "features.3.conv", "features.2.conv", True, ""),
]


@pytest.mark.parametrize(("name", "layer", "branch", "skip", "identity", "activation"), FOUND)
def test_branch_plus_skip_is_the_sum_and_all_three_are_torchs_own_tensors(
    name, layer, branch, skip, identity, activation, x
):
    net = built(name)
    found = skip_connection(net, x, layer)
    assert (found.layer, found.branch, found.skip, found.identity) == (layer, branch, skip, identity)
    assert found.activation == activation
    with torch.inference_mode():
        _, maps = tap(net, x, [branch.removesuffix(".conv") + ".conv.3" if name == "mobilenet_v2" else branch, layer])
        after = maps[layer][0].numpy()
    np.testing.assert_allclose(found.branch_maps + found.skip_maps, found.sum_maps, atol=1e-5)
    np.testing.assert_allclose(found.branch_maps, next(iter(maps.values()))[0].numpy(), atol=1e-5)
    shown = np.maximum(found.sum_maps, 0) if activation else found.sum_maps
    np.testing.assert_allclose(shown, after, atol=1e-5)
    if identity:
        with torch.inference_mode():
            before = tap(net, x, [skip])[1][skip][0].numpy()
        np.testing.assert_allclose(found.skip_maps, before, atol=1e-5)


def test_a_residual_network_lists_its_blocks_in_the_order_they_run():
    assert skip_layers(built("resnet18")) == tuple(f"layer{stage}.{block}" for stage in range(1, 5) for block in (0, 1))


@pytest.mark.parametrize("name", ["vgg11", "squeezenet1_1", "densenet121"])
def test_a_network_without_sums_has_none(name):
    assert skip_layers(built(name)) == ()


@pytest.mark.parametrize(
    ("name", "layer", "wanted"),
    [
        ("squeezenet1_1", "features.0", PHOTO),
        ("squeezenet1_1", "features.1", "features.0"),
        ("squeezenet1_1", "features.4", "features.3"),
        ("squeezenet1_1", "features.4.expand3x3", "features.4.squeeze_activation"),  # not the one that runs before it
        ("densenet121", "features.denseblock1.denselayer2", PHOTO),  # it has two inputs
    ],
)
def test_the_input_of_a_layer_is_the_layer_its_output_is_computed_from(name, layer, wanted):
    assert input_of(built(name), layer) == wanted


def test_a_layer_without_a_sum_is_refused_with_those_that_have_one(x):
    with pytest.raises(LayerError, match=r"layer1\.0"):
        skip_connection(built("resnet18"), x, "conv1")


class Short(nn.Module):
    """The photo itself is added, in a forward without blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.conv(x)) + 1.0


def test_a_sum_outside_of_any_block_is_named_by_its_branch(x):
    net = Short().eval()
    assert skip_layers(net) == ("conv",)
    found = skip_connection(net, x, "conv")
    assert (found.branch, found.skip, found.identity) == ("conv", PHOTO, True)
    np.testing.assert_array_equal(found.skip_maps, x[0].numpy())


class Decides(nn.Module):
    """Its operations depend on its input."""

    def forward(self, x: Tensor) -> Tensor:
        return x + x.relu() if x.sum() > 0 else x


def test_a_network_that_decides_as_it_runs_is_refused_in_a_sentence():
    with pytest.raises(LayerError, match="depend on its input"):
        skip_layers(Decides())


class Scaled(nn.Module):
    """As HGNet's last activation: numbers of its own times what comes in, and its sum with what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.conv = nn.Parameter(torch.full((1,), 2.0)), nn.Conv2d(3, 3, 3, padding=1)
        self.pool, self.out = nn.AdaptiveAvgPool2d(1), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.scale * self.conv(x) + x
        return self.out(self.scale * self.pool(x).flatten(1))


def test_numbers_of_the_networks_own_are_no_layer(x):
    from cnnviz.inference.pooled_head import pooled_head

    net = Scaled().eval().requires_grad_(False)
    for name in skip_layers(net):
        assert skip_connection(net, x, name).branch
    assert pooled_head(net, x, 0).words


class Biased(nn.Module):
    """A learned bias is added to maps, and to them the mean of what a branch makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.branch, self.head = nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 4, 3), nn.Linear(4, 2)
        self.scale, self.bias = nn.Parameter(torch.rand(1)), nn.Parameter(torch.rand(1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x) * self.scale + self.bias
        x = x + self.branch(x).mean((2, 3), keepdim=True)
        return self.head(x.mean((2, 3)))


def test_a_bias_is_no_skip_connection_and_one_value_a_channel_is_added_everywhere(x):
    torch.manual_seed(0)
    net = Biased().eval()
    assert len(skip_layers(net)) == 1
    found = skip_connection(net, x, skip_layers(net)[0])
    assert found.branch_maps.shape == found.skip_maps.shape == found.sum_maps.shape
    np.testing.assert_allclose(found.branch_maps + found.skip_maps, found.sum_maps, atol=1e-5)
