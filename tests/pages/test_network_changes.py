"""A network's file is replaced or removed while a page shows it: one sentence, and nothing of the old one."""

from __future__ import annotations

import io
import json
import os

import pytest
import torch

from cnnviz.models import lecture
from tests.pages.test_checkpoint_upload import opened, shelf  # noqa: F401


def weights(seed: int) -> bytes:
    torch.manual_seed(seed)
    file = io.BytesIO()
    torch.save(lecture.build(lecture.NETS["cats_gap"]).state_dict(), file)
    return file.getvalue()


@pytest.fixture
def birds(shelf):  # noqa: F811
    """A checkpoint in the weights folder."""
    path = shelf / "birds.pth"
    path.write_bytes(weights(1))
    return path


def replaced(path, data):
    """Another file takes the place of one, as from the disk or another tab."""
    new = path.with_name("new")
    new.write_bytes(data)
    os.replace(new, path)


@pytest.mark.parametrize("page", ["home", "class_activation"])
def test_of_a_file_that_is_replaced_the_page_says_so_once_and_shows_the_new_one(visit, birds, pictures, page):
    key = "file/birds"
    at = visit(page, model=key)
    assert not at.info
    before = pictures(at), [str(part.proto) for part in at.get("bidi_component")]
    replaced(birds, weights(2))
    at.run()
    assert not at.exception
    (said,) = [box.value for box in at.info]
    assert "birds" in said
    assert "changed" in said
    assert (pictures(at), [str(part.proto) for part in at.get("bidi_component")]) != before
    shown = pictures(at)
    fresh = visit(page, model=key)
    assert pictures(fresh) == shown
    if page == "class_activation":
        assert at.get_by_key("camcanvas").proto.json == fresh.get_by_key("camcanvas").proto.json
    assert not fresh.info
    at.switch_page("pages/activations.py").run()
    assert not at.info


def test_what_this_visit_changes_itself_needs_no_word(visit, shelf):  # noqa: F811
    at = opened(visit("activations"))
    for turn, seed in enumerate((1, 2)):
        at.file_uploader(f"checkpoint-{turn}").upload("mine.pth", weights(seed), "application/octet-stream").run()
        assert at.sidebar.selectbox(key="model").value == "file/mine"
        at.run()
        assert not at.info
    for label in ("Save beside the checkpoint", "Undo corrections"):
        if label.startswith("Save"):
            box = next(box for box in at.text_area if box.key.startswith("labels-"))
            box.set_value("owl\nwren")
        next(button for button in at.button if button.label == label).click().run()
        assert not at.info
    (shelf / "mine.json").write_text(json.dumps({"labels": ["a", "b"]}))  # as from the disk
    at.run()
    assert "changed" in at.info[0].value


@pytest.mark.parametrize("page", ["home", "activations", "class_activation", "filters"])
def test_of_a_file_that_is_removed_the_page_says_so_and_shows_another_network(visit, birds, pictures, page):
    at = visit(page, model="file/birds")
    birds.unlink()
    at.run()
    assert not at.exception
    (said,) = [box.value.replace("\\", "") for box in at.warning if "birds" in box.value]
    assert "birds" in said
    assert "no longer" in said
    chosen = at.sidebar.selectbox(key="model").value
    assert chosen != "file/birds"
    assert pictures(at) == pictures(visit(page, model=chosen))
