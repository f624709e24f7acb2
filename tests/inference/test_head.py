"""The head alone gives the logits of the whole network, or is not given at all."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.inference.head import head
from cnnviz.inference.headless import headless
from cnnviz.models import build
from cnnviz.models.build import Head
from cnnviz.models.load import Model
from cnnviz.models.preprocess import Preprocess
from cnnviz.models.understood import Understood
from tests.inference.untrained import built, noise

x = pytest.fixture(scope="module")(noise)
SIDE = Preprocess(64, 64)


def model(net: nn.Module, name: str) -> Model:
    return Model(name, name, net, name, (), SIDE, SIDE.size, False, "", Understood(name, (), SIDE))


def proven(one: Model, x: torch.Tensor) -> None:
    with torch.inference_mode():
        few, more = torch.cat([x, -x]), torch.cat([x.flip(3), 2 * x])
        run = head(one, headless(one)(few), few)
        assert run is not None
        torch.testing.assert_close(run(headless(one)(more)), one.net(more), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "densenet121", "efficientnet_b0"])
def test_the_head_of_torchvisions_networks_gives_their_logits(name, x):
    proven(model(built(name), name), x)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("hidden", [0, 7])
@pytest.mark.parametrize("pooling", ["gap", "flatten"])
@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1"])
def test_a_trained_networks_own_head_does_with_its_hidden_layer(name, pooling, hidden, outputs, x):
    net = build.fresh_net(name)
    build.graft(net, name, Head(outputs=outputs, pooling=pooling, hidden=hidden, size=64))
    proven(model(net.eval().requires_grad_(False), name), x)


class Odd(nn.Module):
    """Features, a head, and something behind it that the head does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.out = nn.Conv2d(3, 6, 5, 4), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.body(x)).mean((2, 3))) * x.mean((1, 2, 3)).unsqueeze(1)


def test_where_the_logits_are_not_the_heads_alone_there_is_none(x):
    one, few = model(Odd().eval().requires_grad_(False), "odd"), torch.cat([x, 2 * x])
    with torch.inference_mode():
        assert head(one, torch.relu(one.net.body(few)).mean((2, 3)), few) is None
