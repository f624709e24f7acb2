"""Networks without their head: the features of recipe `features`, or what the last layer with weights reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.inference.headless import headless
from cnnviz.inference.tap import LayerError
from cnnviz.models import build, load
from cnnviz.models.build import Head
from cnnviz.models.lecture import NETS
from cnnviz.models.load import Model
from cnnviz.models.preprocess import Preprocess
from cnnviz.models.understood import Understood
from cnnviz.runtime.engine import Engine
from cnnviz.train import recipes
from cnnviz.train.plan import Plan
from tests.inference.untrained import built, noise

x = pytest.fixture(scope="module")(noise)
SIDE = Preprocess(64, 64)


def model(net: nn.Module, name: str) -> Model:
    return Model(name, name, net, name, (), SIDE, SIDE.size, False, "", Understood(name, (), SIDE))


def recipe_features(net: nn.Module, name: str, x: torch.Tensor) -> torch.Tensor:
    """By the modules of training: a new head is grafted, and what comes before it is run without any folding."""
    place = build.graft(net, name, Head(outputs=5, size=64))
    net.set_submodule(place, nn.Identity())
    return net.eval()(x).flatten(1)


@pytest.mark.parametrize(
    "name",
    ["resnet18", "squeezenet1_1", "vgg11_bn", "mobilenet_v3_small", "densenet121", "convnext_tiny", "efficientnet_b0"],
)
def test_features_of_torchvisions_networks_are_those_that_recipe_features_trains_a_head_on(name, x):
    batch = torch.cat([x, -x])
    with torch.inference_mode():
        found = headless(model(built(name), name))(batch)
        wanted = recipe_features(built(name), name, batch)
    assert found.shape == wanted.shape
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))


@pytest.mark.parametrize("pooling", ["gap", "flatten"])
@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1"])
def test_a_trained_networks_own_head_is_taken_off_and_its_pooling_stays(name, pooling, x):
    net = build.fresh_net(name)
    build.graft(net, name, Head(outputs=3, pooling=pooling, hidden=7, size=64))
    net = net.eval().requires_grad_(False)
    place = "fc" if name == "resnet18" else "classifier.head"
    with torch.inference_mode():
        found = headless(model(net, name))(x)
        logits = net.get_submodule(place)(found)
        torch.testing.assert_close(logits, net(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in NETS if NETS[name].head != "none"])
def test_features_of_the_lectures_networks_lie_before_their_hidden_layer(name):
    found = load.load(f"lecture/{name}")
    batch = torch.rand(3, *found.input_size, generator=torch.Generator().manual_seed(0))
    plan = Plan("data", net=f"lecture/{name}", recipe="scratch")
    trunk, _ = recipes.split(recipes.prepare(plan, max(2, found.net.out.out_features)))
    trunk.load_state_dict(found.net.state_dict(), strict=False)
    with torch.inference_mode():
        values = headless(found)(batch)
        torch.testing.assert_close(values, trunk(batch).flatten(1), rtol=1e-3, atol=1e-5)
    assert values.shape == (3, NETS[name].features)


def test_a_network_without_a_head_gives_the_means_of_its_maps():
    found = load.load("lecture/mnist_base")
    batch = torch.rand(2, *found.input_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(headless(found)(batch), found.net(batch).mean((2, 3)))


class Branching(nn.Module):
    """A program's own network, whose way depends on the image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 6, 5, 3), nn.Linear(6, 4)

    def features(self, x):
        maps = self.conv(-x if float(x.mean()) < 0 else x).relu()
        return maps.mean((2, 3))

    def forward(self, x):
        return self.out(self.features(x))


class Lonely(Branching):
    """One that is written for a single image."""

    def features(self, x):
        return self.conv(x).relu().mean((2, 3)).view(1, -1)


@pytest.mark.parametrize("kind", [Branching, Lonely])
def test_features_of_a_programs_own_network_are_those_of_each_image_alone(kind, x):
    torch.manual_seed(0)
    net, engine = kind().eval(), Engine(device="cpu")
    own = engine.model(engine.add(net, "mine", preprocess=SIDE))
    batch = torch.cat([x, -x, 2 * x])
    with torch.inference_mode():
        wanted = torch.cat([net.features(one[None]) for one in batch])
        torch.testing.assert_close(headless(own)(batch), wanted, rtol=1e-4, atol=1e-5)


def test_a_network_whose_layers_cannot_be_seen_is_refused():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 3))

        def forward(self, x):
            return x.mean((2, 3)) @ self.weight.T

    engine = Engine(device="cpu")
    own = engine.model(engine.add(Bare(), "bare", preprocess=SIDE))
    with pytest.raises(LayerError, match="runs no linear layer and no convolution"):
        headless(own)


def test_the_network_itself_keeps_its_head_and_is_let_go(x):
    import gc
    import weakref

    net = built("resnet18")
    gone = weakref.ref(net)
    with torch.inference_mode():
        before = net(x).numpy()
        headless(model(net, "resnet18"))(x)
        np.testing.assert_array_equal(net(x).numpy(), before)
    del net
    gc.collect()
    assert gone() is None
