"""The layer table agrees with torchinfo and with the lecture's numbers, and leaves the net alone."""

from __future__ import annotations

import threading

import pytest
import torch
import torchinfo
from torch import nn

from cnnviz.inference import layers
from cnnviz.inference.tap import LayerError
from cnnviz.models import build, lecture

GOLDEN = {  # the numbers: parameters, mult-adds in millions
    "mnist_base": (55_744, 2.79),
    "mnist_flatten": (93_322, None),
    "mnist_gap": (56_394, None),
    "cats_gap": (307_393, 234.16),
    "cats_flatten": (3_453_121, None),
}


def lecture_net(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    spec = lecture.NETS[name]
    return build.lecture_net(spec), (spec.channels, spec.size, spec.size)


def real(net: nn.Module) -> nn.Module:
    return net.to_empty(device="cpu").eval()


@pytest.mark.parametrize("name", GOLDEN)
def test_lecture_nets_have_the_lectures_numbers(name):
    found = layers.table(*lecture_net(name))
    parameters, millions = GOLDEN[name]
    assert found.total_parameters == found.trainable_parameters == parameters
    assert millions is None or round(found.total_mult_adds / 1e6, 2) == millions
    assert sum(row.parameters for row in found.layers) == parameters


def test_the_mnist_base_puts_out_64_maps_of_3_by_3():
    assert layers.table(*lecture_net("mnist_base")).layers[-1].shape == (64, 3, 3)


def test_the_convolutional_base_of_vgg16_has_14714688_parameters():
    net = build.torchvision_net("vgg16")
    assert layers.table(net.features, (3, 224, 224)).total_parameters == 14_714_688


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("squeezenet1_1", 96),
        ("resnet18", 64),
        ("mobilenet_v3_small", 64),
        ("shufflenet_v2_x0_5", 64),
        ("convnext_tiny", 32),
        ("densenet121", 32),
        ("googlenet", 64),
        ("mnasnet0_5", 50),
    ],
)
def test_the_table_agrees_with_torchinfo(name, side):
    net = real(build.torchvision_net(name))
    found = layers.table(net, (3, side, side))
    oracle = torchinfo.summary(net, (1, 3, side, side), verbose=0, device="cpu", cache_forward_pass=False)
    leaves = [info for info in oracle.summary_list if info.is_leaf_layer]
    ours = [row for row in found.layers if not list(net.get_submodule(row.name).children())]
    assert [(row.kind, list(row.shape), row.mult_adds) for row in ours] == [
        (info.class_name, info.output_size[1:], info.macs) for info in leaves
    ]
    assert [row.parameters for row in ours] == [0 if info.is_recursive else info.num_params for info in leaves]
    assert (found.total_parameters, found.total_mult_adds) == (oracle.total_params, oracle.total_mult_adds)


def test_a_layer_that_runs_twice_has_two_rows_and_counts_its_parameters_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x):
            return self.conv(self.conv(x))

    found = layers.table(Twice(), (3, 8, 8))
    assert [(row.name, row.parameters, row.mult_adds) for row in found.layers] == [
        ("conv", 84, 5376),
        ("conv", 0, 5376),
    ]
    assert found.total_mult_adds == 2 * 5376


def test_weights_that_no_leaf_owns_have_a_row_of_their_own():
    found = layers.table(build.torchvision_net("convnext_tiny"), (3, 32, 32))
    assert sum(row.parameters for row in found.layers) == found.total_parameters
    assert any(row.kind == "CNBlock" for row in found.layers)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("squeezenet1_1", "features.12"),
        ("resnet18", "layer4"),
        ("vgg16", "features.29"),
        ("mobilenet_v3_small", "features.12"),
        ("alexnet", "features.11"),
        ("densenet121", "features.norm5"),
        ("googlenet", "inception5b"),
        ("inception_v3", "Mixed_7c"),
        ("efficientnet_b0", "features.8"),
        ("convnext_tiny", "features.7"),
        ("regnet_y_400mf", "trunk_output"),
        ("shufflenet_v2_x1_0", "conv5"),
        ("mnasnet1_0", "layers"),
    ],
)
def test_the_default_layer_is_the_end_of_the_trunk(name, layer):
    net = build.torchvision_net(name)
    assert layers.default_layer(net, (3, 224, 224)) == layer
    assert layer in layers.maps(net, (3, 224, 224))


@pytest.mark.parametrize(
    ("name", "layer"), [("mnist_base", "relu3"), ("mnist_gap", "relu3"), ("cats_flatten", "relu4")]
)
def test_the_default_layer_of_a_lecture_net_is_its_last_relu(name, layer):
    assert layers.default_layer(*lecture_net(name)) == layer


def test_maps_are_in_execution_order_and_have_channels_first():
    net = build.torchvision_net("convnext_tiny")
    names = layers.maps(net, (3, 64, 64))
    assert names.index("features.0") < names.index("features.1.0") < names.index("features.7")
    inside = [name for name in names if isinstance(net.get_submodule(name), nn.Linear)]
    assert inside == []  # ConvNeXt's linear layers have their channels behind


def test_a_net_without_maps_says_so():
    with pytest.raises(LayerError, match="no layer with feature maps"):
        layers.default_layer(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), (3, 2, 2))


