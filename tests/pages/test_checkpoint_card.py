"""The card of a checkpoint: what was understood, where from, corrected in the page, undone, refused in one sentence."""

from __future__ import annotations

import json

import pytest
import torch

from cnnviz.models import build, load
from cnnviz.ui.shell import checkpoint_card
from tests.pages.test_checkpoint_upload import mine, opened, shelf  # noqa: F401

KEY = "file/birds"


@pytest.fixture
def birds(shelf):  # noqa: F811
    """A checkpoint with a head of two layers and no class names, in the weights folder."""
    net = build.torchvision_net("resnet18")
    net.fc = torch.nn.Sequential(torch.nn.Linear(512, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    net = net.to_empty(device="cpu")
    load._initialise(net, 0)
    torch.save({"model": {f"module.{key}": value for key, value in net.state_dict().items()}}, shelf / "birds.pth")
    return shelf


@pytest.fixture(autouse=True)
def fresh():
    checkpoint_card.ORIGINAL.clear()
    yield
    checkpoint_card.ORIGINAL.clear()


def field(at, name):
    """The form's field of that name, whose key is new with each correction."""
    parts = [*at.text_area, *at.text_input, *at.selectbox]
    return next(part for part in parts if str(part.key).startswith(f"{name}-{KEY}"))


def press(at, label):
    return next(button for button in at.button if button.label == label).click().run()


def test_what_was_understood_is_shown_corrected_and_undone(visit, birds, engine, words):
    at = visit("class_activation", model=KEY)
    assert not at.exception
    told = words(at)
    for value in ("resnet18", "2: class 0, class 1", "256 px, bilinear", "224 px", "0.485, 0.456, 0.406"):
        assert value in told
    assert told.count("guess") >= 4
    assert "tensors" in told
    assert "Activation between the linear layers of the head: ReLU" in at.sidebar.caption[0].value.replace("\\", "")
    assert "Assumed of this network" in told
    before = engine.model(KEY).fingerprint
    field(at, "labels").set_value("owl\nwren")
    field(at, "crop").set_value("96")
    field(at, "resize").set_value("96, 96")
    field(at, "activation").set_value("Tanh")
    at = press(at, "Save beside the checkpoint")
    assert not at.exception
    assert not at.error
    card = json.loads((birds / "birds.json").read_text())
    assert (card["net"], card["labels"], card["assumed"]) == ("resnet18", ["owl", "wren"], {"activation": "Tanh"})
    model = engine.model(KEY)
    assert (model.labels, model.input_size) == (("owl", "wren"), (3, 96, 96))
    assert model.fingerprint != before
    assert isinstance(model.net.fc[1], torch.nn.Tanh)
    told = words(at)
    assert "2: owl, wren" in told
    assert "Assumed of this network" not in told
    assert any("owl, wren" in name for name in at.sidebar.selectbox(key="model").options)
    at = press(at, "Undo corrections")
    assert not at.exception
    assert not (birds / "birds.json").exists()
    assert engine.model(KEY).fingerprint == before


def test_a_correction_that_cannot_be_is_one_sentence_and_changes_nothing(visit, birds, engine):
    at = visit("activations", model=KEY)
    for name, wrong, why in (
        ("labels", "owl", "1 labels for 2 classes"),
        ("crop", "wide", "is no size"),
        ("crop", "900", "does not fit in a resize"),
        ("mean", "0.5", "one mean"),
    ):
        right = field(at, name).value
        field(at, name).set_value(wrong)
        at = press(at, "Save beside the checkpoint")
        assert not at.exception
        assert [why in error.value.replace("\\", "") for error in at.error] == [True]
        field(at, name).set_value(right)
    at.sidebar.selectbox(key="model").set_value("lecture/cats_gap").run()
    at.sidebar.selectbox(key="model").set_value(KEY).run()
    assert [error.value for error in at.error] != []  # of this network and page, until it is corrected
    at.sidebar.selectbox(key="model").set_value("lecture/cats_gap").run()
    assert not at.error
    assert not (birds / "birds.json").exists()
    assert engine.model(KEY).labels == ("class 0", "class 1")


def test_a_card_of_ones_own_is_kept_and_comes_back(visit, birds):
    own = '{"title": "Two birds", "labels": ["owl", "wren"]}'
    (birds / "birds.json").write_text(own)
    at = visit("activations", model=KEY)
    field(at, "labels").set_value("jay\nrook")
    at = press(at, "Save beside the checkpoint")
    assert json.loads((birds / "birds.json").read_text())["title"] == "Two birds"
    press(at, "Undo corrections")
    assert (birds / "birds.json").read_text() == own


def test_strangers_see_the_card_and_cannot_change_it(visit, birds, words, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    at = visit("activations", model=KEY)
    assert "2: class 0, class 1" in words(at)
    assert not [button for button in at.button if "checkpoint" in button.label]


def test_an_upload_takes_its_correction_with_it(visit, shelf, mine):  # noqa: F811
    at = opened(visit("activations"))
    at.file_uploader("checkpoint-0").upload("birds.pth", mine, "application/octet-stream").run()
    at.run()
    field(at, "labels").set_value("\n".join("abcdefghij"))
    at = press(at, "Save beside the checkpoint")
    assert {path.name for path in shelf.iterdir()} == {"birds.pth", "birds.json"}
    at.file_uploader("checkpoint-1").upload("birds.pth", mine, "application/octet-stream").run()
    assert {path.name for path in shelf.iterdir()} == {"birds.pth"}
    at.run()
    field(at, "labels").set_value("\n".join("abcdefghij"))
    at = press(at, "Save beside the checkpoint")
    at.button("checkpoint-remove").click().run()
    assert not at.exception
    assert list(shelf.iterdir()) == []
