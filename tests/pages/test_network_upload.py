"""A network that a stranger uploads: in memory, for this visit alone, a network like any other on every page."""

from __future__ import annotations

import pytest

from cnnviz.options import RequestError
from cnnviz.ui.session import networks
from cnnviz.ui.shell import checkpoint_card, checkpoint_upload
from tests.models.foreign import nets
from tests.models.foreign.onnx import exports
from tests.pages.test_checkpoint_card import press
from tests.pages.test_checkpoint_upload import mine, opened, shelf  # noqa: F401

KIND = "application/octet-stream"


@pytest.fixture(autouse=True)
def public(monkeypatch, shelf, engine, tmp_path):  # noqa: F811
    """A server for strangers, with an empty weights folder."""
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    monkeypatch.setattr(engine.cache, "cache_dir", tmp_path / "cache")
    yield
    networks._stores.clear()
    for key in [*engine.uploads]:
        engine.remove(key)


def uploaded(at, name="mine.pt2", content=None, turn=0):
    """The page after that upload."""
    return at.file_uploader(f"network-{turn}").upload(name, content or nets.content("Shared"), KIND).run()


def test_a_network_is_read_chosen_and_works_on_every_page(visit, shelf, tmp_path, engine, words):  # noqa: F811
    at = uploaded(visit("activations"))
    assert not at.exception
    assert not at.error
    key = at.sidebar.selectbox(key="model").value
    assert key.startswith("upload/")
    assert at.query_params["model"] == key
    assert "mine · uploaded" in at.sidebar.selectbox(key="model").options
    assert "mine is loaded, for this visit alone" in at.success[0].value
    assert "4: class 0, class 1" in words(at)  # what was understood
    assert not [button for button in at.button if "checkpoint" in button.label]
    for page in ("home", "class_activation", "filters", "time_machine", "lecture", "convolution", "gabor", "data"):
        try:
            at = at.switch_page(f"pages/{page}.py").run()
        except ValueError:  # a page that is not there yet
            continue
        assert not at.exception
        assert not at.error
        assert at.sidebar.selectbox(key="model").value == key
    at.switch_page("pages/class_activation.py").run()
    assert key not in " ".join(str(code.value) for code in at.code if "cnnviz" in str(code.value))
    assert list(shelf.iterdir()) == []
    assert not (tmp_path / "cache").exists()
    at.button("network-remove").click().run()
    assert not at.exception
    assert not at.error
    assert at.sidebar.selectbox(key="model").value != key
    assert not any("uploaded" in option for option in at.sidebar.selectbox(key="model").options)
    assert engine.uploads == {}


def test_another_visit_neither_lists_it_nor_opens_it_by_its_link(visit, words):
    at = uploaded(visit("activations"))
    key = at.sidebar.selectbox(key="model").value
    other = visit("activations", model=key)
    assert not other.exception
    assert not any("uploaded" in option for option in other.sidebar.selectbox(key="model").options)
    assert other.sidebar.selectbox(key="model").value != key
    (said,) = [box.value for box in other.warning]
    assert "uploaded in another visit" in said
    assert "load its file" in said
    again = visit("activations", **{"with": "network", "second": key})
    assert not again.exception
    assert "mine" not in words(again)
    at = uploaded(other)  # the file itself makes the link good
    assert at.sidebar.selectbox(key="model").value == key
    assert not at.warning


def test_an_onnx_file_brings_its_class_names(visit):
    pytest.importorskip("onnx")
    at = uploaded(visit("home"), "birds.onnx", exports.named("Shared", ("owl", "wren", "jay", "rook")))
    assert not at.exception
    assert "birds · uploaded · 4 classes: owl, ..." in at.sidebar.selectbox(key="model").options


def test_what_was_understood_is_corrected_for_this_visit(visit, engine, shelf, words):  # noqa: F811
    at = uploaded(visit("activations"))
    key = at.sidebar.selectbox(key="model").value

    def field(at, name):
        parts = [*at.text_area, *at.text_input]
        return next(part for part in parts if part.key.startswith(f"{name}-upload/"))

    field(at, "labels").set_value("owl\nwren\njay\nrook")
    field(at, "crop").set_value("wide")
    at = press(at, "Use for this visit")
    assert [("is no size" in error.value) for error in at.error] == [True]
    field(at, "crop").set_value("40")
    field(at, "resize").set_value("48")
    at = press(at, "Use for this visit")
    assert not at.exception
    assert not at.error
    other = at.sidebar.selectbox(key="model").value
    assert other != key
    assert [*engine.uploads] == [other]
    model = engine.model(other)
    assert (model.labels, model.input_size) == (("owl", "wren", "jay", "rook"), (3, 40, 40))
    assert "4: owl, wren, jay, rook" in words(at)
    assert "mine · uploaded · 4 classes: owl, ..." in at.sidebar.selectbox(key="model").options
    field(at, "crop").set_value("9000")
    field(at, "resize").set_value("9000")
    at = press(at, "Use for this visit")
    assert len(at.error) == 1
    assert at.sidebar.selectbox(key="model").value == other
    at = press(at, "Undo corrections")
    assert not at.exception
    assert not at.error
    assert [*engine.uploads] == [key]
    assert at.sidebar.selectbox(key="model").value == key
    assert list(shelf.iterdir()) == []


def test_a_checkpoint_stays_outside_whatever_a_browser_sends(visit, shelf, mine, monkeypatch):  # noqa: F811
    at = visit("activations")
    assert not [box for box in at.file_uploader if box.key.startswith("checkpoint")]
    for turn, name in enumerate(("mine.pth", "mine.pt2", "mine.onnx")):
        at = uploaded(at, name, mine, turn)
        assert not at.exception
        assert len(at.error) == 1
        assert not at.success
    with pytest.raises(RequestError, match="keeps no checkpoints"):
        checkpoint_upload.keep("mine.pth", mine, shelf)
    with pytest.raises(RequestError, match="changes no cards"):
        checkpoint_card.save(shelf / "mine.pth", {"labels": ["a"]}, "file/mine")
    monkeypatch.delenv("CNNVIZ_PUBLIC")
    at = opened(visit("activations"))
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")  # the widget and its callback are those of a page drawn before
    at.file_uploader("checkpoint-0").upload("mine.pth", mine, KIND).run()
    assert not at.exception
    assert at.sidebar.selectbox(key="model").value != "file/mine"
    assert list(shelf.iterdir()) == []
