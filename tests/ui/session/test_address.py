"""The address a browser brings along: where somebody went, or what it had not heard of yet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1 import local_script_runner as runner


def page() -> None:
    import streamlit as st

    from cnnviz.ui.session import link

    link.arrive()
    for key, default in (("letter", "a"), ("number", 1)):
        link.linked(key, default, lambda value: True, type(default))
        if key == "letter":
            st.text_input(key, key=key)
        else:
            st.number_input(key, key=key, step=1)
        link.note(key, default)
    if st.session_state.pop("again", False):
        st.rerun()


@pytest.fixture
def at() -> AppTest:
    found = AppTest.from_function(page)
    found.context = {"locale": "en"}  # then each run is of a message of its own
    return found.run()


@pytest.fixture
def back(monkeypatch) -> Callable[[AppTest], None]:
    """A function that runs the page as the browser's way back does, at the address that it has now."""
    whole = runner.RerunData

    def go(at: AppTest) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(runner, "RerunData", partial(whole, is_history_navigation=True))
            at.run()

    return go


def shown(at: AppTest) -> tuple[str, int]:
    assert not at.exception
    return at.text_input("letter").value, at.number_input("number").value


def address(at: AppTest) -> dict[str, str]:
    return {key: value[-1] if isinstance(value, list) else value for key, value in dict(at.query_params).items()}


def test_what_a_browser_sends_before_it_has_heard_of_a_change_undoes_nothing(at):
    at.text_input("letter").set_value("b").run()
    at.query_params = {}  # of before
    at.number_input("number").set_value(2).run()
    assert (shown(at), address(at)) == (("b", 2), {"letter": "b", "number": "2"})
    at.query_params = {"letter": "b"}  # and now the address between the two changes
    at.run()
    assert (shown(at), address(at)) == (("b", 2), {"letter": "b", "number": "2"})


def test_going_back_right_after_a_change_undoes_it(at, back):
    at.text_input("letter").set_value("b").run()
    at.query_params = {}
    back(at)
    assert (shown(at), address(at)) == (("a", 1), {})
    at.query_params = {"letter": "b"}  # and forward again
    back(at)
    assert shown(at) == ("b", 1)
    at.text_input("letter").set_value("c").run()
    at.query_params = {"letter": "b"}
    back(at)
    assert shown(at) == ("b", 1)


def test_a_link_to_what_was_shown_before_is_followed_as_soon_as_the_browser_knows_the_change(at):
    at.query_params = {"letter": "x", "number": "3"}
    at.run()
    at.text_input("letter").set_value("y").run()
    at.run()  # a timer, say: it brings the new address along
    at.query_params = {"letter": "x", "number": "3"}
    at.run()
    assert (shown(at), address(at)) == (("x", 3), {"letter": "x", "number": "3"})


def test_a_link_to_what_was_never_shown_is_followed_at_once(at):
    at.text_input("letter").set_value("b").run()
    at.query_params = {"letter": "c", "number": "7"}
    at.run()
    assert shown(at) == ("c", 7)


def test_a_page_that_runs_again_by_itself_is_no_word_from_the_browser(at):
    at.session_state["again"] = True
    at.text_input("letter").set_value("b").run()
    at.query_params = {}
    at.number_input("number").set_value(2).run()
    assert shown(at) == ("b", 2)


def test_what_was_on_its_way_when_somebody_went_back_does_not_come_back(at, back):
    at.text_input("letter").set_value("b").run()
    at.query_params = {}
    back(at)
    at.query_params = {"letter": "b"}  # the change reached the browser after it had gone back
    at.number_input("number").set_value(2).run()
    assert (shown(at), address(at)) == (("a", 2), {"number": "2"})