def test_an_input_too_small_for_the_net_is_one_sentence():
    with pytest.raises(LayerError, match="3 x 4 x 4") as caught:
        layers.table(build.torchvision_net("vgg16"), (3, 4, 4))
    assert "\n" not in str(caught.value)


def test_the_net_is_left_as_it_was():
    net = lecture.build(lecture.NETS["cats_gap"]).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    own = {
        id(part): {key: value for key, value in vars(part).items() if key != "_parameters"} for part in net.modules()
    }
    layers.table(net, (3, 150, 150))
    layers.maps(net, (3, 150, 150))
    assert net.training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(p.device.type == "cpu" and p.requires_grad and p.grad is None for p in net.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())
    assert all(own[id(part)].keys() <= vars(part).keys() for part in net.modules())


def test_hooks_of_others_neither_fire_nor_vanish():
    net = lecture.build(lecture.NETS["mnist_gap"])
    fired = []
    handle = net.conv1.register_forward_hook(lambda *_: fired.append(1))
    layers.table(net, (1, 28, 28))
    assert fired == []
    net(torch.zeros(1, 1, 28, 28))
    assert fired == [1]
    handle.remove()


def test_a_net_may_be_in_use_while_it_is_read():
    net = lecture.build(lecture.NETS["mnist_gap"]).eval()
    x = torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    expected, wrong = net(x), []

    def use() -> None:
        for _ in range(40):
            handle = net.conv2.register_forward_hook(lambda *_: None)
            if not torch.equal(net(x), expected):
                wrong.append(1)
            handle.remove()

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    tables = [layers.table(net, (1, 28, 28)) for _ in range(20)]
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(found == tables[0] for found in tables)


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "densenet121", "alexnet"])
def test_a_network_inside_another_has_the_same_default_layer(name):
    net = build.fresh_net(name).eval()
    wanted = layers.default_layer(net, (3, 224, 224))
    assert layers.default_layer(Wrapped(net), (3, 224, 224)) == f"inner.net.{wanted}"


class Wrapped(nn.Module):
    """As people put one network into another, and that into a third."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.inner = nn.ModuleDict({"net": net})

    def forward(self, x):
        return self.inner["net"](x)


def block(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU())


class Staged(nn.Module):
    """A stem, blocks that forward goes through one by one, and a gate for each place."""

    def __init__(self, held) -> None:
        super().__init__()
        self.stem, self.blocks = block(3, 8), held([block(8, 12), block(12, 16)])
        self.gate, self.fc = nn.Sequential(nn.Conv2d(16, 1, 1), nn.Sigmoid()), nn.Linear(16, 4)

    def forward(self, x):
        x = self.stem(x)
        for part in self.blocks.values() if isinstance(self.blocks, nn.ModuleDict) else self.blocks:
            x = part(x)
        return self.fc((x * self.gate(x)).mean((2, 3)))


class Before(nn.Module):
    """Something that makes maps before a network with a trunk of its own."""

    def __init__(self, before: nn.Module, net: nn.Module) -> None:
        super().__init__()
        self.before, self.model = before, net

    def forward(self, x):
        return self.model(self.before(x))


@pytest.mark.parametrize("held", [nn.ModuleList, lambda parts: nn.Sequential(*parts), lambda parts: named(parts)])
def test_blocks_that_forward_goes_through_one_by_one_are_the_trunk(held):
    last = "blocks.b1" if held([nn.ReLU()]).__class__ is nn.ModuleDict else "blocks.1"
    assert layers.default_layer(Staged(held), (3, 64, 64)) == last


def named(parts: list[nn.Module]) -> nn.ModuleDict:
    return nn.ModuleDict({f"b{i}": part for i, part in enumerate(parts)})


@pytest.mark.parametrize("before", [nn.Conv2d(3, 3, 1), nn.Identity(), nn.BatchNorm2d(3), nn.Upsample(size=(96, 96))])
@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1"])
def test_what_makes_maps_before_a_network_is_not_its_trunk(name, before):
    net = build.fresh_net(name).eval()
    wanted = layers.default_layer(net, (3, 64, 64))
    assert layers.default_layer(Before(before, net), (3, 64, 64)) == f"model.{wanted}"
    assert layers.default_layer(nn.Sequential(before, net), (3, 64, 64)) == f"1.{wanted}"


class Attends(nn.Module):
    """Attention of tokens by a softmax and a dropout, after a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.pay, self.drop, self.fc = nn.Conv2d(3, 8, 8, 8), nn.Softmax(-1), nn.Dropout(), nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.cut(x).flatten(2).transpose(1, 2).unsqueeze(1)
        weights = self.drop(self.pay(tokens @ tokens.transpose(-1, -2)))
        return self.fc((weights @ tokens).mean((1, 2)))


def test_the_weights_of_attention_are_no_maps():
    assert layers.maps(Attends(), (3, 32, 32)) == ("cut",)


class Branches(nn.Module):
    """The second of two branches is pooled in a block of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.a = block(3, 8)
        self.b = nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.AdaptiveMaxPool2d(1))
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        return self.fc(torch.cat([self.a(x).mean((2, 3)), self.b(x).flatten(1)], 1))


def test_a_branch_that_is_pooled_in_its_own_block_is_read_before_that():
    assert layers.default_layer(Branches(), (3, 64, 64)) == "b.1"
