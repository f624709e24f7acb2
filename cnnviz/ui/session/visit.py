"""What tells one visit from another, and what it keeps between reruns beside its photos and its widgets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cnnviz.data.frames import Frames

T = TypeVar("T")
OWN = "own"  # all that a link says of a visitor's own photo


class LastQuestion(NamedTuple):
    """The last question that a place on the pages had a good answer to: what it is of, and what answers it again."""

    of: Hashable
    ask: Callable[[], Any]


class Strange(NamedTuple):
    """What a link says of a widget that cannot have it, and what the widget has instead."""

    text: str
    instead: Any


@dataclass
class Choices:
    """What was chosen of one widget whose default depends on something else, such as a layer."""

    now: tuple[Hashable, Any] | None = None  # what it is of, and the default there
    chosen: dict[Hashable, Any] = field(default_factory=dict)  # what it is of -> what was chosen, if not the default


@dataclass
class Visit:
    """What one visit keeps on this server. Whatever may hold a photo has a field that `forget_photo` knows."""

    questions: dict[str, LastQuestion] = field(default_factory=dict)  # by place
    tasks: dict[str, Any] = field(default_factory=dict)  # by place: the `widgets.background.Task` waited for
    stopped: dict[str, Hashable] = field(default_factory=dict)  # by place: what the task that was stopped had asked
    thumbnails: dict[str, str] = field(default_factory=dict)  # by the photo's digest: a data address
    pictures: dict[str, dict[str, Any]] = field(default_factory=dict)  # by component: what it shows of photos, encoded
    frames: Frames = field(default_factory=Frames)  # of the camera, until they are saved as a data set
    choices: dict[str, Choices] = field(default_factory=dict)  # by widget
    strange: dict[str, Strange] = field(default_factory=dict)  # by widget, of the present stay on a page
    defaults: dict[str, str | None] = field(default_factory=dict)  # by widget, as links say it; None: say it always
    names: dict[str, int] = field(default_factory=dict)  # by widget: a hash of what its option chosen is called
    kept: dict[tuple[str, str], Any] = field(default_factory=dict)  # by page and widget: what it had there last
    page: str = field(default="", compare=False)  # where the last run was
    stay: int = field(default=0, compare=False)  # how many stays on a page there were until then, with the present one
    runs: int = field(default=0, compare=False)  # how often its script has been run as a whole, with the present one
    states: dict[tuple[type, str], Any] = field(default_factory=dict)  # by type and place; free of photos

    def state(self, kind: type[T], place: str = "") -> T:
        """The state of that type, made without arguments at first; who draws a component declares what it keeps."""
        held: T = self.states.setdefault((kind, place), kind())
        return held

    def forget_photo(self, digest: str) -> None:
        """Forget everything that may hold the photo of that digest.

        A question is a function that may hold any photo, a task has one or its answer, and a component's pictures are
        of one or two: these go whatever they are of, and can be had again.
        """
        self.thumbnails.pop(digest, None)
        self.forget_answers()

    def forget_answers(self) -> None:
        """Forget what was answered, of whatever photo or network; it can be had again where these are still here."""
        for held in (self.questions, self.tasks, self.pictures):
            held.clear()

    def forget(self) -> None:
        """Forget all."""
        vars(self).update({**vars(Visit()), "page": self.page, "stay": self.stay, "runs": self.runs})


def this_visit() -> Visit:
    """What the present visit keeps."""
    return held("_visit", Visit)


def held(name: str, make: Callable[[], T]) -> T:
    """What the session keeps under a name and never replaces, made at first.

    Found in the session once a run: a page asks for it a hundred times, and each look there takes 25 µs.
    """
    found: dict[str, Any] = vars(get_script_run_ctx() or _Nowhere()).setdefault("_cnnviz_held", {})
    if name not in found:
        found[name] = st.session_state[name] if name in st.session_state else make()
        st.session_state[name] = found[name]
    mine: T = found[name]
    return mine


class _Nowhere:
    """Where no script runs."""


def visit_id() -> str:
    """What tells this visit from all others."""
    return getattr(get_script_run_ctx(), "session_id", "")


def connected(visit: str) -> bool:
    """Whether the browser of a visit is connected; where Streamlit does not tell, it is."""
    with contextlib.suppress(RuntimeError):
        return bool(get_instance().is_active_session(visit))
    return True


def alone() -> bool:
    """Whether a fragment of the page runs by itself, and not the whole script."""
    return bool(getattr(get_script_run_ctx(), "fragment_ids_this_run", None))


def page() -> str:
    """What tells the current page from the others."""
    return getattr(get_script_run_ctx(), "page_script_hash", "")
