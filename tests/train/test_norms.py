"""Which networks cannot be trained on a batch of one image, told from the network and its input size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.models import build
from cnnviz.train import evaluate, norms


def crashes(net, resting, example):
    """Whether torch refuses a training step on one image."""
    evaluate.rest(net, resting)
    try:
        net(example)
    except ValueError as error:
        return "more than 1 value per channel" in str(error)
    return False


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "shufflenet_v2_x0_5", "densenet121", "efficientnet_b0"])
@pytest.mark.parametrize("side", [32, 80])
def test_a_network_needs_two_images_exactly_where_torch_refuses_one(name, side):
    net, example = build.fresh_net(name), torch.ones(1, 3, side, side)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    found = norms.lonely(net, (), example)
    assert net.training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())  # no statistic moved
    assert bool(found) == crashes(net, (), example) == (side == 32)


def test_what_rests_needs_no_second_image_and_a_norm_before_the_head_does():
    trunk, head = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), nn.Sequential(nn.BatchNorm1d(2))
    net = nn.Sequential(trunk, nn.Flatten(), head)
    example = torch.zeros(1, 1, 3, 3)
    for resting, wanted in (((), "0.1"), (("0.1",), "2.0"), (("0.1", "2.0"), "")):
        assert norms.lonely(net, resting, example) == wanted
        assert crashes(net, resting, example) == bool(wanted)
        assert [name for name, part in net.named_modules() if not part.training] == [*resting]
