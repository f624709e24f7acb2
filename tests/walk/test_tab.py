"""What walks have found: a control shows what the page was made with, whatever stood in its place before."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.walk import actions, oracle
from tests.walk.server import Server, serving
from tests.walk.shown import Shown
from tests.walk.tab import Tab
from tests.walk.widgets import proto


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all visits."""
    with serving() as running:
        yield running


@pytest.fixture
def visit(server: Server) -> Iterator[object]:
    """A function that opens a page with a query."""
    opened: list[Tab] = []

    def open_page(page: str, query: str = "") -> Tab:
        opened.append(Tab(server, page, query))
        oracle.nothing_broke(opened[-1])
        return opened[-1]

    yield open_page
    for tab in opened:
        tab.close()


def choose(tab: Tab, name: str, part: str) -> None:
    """Takes the option with that part in its words."""
    node = actions.find(tab, name)
    assert node is not None
    option = next(text for text in proto(node).options if part in text)
    tab.change(node, string_value=option)


def test_a_layer_that_two_networks_have_is_called_as_the_one_chosen_has_it(visit):
    tab = visit("activations", "layer=relu2")
    before = Shown(tab).value("layer")
    choose(tab, "model", "MNIST base")
    after = Shown(tab).value("layer")
    assert after.startswith("relu2 ")
    assert after != before
    oracle.widgets_agree(tab)
    choose(tab, "sort", "max")  # what is chosen next must not take the layer away
    assert Shown(tab).value("layer") == after
    assert tab.params["layer"] == "relu2"


def test_network_and_photo_are_there_again_after_presenting(visit):
    tab = visit("gabor", "model=lecture/cats_gap&photo=coffee")
    called = Shown(tab).value("model"), Shown(tab).value("photo")
    for on in (True, None, False):
        if on is None:
            node = next(node for node in tab.controls() if node.kind in actions.OFFERS and not tab.aside(node))
            actions.perform(tab, actions.OFFERS[node.kind](node, tab, Random(1)))
        else:
            tab.change(actions.find(tab, "present"), bool_value=on)
    assert (Shown(tab).value("model"), Shown(tab).value("photo")) == called
    oracle.widgets_agree(tab)


def test_what_is_a_list_on_a_stage_and_buttons_elsewhere_has_the_same_value_in_both(visit):
    tab = visit("activations", "present=true")
    for on in (False, True, False):
        tab.change(actions.find(tab, "present"), bool_value=on)
        oracle.widgets_agree(tab)
        assert "experiment" not in tab.params
    assert Shown(tab).value("experiment") == "No experiment"


def test_the_link_to_copy_names_the_network_that_is_picked(visit):
    tab = visit("", "model=lecture/cats_gap")
    tab.open("gabor")
    choose(tab, "model", "MNIST base")
    assert "model=lecture/mnist_base" in Shown(tab).told("copy-link-gabor")["text"]


def test_the_way_back_shows_in_the_address_what_the_page_shows(visit):
    tab = visit("", "photo=rocket")
    tab.open("gabor")
    tab.back()
    assert Shown(tab).value("photo") == tab.params.get("photo") == "rocket"


def test_the_camera_is_on_or_off_as_its_switch_says_on_the_next_page_on_stage(visit):
    tab = visit("")
    for name in ("camera-on", "present"):
        tab.change(actions.find(tab, name), bool_value=True)
    tab.press(actions.find(tab, "stage-next"))
    oracle.widgets_agree(tab)
    assert Shown(tab).value("camera-on") is True


def test_what_is_chosen_again_stands_in_the_address_again(visit):
    tab = visit("", "photo=rocket")
    tab.open("train")
    for name in ("cat", "rocket"):
        tab.change(actions.find(tab, "photo"), string_array_value=[name])
    assert Shown(tab).value("photo") == tab.params.get("photo") == "rocket"
