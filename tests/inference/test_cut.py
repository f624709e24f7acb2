"""A cut net gives the same logits, the same map and the same gradient as the whole one, wherever it is cut."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn

from cnnviz.inference.cut import cut
from cnnviz.inference.tap import LayerError, tap
from cnnviz.models import lecture

PLACES = [
    ("squeezenet1_1", "features.12", 64),
    ("squeezenet1_1", "features.4.expand1x1", 64),
    ("resnet18", "layer4", 64),
    ("resnet18", "layer1.0.conv1", 64),
    ("resnet18", "layer2.0.bn1", 64),
    ("resnet18", "layer2.0.relu", 64),
    ("mobilenet_v3_small", "features.12", 64),
    ("densenet121", "features.denseblock2.denselayer2", 64),
    ("inception_v3", "Mixed_6b.branch7x7_1", 128),
    ("googlenet", "inception4b", 64),
    ("shufflenet_v2_x0_5", "stage3.1", 64),
    ("efficientnet_b0", "features.5", 64),
    ("regnet_y_400mf", "trunk_output.block3", 64),
    ("convnext_tiny", "features.5.3", 64),
    ("mnasnet0_5", "layers.9", 64),
    ("alexnet", "features.11", 64),
]


def untrained(name: str) -> nn.Module:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    extra = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
    net = getattr(torchvision.models, name)(weights=None, **extra).eval().requires_grad_(False)
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):  # as if trained: a fold that forgot one of these would show
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 2)
                part.weight.uniform_(0.5, 1.5)
                part.bias.normal_(0, 0.1)
    return net.to(memory_format=torch.channels_last)


@pytest.mark.parametrize(("name", "layer", "side"), PLACES)
def test_head_after_trunk_is_the_net(name, layer, side):
    net = untrained(name)
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    parts = cut(net, layer)
    logits, maps = tap(net, x, [layer])
    with torch.no_grad():
        values = parts.trunk(x)
    leaf = values[0].clone().requires_grad_()
    again = parts.head(leaf, *values[1:])
    torch.testing.assert_close(values[0], maps[layer].detach(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(again, logits, rtol=1e-3, atol=1e-4)
    (gradient,) = torch.autograd.grad(again[0, 0], leaf)
    (truth,) = torch.autograd.grad(logits[0, 0], maps[layer])
    torch.testing.assert_close(gradient, truth, rtol=1e-3, atol=1e-4 * float(truth.abs().max() + 1e-12))
    torch.testing.assert_close(parts.trunk(x)[0], values[0])  # asking the head wrote nothing into the trunk's values


def test_the_net_itself_stays_as_it_was():
    net = untrained("resnet18")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    cut(net, "layer3")
    after = net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(part.training for part in net.modules())


def test_cutting_twice_gives_the_same_cut_and_keeps_no_net_alive():
    net = lecture.build(lecture.NETS["mnist_gap"]).eval()
    assert cut(net, "relu3") is cut(net, "relu3")
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_a_layer_that_does_not_run_is_named():
    net = lecture.build(lecture.NETS["mnist_gap"]).eval()
    with pytest.raises(LayerError, match="conv7"):
        cut(net, "conv7")


CARRIERS = [
    ("squeezenet1_1", "features.12"),
    ("resnet18", "layer4"),
    ("alexnet", "features.11"),
    ("vgg11", "features.19"),
]


@pytest.mark.parametrize(("name", "layer"), [*CARRIERS, ("mobilenet_v3_small", "features.12")])
def test_a_shift_is_carried_past_the_pooling_to_the_next_weights(name, layer):
    """What the head answers to a shifted map, and its derivative, equal those of really shifting the map."""
    net = untrained(name)
    parts = cut(net, layer)
    (maps,) = parts.trunk(torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)))
    carry = parts.carry(maps.shape[1])  # (out, C)
    move = torch.randn(maps.shape[1], generator=torch.Generator().manual_seed(2))
    shift = (carry @ move).requires_grad_()
    leaf = (maps + move[:, None, None]).requires_grad_()
    carried, really = parts.head(maps, shift=shift), parts.head(leaf)
    torch.testing.assert_close(carried, really, rtol=1e-3, atol=1e-3 * float(really.detach().abs().max()))
    for target in (3, int(really.argmax())):
        (by_shift,) = torch.autograd.grad(carried[0, target], shift, retain_graph=True)
        (truth,) = torch.autograd.grad(really[0, target], leaf, retain_graph=True)
        total = truth.sum((2, 3))[0]
        torch.testing.assert_close(by_shift @ carry, total, rtol=1e-3, atol=1e-3 * float(total.abs().max() + 1e-12))
        if parts.direct:
            assert set(by_shift.nonzero().flatten().tolist()) <= {target}


def test_direct_is_where_each_output_of_the_next_layer_is_a_logit():
    direct = {name: cut(untrained(name), layer).direct for name, layer in CARRIERS}
    assert direct == {"squeezenet1_1": True, "resnet18": True, "alexnet": False, "vgg11": False}


@pytest.mark.parametrize(
    ("name", "layer"), [("resnet18", "layer3"), ("densenet121", "features"), ("vgg11", "features.18")]
)
def test_where_more_than_pooling_lies_between_no_shift_is_carried(name, layer):
    assert cut(untrained(name), layer).carry is None


@pytest.mark.parametrize("channels", [[5], [11, 3, 40]], ids=str)
@pytest.mark.parametrize(
    ("name", "layer"), [("vgg11", "features.8"), ("vgg11", "features.9"), ("resnet18", "layer2"), ("resnet18", "conv1")]
)
def test_some_channels_alone_are_those_of_the_whole_layer_forward_and_back(name, layer, channels):
    made = cut(untrained(name), layer)
    x = torch.randn(1, 3, 64, 64, requires_grad=True)
    want = made.trunk(x)[0][:, channels]
    got = made.some(channels)(x)
    assert torch.allclose(got, want, atol=1e-4)
    ahead = torch.randn_like(want)
    (truth,), (back,) = (torch.autograd.grad(maps, x, ahead) for maps in (want, got))
    assert (back - truth).norm() < 1e-3 * truth.norm()
    assert torch.equal(made.trunk(x)[0][:, channels], want)


def test_a_layer_that_ends_in_no_packed_convolution_is_not_narrowed():
    assert cut(untrained("vgg11"), "features.2").some([1]) is not None  # pooling goes with its convolution
    assert cut(untrained("squeezenet1_1"), "features.3").some([1]) is None  # branches side by side
    assert cut(untrained("mobilenet_v3_small"), "features.0").some([1]) is None  # hard swish


def test_nan_in_the_weights_is_nan_in_the_logits_also_behind_a_relu():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1152, 2))
    net.eval().requires_grad_(False)[0].weight[0, 0, 0, 0] = torch.nan
    for layer in ("1", "2", "3"):
        halves = cut(net, layer)
        x = torch.rand(1, 3, 16, 16)
        assert halves.head(*halves.trunk(x)).isnan().all(), layer
        assert net(x).isnan().all()
