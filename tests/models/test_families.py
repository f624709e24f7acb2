"""The table of torchvision's families."""

from __future__ import annotations

import pytest
from torch import nn

from cnnviz.inference.skip_connections import skip_layers
from cnnviz.models import build, catalog, families


def test_every_family_of_the_zoo_has_a_mark():
    begins = tuple(row.prefix for row in families.FAMILIES)
    assert all(net.name.startswith(begins) for net in catalog.TORCHVISION)


FIRST = {
    row.prefix: next(n.name for n in catalog.TORCHVISION if n.name.startswith(row.prefix)) for row in families.FAMILIES
}


@pytest.mark.parametrize("prefix", FIRST)
def test_a_row_says_what_torchvisions_net_is_made_of(prefix):
    """Marker, head, pooling and last block are there; what is written of a smaller net holds for this one."""
    name = FIRST[prefix]
    net, row = build.torchvision_net(name), families.family(name)
    tensors, modules = dict(net.named_parameters()), dict(net.named_modules())
    assert row.prefix == prefix
    assert row.marker in tensors
    assert prefix in families.marked(dict(net.state_dict()))
    assert set(families.last_block(name)) <= set(modules)
    assert row.skips == bool(skip_layers(net.eval()))
    convolutions = [part for part, kind in modules.items() if isinstance(kind, nn.Conv2d)]
    if not row.classifier:
        assert row.head in modules
        assert row.pool is None or row.pool in modules
        assert any(part.startswith(families.last_block(name)) for part in convolutions[-2:])
    assert not any(tensor.startswith(families.AUXILIARY) for tensor in tensors)


def test_what_no_family_begins_with_has_none():
    assert families.family("vit_b_16") is None
    assert families.last_block("vit_b_16") == ()
    assert families.marked({"conv_proj.weight": 0}) == ()


def test_a_marker_is_no_tensor_of_a_family_that_is_asked_later():
    tensors = {prefix: set(build.torchvision_net(name).state_dict()) for prefix, name in FIRST.items()}
    for i, row in enumerate(families.FAMILIES):
        for other in families.FAMILIES[i + 1 :]:
            assert other.marker == row.marker or row.marker not in tensors[other.prefix]


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("mobilenetv3", "mobilenet"),
        ("mobilenet_cats", "mobilenet"),
        ("resnest50", "resnet"),
        ("resnet_mine", "resnet"),
        ("vgg_mine", "vgg"),
        ("cats", "default"),
    ],
)
def test_a_persons_own_file_takes_the_preset_that_its_name_suggests(name, preset):
    assert families.preset(name) == preset
