"""ReLUs whose way back is altered, wherever a net calls them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torchvision import models as tv

from cnnviz.attribution import saliency
from cnnviz.attribution.forward import cached_forward
from cnnviz.inference.cut import cut
from cnnviz.inference.predict import Target
from cnnviz.inference.relu_modes import FAINT, Guided, Reviving
from tests.attribution.peers import finish


@pytest.mark.filterwarnings("ignore:Setting backward hooks")
def test_guided_backprop_also_guides_relus_that_are_no_modules():
    """Captum only finds modules; Inception, DenseNet and GoogLeNet call `F.relu`."""

    class Called(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 3)

        def forward(self, x):
            x = torch.relu(self.conv2(torch.nn.functional.relu(self.conv1(x), inplace=True)))
            return self.fc(x.mean((2, 3)))

    class Modules(Called):
        def __init__(self):
            super().__init__()
            self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

        def forward(self, x):
            return self.fc(self.relu2(self.conv2(self.relu1(self.conv1(x)))).mean((2, 3)))

    from captum.attr import GuidedBackprop

    torch.manual_seed(1)
    net, twin = Called().eval().requires_grad_(False), Modules().eval()
    twin.load_state_dict(net.state_dict())
    x = torch.randn(1, 3, 12, 12)
    ours, _ = finish(saliency.guided_backprop(cached_forward(cut(net, "conv1"), x, "conv1"), Target(1), None))
    truth = GuidedBackprop(twin).attribute(x.clone().requires_grad_(), target=1)[0]
    torch.testing.assert_close(ours, truth)


def test_a_revived_relu_leaks_a_little_where_it_is_closed_and_elsewhere_is_itself():
    x = torch.linspace(-3, 8, 23, requires_grad=True)
    leaky = torch.nn.functional.leaky_relu
    for relu in (torch.relu, torch.nn.functional.relu, nn.ReLU()):
        with Reviving():
            out = relu(x)
        torch.testing.assert_close(out, leaky(x, FAINT))
        torch.testing.assert_close(torch.autograd.grad(out.sum(), x)[0], torch.where(x > 0, 1.0, FAINT))
    with Reviving():
        six = nn.ReLU6()(x)
    torch.testing.assert_close(torch.autograd.grad(six.sum(), x)[0], torch.where((x > 0) & (x < 6), 1.0, FAINT))
    assert torch.equal(torch.relu(x), x.clamp(min=0))  # and afterwards as ever


def test_a_guided_relu_passes_back_what_is_positive_where_it_is_open():
    x = torch.tensor([-1.0, -1.0, 2.0, 2.0], requires_grad=True)
    ahead = torch.tensor([1.0, -1.0, 1.0, -1.0])
    with Guided() as mode:
        (back,) = torch.autograd.grad(torch.relu(x), x, ahead)
    assert mode.met == 1
    assert back.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("mode", [Guided, Reviving])
@pytest.mark.parametrize(
    "relu",
    [
        lambda x: torch.nn.functional.relu(x, True),
        torch.relu_,
        lambda x: x.clamp_(min=0),
        lambda x: torch.clamp_min_(x, 0.0),
        nn.ReLU(inplace=True),
    ],
)
def test_a_relu_in_place_also_writes_in_place_where_its_way_back_is_altered(mode, relu):
    x = torch.tensor([-1.0, -1.0, 2.0, 2.0], requires_grad=True)
    with mode():
        y = x * 1
        relu(y)  # whose result nobody takes
        (back,) = torch.autograd.grad(y, x, torch.tensor([1.0, -1.0, 1.0, -1.0]))
    closed = 0.0 if mode is Guided else -FAINT
    torch.testing.assert_close(y.detach(), torch.tensor([closed, closed, 2, 2]))
    assert back[2] == 1
    assert back[3] == (0 if mode is Guided else -1)


def test_only_relus_are_altered():
    x = torch.linspace(-2, 2, 9)
    hard, bound = nn.Hardtanh(), torch.tensor(0.0)
    with Reviving(), Guided() as guided:
        assert torch.equal(hard(x), x.clamp(-1, 1))
        assert torch.equal(x.clamp(0, 1), x.clamp(bound, bound + 1))
        assert torch.equal(x.clamp(max=0), x.minimum(bound))
        assert guided.met == 0
        x.clamp_min(0)
        assert guided.met == 1
    with Guided() as guided:  # hard sigmoids and the gates of hard-swish
        for gate in (nn.functional.relu6, nn.ReLU6(), nn.ReLU6(inplace=True), lambda y: y.clamp(0, 6)):
            assert torch.equal(x * gate(x + 3) / 6, nn.functional.hardswish(x))
            assert torch.equal(x * gate(torch.add(x, 3.0)) / 6, nn.functional.hardswish(x))
            assert torch.equal(x * gate(3 + x) / 6, nn.functional.hardswish(x))
        assert torch.equal(nn.functional.hardtanh(x, 0, 1), x.clamp(0, 1))
    assert guided.met == 0


@pytest.mark.parametrize(
    "relu6", [nn.ReLU6(), nn.ReLU6(inplace=True), nn.functional.relu6, lambda x: x.clamp(0, 6), lambda x: x.clip(0, 6)]
)
def test_a_guided_relu6_passes_back_what_is_positive_where_it_is_neither_closed_nor_full(relu6):
    x = torch.tensor([-1.0, -1.0, 2.0, 2.0, 7.0, 7.0], requires_grad=True)
    with Guided() as mode:
        out = relu6(x * 1)
        (back,) = torch.autograd.grad(out, x, torch.tensor([1.0, -1.0] * 3))
    assert mode.met == 1
    assert out.tolist() == [0, 0, 2, 2, 6, 6]
    assert back.tolist() == [0, 0, 1, 0, 0, 0]


def test_guided_backprop_of_a_network_of_relu6_is_that_of_hooks():
    """As captum does it for modules of ReLU: what a module passes back is cut off at 0."""
    net = tv.mobilenet_v2(weights=None, num_classes=5)
    torch.manual_seed(0)
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_in")
            if isinstance(part, nn.BatchNorm2d):
                part.bias.uniform_(-1, 3)  # so that some reach 6
    net.eval().requires_grad_(False)
    x = torch.randn(1, 3, 64, 64)
    ours, _ = finish(
        saliency.guided_backprop(cached_forward(cut(net, "features.0.0"), x, "features.0.0"), Target(1), None)
    )
    twin, full = copy.deepcopy(net), []
    for part in twin.modules():
        if isinstance(part, nn.ReLU6):
            part.inplace = False
            part.register_forward_hook(lambda _, __, out: full.append(bool((out == 6).any())))
            part.register_full_backward_hook(lambda _, given, __: (given[0].clamp(min=0),))
    own = x.clone().requires_grad_()
    twin(own)[0, 1].backward()
    assert any(full)
    torch.testing.assert_close(ours, own.grad[0], atol=1e-5 * float(own.grad.abs().max()), rtol=1e-4)
