"""What no tensor shows has a first choice, takes what a card says, and refuses what it cannot be."""

from __future__ import annotations

import pytest
import torch

from cnnviz.models import assumed, build, identify, load
from cnnviz.options import RequestError


def test_the_first_choice_is_assumed_until_a_card_says_another():
    for row in assumed.TABLE:
        assert assumed.assumption(row.name, {}) == row
        assert (row.value, row.stated) == (row.choices[0], False)
        for value in row.choices:
            chosen = assumed.assumption(row.name, {row.name: value})
            assert (chosen.value, chosen.stated) == (value, True)
        with pytest.raises(RequestError, match="choose one of"):
            assumed.assumption(row.name, {row.name: "something"})


@pytest.mark.parametrize("card", [[], "ReLU", {"colour": "red"}, {"activation": 3}])
def test_a_card_that_makes_no_sense_is_one_sentence(card):
    with pytest.raises(RequestError, match="correct the card"):
        assumed.parse(card)


@pytest.mark.parametrize(
    ("name", "switch", "value", "said"),
    [
        ("inception_v3", {"transform_input": False}, "no", "transform_input"),
        ("googlenet", {"transform_input": False}, "no", "transform_input"),
        ("resnet50", {"replace_stride_with_dilation": [False, False, True]}, "last stage", "dilation"),
        ("resnet50", {"replace_stride_with_dilation": [False, True, True]}, "last two stages", "dilation"),
    ],
)
def test_a_switch_that_leaves_no_trace_is_shown_and_makes_it_right(folder, name, switch, value, said):
    net = build.torchvision_net(name, 4, **switch).to_empty(device="cpu").eval()
    load._initialise(net, 0)
    torch.save(net.state_dict(), folder / "mine.pth")
    guessed = load.load("file/mine", folder)
    assert [one.name for one in guessed.known.assumed if not one.stated] == [said]
    assert guessed.known.unsure[0] in guessed.source
    (folder / "mine.json").write_text(f'{{"assumed": {{"{said}": "{value}"}}}}')
    stated = load.load("file/mine", folder)
    x = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(stated.net(x), net(x), atol=1e-6)
    assert (stated.known.unsure, stated.source) == ((), "mine.pth")
    assert stated.fingerprint != guessed.fingerprint


def test_weights_of_torchvision_leave_nothing_to_assume(folder):
    net = build.torchvision_net("resnet50").to_empty(device="cpu")
    load._initialise(net, 0)
    torch.save(net.state_dict(), folder / "resnet50.pth")
    assert load.load("resnet50", folder).known.assumed == ()
    assert identify.built("resnet18", net.state_dict()).assumed == ()
