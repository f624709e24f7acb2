"""What a visit keeps lies in fields of their own type; what may hold a photo goes with it, and all goes at the end."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from functools import partial

import numpy as np
import pytest

from cnnviz import picture
from cnnviz.data.frames import SIDE
from cnnviz.photo import Photo
from cnnviz.ui.components.camcanvas.look import Look
from cnnviz.ui.session import photos, visit
from cnnviz.ui.session.visit import Choices, LastQuestion, Strange, Visit, this_visit
from cnnviz.ui.views.class_activation.evidence import CanvasState
from cnnviz.ui.views.labs import FieldLab, GaborLab
from cnnviz.ui.widgets import background, feedback


@pytest.fixture
def session(monkeypatch):
    """A session state of its own."""
    state: dict = {}
    monkeypatch.setattr(visit.st, "session_state", state)
    return state


@pytest.fixture
def own() -> Photo:
    """A photo of one's own."""
    return Photo.of(np.full((8, 8, 3), 7, np.uint8), "mine.png")


def full(photo: Photo) -> Visit:
    """A visit with something of that photo wherever something of a photo may be, and more."""
    mine = Visit()
    mine.questions["cam"] = LastQuestion("net", partial(id, photo))
    mine.tasks["cam"] = partial(id, photo)
    mine.stopped["cam"] = ("net", photo.digest)
    mine.thumbnails.update({photo.digest: "mine", "another": "theirs"})
    mine.pictures["maps"] = {"subject": photo.digest, "pixels": photo.pixels}
    mine.frames.take(1, 0.0, picture.encode(np.full((SIDE, SIDE, 3), 7, np.uint8), "jpeg"))
    mine.choices["channel"] = Choices(("layer", 3), {"layer": 5})
    mine.strange["layer"] = Strange("conv9", "conv1")
    mine.defaults["layer"] = "conv1"
    mine.names["layer"] = hash("conv1 · 8 × 8")
    mine.kept["page", "layer"] = "conv2"
    mine.page, mine.stay, mine.runs = "page", 2, 3
    mine.state(GaborLab).view = "One filter"
    return mine


def test_a_session_has_one_visit_and_another_session_another(session, monkeypatch):
    first = this_visit()
    assert this_visit() is first
    monkeypatch.setattr(visit.st, "session_state", {})
    assert this_visit() is not first


def test_what_may_hold_a_photo_goes_with_it_and_the_rest_stays(own):
    mine, before = full(own), full(own)
    mine.forget_photo(own.digest)
    assert (mine.questions, mine.tasks, mine.pictures) == ({}, {}, {})
    assert mine.thumbnails == {"another": "theirs"}
    for name in ("stopped", "choices", "states"):
        assert getattr(mine, name) == getattr(before, name)
        assert getattr(mine, name)


def test_nothing_of_a_visit_holds_a_photo_that_was_forgotten():
    photo = Photo.of(np.full((8, 8, 3), 7, np.uint8), "mine.png")
    mine, held, digest = full(photo), weakref.ref(photo), photo.digest
    del photo
    gc.collect()
    assert held() is not None, "the visit holds it until then"
    mine.forget_photo(digest)
    gc.collect()
    assert held() is None


def test_forgetting_all_leaves_a_visit_as_new_under_the_same_name(session, own):
    mine = session["_visit"] = full(own)
    assert all(getattr(mine, field.name) for field in dataclasses.fields(mine)), "the test fills every field"
    mine.forget()
    assert mine == Visit()
    assert this_visit() is mine


def test_two_visits_share_nothing():
    one, other = Visit(), Visit()
    for field in dataclasses.fields(Visit):
        if field.default is dataclasses.MISSING:  # the rest are a name and numbers
            assert getattr(one, field.name) is not getattr(other, field.name)


def test_a_state_is_made_once_for_its_type_and_place():
    mine = Visit()
    held = mine.state(CanvasState, "left")
    held.last = Look(opacity=0.25)
    assert mine.state(CanvasState, "left") is held
    assert mine.state(CanvasState, "right") == CanvasState()
    assert isinstance(mine.state(FieldLab), FieldLab)
    assert mine.state(GaborLab).grafts is not Visit().state(GaborLab).grafts


def test_a_photo_that_gives_way_takes_along_what_may_hold_it(session, own):
    session["_visit"] = full(own)
    store = photos.photo_store("_mine")
    store["mine-1"] = own
    store.give_up("mine-1")
    assert not store
    assert store.lost
    assert this_visit().thumbnails == {"another": "theirs"}
    assert not this_visit().questions


def test_a_place_is_told_what_it_was_told_before_of_the_same_and_of_nothing_else(session):
    this_visit().questions["place"] = LastQuestion("this", lambda: "answer")
    assert feedback.before("place", of="this") == "answer"
    assert feedback.before("place", of="that") is None
    assert feedback.before("elsewhere", of="this") is None


def test_leaving_a_place_stops_its_task_and_no_other(session):
    class Stoppable:
        stopped = False

        def stop(self):
            self.stopped = True

    here, there = Stoppable(), Stoppable()
    this_visit().tasks.update(here=here, there=there)
    background.leave("here")
    background.leave("nowhere")
    assert (here.stopped, there.stopped) == (True, False)
    assert this_visit().tasks == {"there": there}


def test_a_task_that_was_stopped_is_remembered_until_it_is_begun_again(session):
    class Stoppable:
        of = "question"

        def stop(self):
            pass

    mine = this_visit()
    mine.tasks["cam"] = task = Stoppable()
    background._stop(mine, "cam", task)
    assert (mine.tasks, mine.stopped) == ({}, {"cam": "question"})
    background._again(mine, "cam")
    assert mine.stopped == {}
