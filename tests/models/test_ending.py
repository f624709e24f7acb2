"""A softmax or sigmoid at the end of a network of one's own is applied once, and gradients start before it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import cnnviz
from cnnviz.models import ending
from cnnviz.models.preprocess import Preprocess
from tests.models import ended

PHOTO = cnnviz.Photo.sample("cat")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return cnnviz.Engine(cache_dir=tmp_path_factory.mktemp("cache"))


def asked(engine, net):
    """The key of a network, its model, and the photo as its input."""
    key = engine.add(net, name="ended", preprocess=Preprocess(64, 64))
    model = engine.model(key)
    return key, model, engine.tensor(model, PHOTO)


@pytest.mark.parametrize("name", ended.MADE)
def test_probabilities_are_the_networks_own_and_maps_start_at_the_logit(engine, name):
    net, (_, kind, taken) = ended.made(name), ended.MADE[name]
    key, model, x = asked(engine, net)
    with torch.no_grad():
        out = net(x)
    chance = ended.chances(name, out)[0]
    found = {one.index: one.probability for one in engine.predict(key, PHOTO, top=len(chance))}
    np.testing.assert_allclose([found[at] for at in range(len(chance))], chance.numpy(), atol=1e-6)
    assert ("taken off" in model.source, kind.replace("_", "-") in model.source or not taken) == (taken, True)
    layer = next(path for path, _ in net.named_modules() if path.endswith("features"))
    for target in range(len(chance)):
        truth = ended.grad_cam(name, net, x, layer, target).numpy()
        raw = engine.heatmap(key, PHOTO, target, layer=layer).raw
        np.testing.assert_allclose(raw, truth, atol=1e-4 * abs(truth).max())


@pytest.mark.parametrize("name", ["softmax module", "function", "average"])
def test_the_network_itself_stays_as_it_is(engine, name):
    net = ended.made(name)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before, kinds = net(x), [type(part) for part in net.modules()]
        asked(engine, net)
        assert [type(part) for part in net.modules()] == kinds
        assert torch.equal(net(x), before)


def test_it_is_taken_off_after_a_training_step_and_looked_for_again_where_a_switch_is_turned(engine):
    class Switched(ended.Wrapped):
        chances = True

        def __init__(self, net):
            super().__init__(net)
            self.chances = True

        def forward(self, x):
            return self.net(x).softmax(1) if self.chances else self.net(x)

    net = Switched(ended.Body(3)).eval()
    key, _, x = asked(engine, net)
    for _ in range(2):
        with torch.no_grad():
            net.net.fc.bias += torch.tensor([3.0, 0.0, -1.0])
            torch.testing.assert_close(engine.model(key).net(x), net.net(x), rtol=1e-5, atol=1e-5)
    net.chances = False
    with torch.no_grad():
        net.net.fc.bias += 1  # noticed at once
        torch.testing.assert_close(engine.model(key).net(x), net(x), rtol=1e-5, atol=1e-5)
    assert "taken off" not in engine.model(key).source


FORMS = {
    "a dictionary": lambda z: {"logits": z.softmax(1), "other": z},
    "the first of a tuple": lambda z: (z.softmax(1), z),
    "clamped": lambda z: z.softmax(1).clamp(1e-6, 1),
    "by hand": lambda z: z.exp() / z.exp().sum(1, keepdim=True),
    "in place": lambda z: z[:, :1].clone().sigmoid_(),
}


@pytest.mark.parametrize("form", FORMS)
def test_other_forms_of_probabilities(engine, form):
    torch.manual_seed(0)
    net = ended.Ended(3, ended.Function(FORMS[form])).eval()
    key, model, x = asked(engine, net)
    with torch.no_grad():
        p = FORMS[form](net.body(x))
    p = p["logits"] if isinstance(p, dict) else p[0] if isinstance(p, tuple) else p
    chance = (torch.cat([1 - p, p], 1) if p.shape[1] == 1 else p)[0]
    found = {one.index: one.probability for one in engine.predict(key, PHOTO, top=len(chance))}
    np.testing.assert_allclose([found[at] for at in range(len(chance))], chance.numpy(), atol=1e-6)
    assert "taken" in model.source


def test_several_sigmoids_are_said_to_be_shown_as_a_softmax(engine):
    _, model, _ = asked(engine, ended.Ended(3, nn.Sigmoid()).eval())
    assert model.source.endswith("percentages are the softmax of 3 logits, not its 3 sigmoids")


@pytest.mark.parametrize(
    "end",
    [nn.Identity(), nn.ReLU(), nn.Tanh(), ended.Function(lambda z: z * torch.sigmoid(z)), nn.Sigmoid],
)
def test_logits_stay_as_they_are(end):
    if end is nn.Sigmoid:  # a gate, and no end
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    else:
        net = ended.Ended(3, end)
    assert ending.found(net.eval(), torch.randn(1, 3, 32, 32)) is None


def test_a_module_that_is_the_end_becomes_an_identity_and_one_that_is_also_a_gate_does_not():
    x = torch.randn(1, 3, 32, 32)
    alone, gated = ended.made("a module inside"), ended.made("sigmoid gate and end")
    assert ending.found(alone, x).path == "net.end"
    assert ending.found(gated, x).path == ""
    assert type(alone.net.end) is nn.Softmax
    ending.take_off(alone, ending.found(alone, x))
    assert type(alone.net.end) is nn.Identity
