"""The tap: right maps in spite of in-place ReLU and threads, gradients from the maps on, and nothing left behind."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from cnnviz.inference.tap import LayerError, tap


class Block(nn.Module):
    """A block with everything that goes wrong elsewhere: in-place ReLU, run twice, and a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(4, 5)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        first = self.relu(self.conv1(x))
        out = self.relu(self.bn(self.conv2(first)) + first)
        return self.fc(out.mean((2, 3)))


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Block().eval().requires_grad_(False)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def by_hand(net, x):
    """The true maps, computed without any in-place operation."""
    conv1 = net.conv1(x)
    conv2 = net.conv2(conv1.relu())
    bn = net.bn(conv2)
    relu = (bn + conv1.relu()).relu()
    return {"conv1": conv1, "conv2": conv2, "bn": bn, "relu": relu}


@pytest.mark.parametrize("stop", [False, True])
def test_maps_are_what_the_layers_put_out_before_anything_wrote_over_them(net, x, stop):
    for _ in range(2):  # the second time a stopping tap knows how often each layer runs
        logits, maps = tap(net, x, ["conv2", "conv1", "bn", "relu"], stop=stop)
        assert list(maps) == ["conv2", "conv1", "bn", "relu"]
        for name, truth in by_hand(net, x).items():
            torch.testing.assert_close(maps[name], truth)
        assert (maps["conv1"] < 0).any()
        assert (logits is None) == stop
    if not stop:
        torch.testing.assert_close(logits, net(x))


def test_a_stopped_forward_runs_nothing_behind_the_last_wanted_layer(net, x):
    ran = []
    net.conv2.register_forward_hook(lambda *_: ran.append(1))
    tap(net, x, ["conv1"], stop=True)
    ran.clear()
    tap(net, x, ["conv1"], stop=True)
    assert ran == []


def test_gradients_begin_at_the_map_and_reach_no_weight(net, x):
    logits, maps = tap(net, x, ["conv1", "relu"])
    early, late = torch.autograd.grad(logits[:, 2].sum(), [maps["conv1"], maps["relu"]])
    expected = by_hand(net, x)["conv1"].detach().requires_grad_()
    first = expected.relu()
    out = (net.bn(net.conv2(first)) + first).relu()
    (truth,) = torch.autograd.grad(net.fc(out.mean((2, 3)))[:, 2].sum(), expected)
    torch.testing.assert_close(early, truth)
    torch.testing.assert_close(late, net.fc.weight[2].view(1, 4, 1, 1).expand(2, 4, 8, 8) / 64)
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("stop", [False, True])
def test_everything_is_as_before_also_after_an_exception(net, x, stop):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    input_before = x.clone()
    tap(net, x, ["conv1", "relu"], stop=stop)
    with pytest.raises(RuntimeError):
        tap(net, torch.zeros(1, 7, 8, 8), ["conv1", "relu"], stop=stop)
    with pytest.raises(LayerError):
        tap(net, x, ["conv1", "nowhere"], stop=stop)
    for part in net.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
        assert not part._backward_hooks
        assert not part.training
    assert all(not p.requires_grad and p.grad is None for p in net.parameters())
    assert torch.equal(x, input_before)
    assert not x.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_eight_threads_on_one_net_get_their_own_maps(net):
    wrong = []

    def work(seed):
        x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        truth = by_hand(net, x)
        for _ in range(40):
            _, maps = tap(net, x, ["conv1", "relu"])
            wrong.extend(name for name in maps if not torch.allclose(maps[name], truth[name], atol=1e-6))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_layer_that_is_unknown_or_never_runs_is_named(net, x):
    with pytest.raises(LayerError, match=r"conv9.*conv1"):
        tap(net, x, ["conv9"])
    with pytest.raises(LayerError, match="unused"):
        tap(net, x, ["unused"])
    with pytest.raises(LayerError):
        tap(net, x, [""])
