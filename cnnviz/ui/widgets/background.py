"""Waiting for what takes long: a bar and a Stop, what was there before meanwhile, and no answer lost to a click.

The work runs in a thread of its own. Whichever run of the page asks the same looks at the same work; who asks something
else stops it, and so does leaving: what nobody looks at ends.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import StopException, add_script_run_ctx, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

from cnnviz.runtime.gate import VISIT, WAITING
from cnnviz.ui.server.jobs import remaining
from cnnviz.ui.session import visit
from cnnviz.ui.widgets import feedback

T = TypeVar("T")
PATIENCE = 0.3  # seconds without a bar
TICK = 0.1  # seconds between two looks
UNWATCHED = 3.0  # seconds after which work that nobody looks at is stopped


class Left(BaseException):
    """Nobody waits for this work any more. No `Exception`: others who asked for the same compute it themselves."""


class Overtaken(StopException):
    """A newer click inside the fragment waits: its run ends here, and the click's begins."""


class Task:
    """One long question in a thread of its own; `of` is what it asks, `share` what is done, `queue` its place there."""

    def __init__(self, of: Hashable, ask: Callable[..., Any]) -> None:
        self.of, self.share = of, 0.0
        self.queue: tuple[int, int] | None = None
        self.began = self.seen = time.monotonic()
        self.done, self.answer = threading.Event(), None
        self.error: BaseException | None = None
        self._ask, self._stopped, self._visit = ask, False, visit.visit_id() or None
        threading.Thread(target=self._work, name="cnnviz-task").start()

    def look(self, patience: float) -> bool:
        """Whether it is done, after so many seconds at most; what is looked at goes on."""
        self.seen = time.monotonic()
        return self.done.wait(patience)

    def stop(self) -> None:
        """Stop after the step it is in."""
        self._stopped = True

    def words(self) -> str:
        """How long it will take, or who is before it, as it is put behind what is done."""
        spent = time.monotonic() - self.began
        if not self.share:
            return f": {feedback.in_queue(*self.queue)}" if self.queue else ""
        return remaining(spent / self.share - spent) if spent > 1 else ""

    def _work(self) -> None:
        WAITING.set(self._wait)
        VISIT.set(self._visit)
        try:
            self.answer = self._ask(progress=self._told)
        except BaseException as error:  # raised where it is looked at
            self.error = error
        finally:
            self.done.set()

    def _told(self, share: float) -> None:
        self.share, self.queue = min(1.0, share), None
        self._alive()

    def _wait(self, place: int, count: int) -> None:
        self.queue = place, count
        self._alive()

    def _alive(self) -> None:
        if self._stopped or time.monotonic() - self.seen > UNWATCHED:
            raise Left


def patiently(
    place: str, ask: Callable[..., T], doing: str, of: Hashable, meanwhile: Callable[[T | None], None] | None = None
) -> T | None:
    """What `ask(progress=...)` returns; where it was refused or stopped, a sentence, and what this place had before.

    `of` tells the question from all others. While it takes its time `meanwhile` draws what this place had before of the
    current net and photo (None where there is nothing), and the page is run again to be drawn with the answer.
    """
    mine, spot = visit.this_visit(), st.empty()
    if mine.stopped.get(place) == of:
        with spot.container(horizontal=True, vertical_alignment="center", gap="small"):
            feedback.say(_stopped(place, doing))
            st.button("Start again", key=f"again-{place}", on_click=_again, args=(mine, place))
        earlier: T | None = feedback.before(place)
        return earlier
    mine.stopped.pop(place, None)
    task: Task | None = mine.tasks.get(place)
    if task is None or task.of != of:
        leave(place)
        task = mine.tasks[place] = Task(of, ask)
    if not task.look(max(0.0, task.began + PATIENCE - time.monotonic())):
        words = _stopped(place, doing)
        try:
            again = _watched(place, doing, task, spot, meanwhile)
        except Overtaken:
            raise
        except StopException:  # Streamlit's own Stop, or the visit ends: no more is taken from this run of the page
            _stop(mine, place, task)
            last_words(partial(spot.caption, words))
            raise
        if again:
            st.rerun(scope="fragment" if visit.alone() else "app")
        spot.empty()
    mine.tasks.pop(place, None)
    if isinstance(task.error, Left):  # the page was busy elsewhere for too long, and is here again
        return patiently(place, ask, doing, of, meanwhile)
    with feedback.refusals():
        if task.error is not None:
            raise task.error
        mine.questions[place] = visit.LastQuestion(feedback.subject(), ask)
        return task.answer
    before = feedback.before(place)
    if before is not None:
        feedback.say(feedback.BEFORE)
    return before


def leave(place: str) -> None:
    """Stop what this place waits for, if it does."""
    if (task := visit.this_visit().tasks.pop(place, None)) is not None:
        task.stop()


def last_words(draw: Callable[[], object]) -> None:
    """Draw something in a run that was stopped, whose own thread is let draw nothing any more."""
    with contextlib.suppress(Exception):
        thread = threading.Thread(target=contextvars.copy_context().run, args=(draw,))
        add_script_run_ctx(thread, get_script_run_ctx())
        thread.start()
        thread.join(1)


def overtaken() -> bool:
    """Whether a click inside the fragment that runs waits for its end: Streamlit lets it wait, however long."""
    with contextlib.suppress(Exception):  # Streamlit's own affairs: where they change, a click waits
        here, context = ThreadState.get().fragment_id, get_script_run_ctx()
        requests = None if context is None else context.script_requests
        if requests is not None:
            return requests._state.name == "RERUN" and here in requests._rerun_data.fragment_id_queue
    return False


def _watched(place: str, doing: str, task: Task, spot: DeltaGenerator, meanwhile: Callable[[Any], None] | None) -> bool:
    """Wait for the end of a task under its bar; whether something was drawn meanwhile."""
    with spot.container(horizontal=True, vertical_alignment="center", gap="small"):
        bar = st.progress(task.share, doing + task.words())
        st.button("Stop", key=f"stop-{place}", width=64, on_click=_stop, args=(visit.this_visit(), place, task))
    if meanwhile is not None:
        meanwhile(feedback.before(place))
    told = 0.0
    while not task.look(TICK):
        if overtaken():
            raise Overtaken
        if time.monotonic() - told > 0.25:
            told = time.monotonic()
            bar.progress(task.share, doing + task.words())
    return meanwhile is not None


def _stop(mine: visit.Visit, place: str, task: Task) -> None:
    mine.tasks.pop(place, None)
    mine.stopped[place] = task.of
    task.stop()


def _again(mine: visit.Visit, place: str) -> None:
    mine.stopped.pop(place, None)


def _stopped(place: str, doing: str) -> str:
    return f"Stopped: {doing}." + ("" if feedback.before(place) is None else f" {feedback.BEFORE}")
