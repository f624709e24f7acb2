"""Logits are found among what networks put out, and what are no logits is refused in one sentence."""

from __future__ import annotations

import types
from collections import namedtuple
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cnnviz.models import outputs
from cnnviz.models.snapshot import snapshot

Two = namedtuple("Two", "first second")


class Net(nn.Module):
    """One convolution, pooled, in whatever wrapping."""

    def __init__(self, wrap) -> None:
        super().__init__()
        self.conv, self.wrap = nn.Conv2d(3, 5, 3), wrap

    def forward(self, x, features=False):
        maps = self.conv(x)
        return self.wrap(maps.mean((2, 3)), maps)


WRAPPINGS = {
    "alone": lambda logits, maps: logits,
    "first of a tuple": lambda logits, maps: (logits, maps),
    "first of a named tuple": lambda logits, maps: Two(logits, maps),
    "logits of a dictionary": lambda logits, maps: {"aux": maps, "logits": logits},
    "out of a dictionary": lambda logits, maps: {"out": logits},
    "an attribute": lambda logits, maps: SimpleNamespace(loss=None, logits=logits),
    "nested": lambda logits, maps: {"out": [logits, maps]},
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_the_logits_are_found_also_in_a_trace(wrap):
    net, x = Net(wrap).eval(), torch.randn(1, 3, 8, 8)
    wanted = net.conv(x).mean((2, 3))
    outputs.first(net)
    assert torch.equal(net(x), wanted)
    assert torch.equal(torch.fx.symbolic_trace(net)(x), wanted)
    assert type(net).__name__ == "Net"
    assert outputs.tried(net, (3, 8, 8)).shape == (1, 5)


def test_a_snapshot_runs_its_own_modules_also_where_a_forward_was_put_on_the_instance():
    net, x = Net(lambda logits, maps: logits).eval(), torch.randn(1, 3, 8, 8)
    net.forward = types.MethodType(lambda self, x: -self.conv(x).mean((2, 3)), net)
    outputs.first(net)
    wanted, copy = net(x), snapshot(net)
    copy.conv = nn.Conv2d(3, 5, 3)
    assert torch.equal(net(x), wanted)
    assert torch.equal(copy(x), -copy.conv(x).mean((2, 3)))


def attended(dropout):
    """Attention of every place to every other, as most hybrid networks have it."""

    def wrap(logits, maps):
        places = maps.flatten(2).transpose(1, 2)[:, None].contiguous()  # (N, C, h, w) -> (N, 1, h*w, C)
        return nn.functional.scaled_dot_product_attention(places, places, places, dropout_p=dropout).mean((1, 2))

    return wrap


WITHOUT_CHANCE = {
    "attention": attended(0.0),
    "dropout that is off": lambda logits, maps: nn.functional.dropout(logits, 0.5, training=False),
    "randomised ReLU, evaluated": lambda logits, maps: nn.functional.rrelu(logits),
    "recurrent": lambda logits, maps: recurrent(maps.flatten(2).transpose(1, 2))[0][:, -1],
    "a generator of its own": lambda logits, maps: (
        logits + torch.rand(1, 5, generator=torch.Generator().manual_seed(0))
    ),
}
recurrent = nn.LSTM(5, 5, 2, batch_first=True, dropout=0.5).eval()


@pytest.mark.parametrize("wrap", WITHOUT_CHANCE.values(), ids=WITHOUT_CHANCE)
def test_what_could_draw_random_numbers_and_draws_none_is_taken(wrap):
    net, before = Net(wrap).eval(), torch.get_rng_state()
    outputs.first(net)
    once = outputs.tried(net, (3, 8, 8))
    assert torch.equal(once, outputs.tried(net, (3, 8, 8)))
    assert torch.equal(before, torch.get_rng_state())


REFUSED = {
    "gives a tensor (1, 5, 6, 6) for one image; for a class at each place, give the mean": lambda logits, maps: maps,
    "gives a tensor (1, 5, 1, 1) for one image; give logits (1, K) by .flatten(1).": (
        lambda logits, maps: logits[..., None, None]
    ),
    "gives a tensor (1,) for one image; give logits (1, 1) by .unsqueeze(1).": lambda logits, maps: logits[:, 0],
    "gives a tensor (1, 5) for one image; give logits as floating-point": lambda logits, maps: logits.long(),
    "(division by zero); give the preprocess that belongs to it, or wrap it in": lambda logits, maps: 1 / 0,
    "(only integer tensors of a single element can be converted to an index); wrap it in a module that takes a batch": (
        lambda logits, maps: [1][logits]
    ),
    "gives a str for one image": lambda logits, maps: "cat",
    "gives a dict for one image": lambda logits, maps: {"boxes": logits},
    "draws random numbers": lambda logits, maps: nn.functional.dropout(logits, 0.5),
    "draws random numbers in evaluation mode": attended(0.5),
    "does not run on an image of 3 x 8 x 8 (nothing here)": lambda logits, maps: [][0] if 0 else 1 / 0,
}


@pytest.mark.parametrize(("said", "wrap"), REFUSED.items(), ids=REFUSED)
def test_what_are_no_logits_is_refused(said, wrap):
    net, before = Net(wrap), torch.get_rng_state()
    outputs.first(net)
    with pytest.raises(outputs.OutputError) as caught:
        outputs.tried(net, (3, 8, 8))
    assert said.partition(" (nothing")[0] in str(caught.value)
    assert torch.equal(before, torch.get_rng_state())


def test_a_network_of_other_dimensions_is_to_be_wrapped():
    for conv in (nn.Conv1d, nn.Conv3d):
        with pytest.raises(outputs.OutputError, match=r"\); wrap it in a module that takes a batch of images \(N, C"):
            outputs.tried(nn.Sequential(conv(3, 5, 3), nn.Flatten()), (3, 8, 8))


def test_a_module_that_is_not_the_networks_own_is_noticed():
    net, hidden = Net(lambda logits, maps: logits), nn.Conv2d(3, 5, 3)
    net.wrap = lambda logits, maps: hidden(torch.zeros(1, 3, 5, 5)).mean((2, 3))
    with pytest.raises(outputs.OutputError, match="make them attributes"):
        outputs.tried(net, (3, 8, 8), {hidden})
