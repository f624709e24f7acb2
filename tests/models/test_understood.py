"""Classes, size and scale come from the card, else the file, else a guess, and each says which."""

from __future__ import annotations

import json

import pytest
import torch

from cnnviz.models import load, understood
from tests.models.states import filled

NET = "shufflenet_v2_x0_5"


def of(folder, **beside) -> understood.Understood:
    torch.save({"state_dict": filled(NET, 2), **beside}, folder / "mine.pth")
    return load.load("file/mine", folder).known


def test_a_bare_file_is_guessed(folder):
    known = of(folder)
    assert (known.architecture, known.architecture_from) == (NET, "tensors")
    assert (known.labels_from, known.size_from, known.scale_from) == ("guess",) * 3
    assert (known.labels, known.preprocess) == (("class 0", "class 1"), understood.usual(NET, "").preprocess)


@pytest.mark.parametrize("where", [lambda said: said, lambda said: {"hyper_parameters": said}])
def test_what_the_file_says_is_used(folder, where):
    said = {"classes": ["a", "b"], "mean": [0.1, 0.2, 0.3], "std": (0.4, 0.5, 0.6), "img_size": 160}
    known = of(folder, **where(said))
    assert (known.labels_from, known.size_from, known.scale_from) == ("file",) * 3
    assert known.resize_from == "guess"
    assert known.labels == ("a", "b")
    assert (known.preprocess.mean, known.preprocess.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert (known.preprocess.crop, known.preprocess.resize) == (160, round(160 * 256 / 224))


@pytest.mark.parametrize(
    "said",
    [
        {"mean": [1, 2]},
        {"mean": "0.5", "std": "0.5"},
        {"mean": [0.1, 0.2, 0.3]},
        {"mean": [0.1, 0.2, 0.3], "std": [0.0, 0.1, 0.1]},
        {"img_size": "224"},
        {"img_size": 7},
        {"img_size": (3, 224, 300)},
        {"img_size": True},
    ],
)
def test_what_makes_no_sense_stays_a_guess(folder, said):
    known = of(folder, **said)
    assert (known.size_from, known.scale_from) == ("guess", "guess")
    assert known.preprocess == understood.usual(NET, "").preprocess


def test_a_card_goes_before_the_file(folder):
    card = {"labels": ["owl", "wren"], "preprocess": {"resize": 64, "crop": 64}}
    (folder / "mine.json").write_text(json.dumps(card))
    known = of(folder, classes=["a", "b"], img_size=160)
    assert (known.labels, known.labels_from, known.size_from) == (("owl", "wren"), "card", "card")
    assert known.resize_from == "card"
    assert known.preprocess.crop == 64
    assert known.architecture_from == "tensors"
