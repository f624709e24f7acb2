"""A file that holds a network itself is a model like any other, with what is guessed said."""

from __future__ import annotations

import json

import pytest
import torch

from cnnviz.models import load
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from tests.models.foreign import nets


def test_a_whole_network_is_loaded_with_what_is_guessed_said(folder):
    nets.put(folder, "Functional")
    model = load.load("file/Functional", weights=folder)
    assert model.input_size == (1, 24, 24)
    assert model.labels == tuple(f"class {at}" for at in range(5))
    assert model.preprocess == Preprocess(24, 24, (0.0,), (1.0,), channels=1)
    assert model.source == "Functional.pt2, preprocessing guessed"
    known = model.known
    assert known.architecture == "Functional (.pt2)"
    assert (known.architecture_from, known.size_from) == ("file", "file")
    assert {known.labels_from, known.resize_from, known.scale_from} == {"guess"}
    x = torch.rand(2, 1, 24, 24)
    torch.testing.assert_close(model.net(x), nets.made("Functional")(x), rtol=1e-5, atol=1e-5)
    assert load.load("file/Functional", weights=folder).fingerprint == model.fingerprint


def test_a_card_beside_a_whole_network_gives_labels_and_preprocessing(folder):
    nets.put(folder, "resnet18")
    guessed = load.load("file/resnet18", weights=folder)
    assert (guessed.preprocess.resize, guessed.preprocess.crop) == (73, 64)
    assert guessed.labels[:2] == ("tench", "goldfish")
    assert "its 1000 classes taken to be ImageNet's" in guessed.source
    does = Preprocess(96, 80, (0.5,) * 3, (0.5,) * 3)
    card = {"title": "Things", "labels": [f"thing {at}" for at in range(1000)], "preprocess": does.card()}
    (folder / "resnet18.json").write_text(json.dumps(card))
    model = load.load("file/resnet18", weights=folder)
    assert (model.title, model.labels[7], model.preprocess, model.source) == (
        "Things", "thing 7", does, "resnet18.pt2"
    )  # fmt: skip
    assert model.fingerprint != guessed.fingerprint
    known = model.known
    assert {known.labels_from, known.size_from, known.resize_from, known.scale_from} == {"card"}
    for wrong in ({"labels": ["one"]}, {"preprocess": Preprocess(9, 9, (0.0,), (1.0,), channels=1).card()}):
        (folder / "resnet18.json").write_text(json.dumps(wrong))
        with pytest.raises(RequestError, match="correct it"):
            load.load("file/resnet18", weights=folder)
