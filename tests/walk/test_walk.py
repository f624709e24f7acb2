"""A walk over the whole dashboard: combinations that nobody wrote, each step held against the engine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cnnviz.ui.components import mapgrid
from tests.walk import components, walk
from tests.walk.actions import Action
from tests.walk.server import Server, serving
from tests.walk.widgets import key

STEPS, BUDGET = 45, 10.0  # of each seed, and the seconds after which it ends all the same


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with folders of its own, and a small data set in them."""
    with walk.places(), serving() as running:
        yield running


@pytest.fixture(autouse=True)
def own_places() -> None:
    """The folders are the server's, for all of its walks."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_wrong_on_a_walk(server, seed):
    report = walk.walk(server, walk.chosen(seed, STEPS), seed, until=time.monotonic() + BUDGET)
    assert not report.faults, "\n".join([*report.faults, "", *(action.line() for action in report.done)])
    assert report.counts["looks"] > 1


def test_a_grid_that_keeps_the_photo_before_is_found(server, monkeypatch):
    keyed = mapgrid.subject  # of networks, photos, layers and names; here, of the layer alone
    monkeypatch.setattr(mapgrid, "subject", lambda *shown: keyed(next(one for one in shown if isinstance(one, str))))
    script = [Action("page", "activations"), Action("choose", "photo", ["coffee"]), Action("page", "")]
    report = walk.walk(server, walk.listed(script))
    assert len(report.done) == 2
    assert "grid" in report.faults[0]


def test_the_lines_to_copy_and_the_address_of_every_page_give_what_it_shows(server):
    pages = [Action("page", name) for name in ("activations", "class_activation", "gabor", "data")]
    more = [Action("press", "Another batch"), Action("page", "convolution"), Action("page", "")]
    report = walk.walk(server, walk.listed([*pages, *more]), often=1, on=True)
    assert not report.faults, "\n".join(report.faults)
    assert report.counts["links opened"] == len(report.done)


def test_a_map_of_the_images_is_the_engines_and_its_neighbours_are_those_of_the_image_opened(server):
    opened = {"state": {"opened": {"subject": "", "index": 3, "turn": 1.0}}}
    script = [Action("page", "data"), Action("press", "map-begin")]

    def following(tab, step):
        if step < 2:
            return script[step]
        told = next((components.told(node) for node in tab.controls() if key(node) == "image-map"), None)
        assert told is not None
        opened["state"]["opened"]["subject"] = told["subject"]
        return Action("tell", "image-map", opened) if step == 2 else None

    report = walk.walk(server, following, often=1)
    assert not report.faults, "\n".join(report.faults)
    assert len(report.done) == 3


def test_many_photos_of_ones_own_are_shown_beside_a_sample_and_no_link_has_them(server):
    added = Action("upload", "upload", ["garden.jpg"])
    script = [Action("page", "class_activation"), added, Action("choose", "photo", ["cat"])]
    many = [Action("choose", "how-many", ["Many photos"]), Action("press", "forget-all-many")]
    report = walk.walk(server, walk.listed([*script, *many]), often=1)
    assert not report.faults, "\n".join(report.faults)
    assert len(report.done) == 5
    assert report.counts["links opened"] == 3  # not while the photo of one's own is the one shown, or one of many


def test_what_was_done_is_written_down_and_read_again():
    from tests.walk import actions

    some = [Action("choose", "photo", ["cat"]), Action("back"), Action("type", "channel", 3.0)]
    assert [*actions.read([action.line() for action in some])] == some
