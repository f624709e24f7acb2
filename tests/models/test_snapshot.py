"""A snapshot has the modules of a network around other tensors, and never reaches into the network itself."""

from __future__ import annotations

import functools
import warnings

import pytest
import torch
from torch import nn

from cnnviz.models.snapshot import snapshot


class Untouchable(nn.Module):
    """A network that can be neither pickled nor copied, and reaches its parts by every detour that people take."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)
        self.steps = [self.conv, self.norm]
        self.named = {"head": self.fc}
        self.pool = lambda x: self.conv.bias.mean() + x.mean((2, 3))
        self.act = functools.partial(self.bend, 0.1)
        self.forward = self.patched
        self.tied = self.conv.weight
        self.calls: list[int] = []

    def bend(self, slope: float, x: torch.Tensor) -> torch.Tensor:
        """A leaky ReLU."""
        return torch.nn.functional.leaky_relu(x, slope) if not self.training else x * 100

    def patched(self, x: torch.Tensor) -> torch.Tensor:
        """What is run in place of a forward."""
        self.calls.append(1)
        for step in self.steps:
            x = step(x)
        return self.named["head"](self.pool(self.act(x)))

    def __deepcopy__(self, memo: object) -> None:
        raise AssertionError("copied")

    def __reduce_ex__(self, protocol: object) -> None:
        raise AssertionError("pickled")


@pytest.fixture
def net() -> Untouchable:
    torch.manual_seed(0)
    return Untouchable().train()


NAMES = ("weight", "bias")


def doubled(own: torch.Tensor) -> torch.Tensor:
    twice = own.detach().clone() * 2
    return nn.Parameter(twice, requires_grad=False) if isinstance(own, nn.Parameter) else twice


def test_the_snapshot_computes_what_the_network_does_in_evaluation_mode_with_the_same_tensors(net):
    x = torch.randn(2, 3, 8, 8)
    made = snapshot(net)
    assert made.conv.weight is net.conv.weight
    with torch.no_grad():
        found = made(x)
        before = {name: value.clone() for name, value in net.state_dict().items()}
        wanted = net.eval()(x)
        net.train()
    assert torch.equal(found, wanted)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert len(net.calls) == 1  # our own call


def test_no_detour_leads_back_to_the_network(net):
    x = torch.randn(2, 3, 8, 8)
    made = snapshot(net, doubled)
    assert {id(part) for part in made.modules()}.isdisjoint({id(part) for part in net.modules()})
    assert made.tied is made.conv.weight
    reached: list[nn.Module] = []
    for part in net.modules():
        part.register_forward_hook(lambda part, *_: reached.append(part))
    with torch.no_grad():
        found = made(x)
        for own in (*net.parameters(), *net.buffers()):
            own.data = own.data * 2
        wanted = net.eval()(x)
    assert len(reached) == 4  # by our own call, not by the snapshot: conv, norm, head and the network
    assert torch.allclose(found, wanted)
    assert not any(part._forward_hooks for part in snapshot(net).modules())


def test_weights_that_torch_computes_in_a_hook_are_computed_from_the_new_tensors():
    from torch.nn.utils import parametrizations, prune

    torch.manual_seed(0)
    pruned = nn.Sequential(nn.Conv2d(3, 4, 3))
    prune.l1_unstructured(pruned[0], "weight", amount=0.5)
    normed = nn.Sequential(parametrizations.weight_norm(nn.Conv2d(3, 4, 3)))
    spectral = nn.Sequential(parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)))
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        older = nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.utils.spectral_norm(nn.Conv2d(4, 4, 3)))
    x = torch.randn(1, 3, 8, 8)
    for net in (pruned, normed, spectral, older):
        with torch.no_grad():
            for own in net.parameters():
                own += 0.1  # what a hook computed before is old now
            before = list(net.state_dict())
            made = snapshot(net)
            assert torch.allclose(made(x), net.eval()(x), atol=1e-6)
        assert list(net.state_dict()) == before
        assert {name for name, _ in made.named_parameters()} == {f"{i}.{n}" for i in range(len(net)) for n in NAMES}
        assert all(type(part) is nn.Conv2d for part in made)
        assert not list(made.buffers())


def test_a_network_that_torch_compiles_is_run_as_it_was_written():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    made = snapshot(torch.compile(net))
    assert [name for name, _ in made.named_modules()] == ["", "0", "1"]
    net.compile()
    assert snapshot(net)._compiled_call_impl is None
