"""Asking the engine: what it refuses becomes one sentence, who waits sees a place in the queue, old answers say so."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from cnnviz.options import RequestError
from cnnviz.runtime.gate import WAITING
from cnnviz.ui.session import current, visit

if TYPE_CHECKING:
    from cnnviz.models.load import Model
    from cnnviz.photo import Photo

T = TypeVar("T")
ITSELF = "itself"  # what an answer is of that names its own net and photo
TOLD = 4  # refusals of an upload in full
HYPHEN = re.compile(r"(?<![\w.)\]/%°-])-(?=\.?\d)|(?<=\de)-(?=\d)")  # of a number, not of a name or a range
BEFORE = "What is shown is the previous result."


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Show a `RequestError` of the block as its one sentence, and go on after it."""
    try:
        yield
    except RequestError as error:
        st.error(plain(str(error)), icon=":material/error:")


def refused(sentences: Sequence[str]) -> None:
    """What was refused of an upload in one box: every sentence, or the first few and how many more."""
    if not sentences:
        return
    head = [f"{len(sentences)} files were not added."] * (len(sentences) > 1)
    rest = [f"And {len(sentences) - TOLD} more."] * (len(sentences) > TOLD)
    st.error("\n\n".join(map(plain, [*head, *sentences[:TOLD], *rest])), icon=":material/error:")


def asked(place: str, ask: Callable[[], T], waiting: str = "", of: Hashable = None, *, last: bool = False) -> T | None:
    """What `ask` returns; where it is refused, one sentence, and what this place was told before (None at first).

    What it was told before is given only for the same `of`, by default the current net and photo, under a line that
    says so: an answer about one net or photo must not stand under another's name. An answer that names its own says
    `of=ITSELF`, is given whatever is current, and its page says what it shows.

    A visit remembers its last good question and not the answer, which the engine's bounded memory has, or gives again:
    so `ask` had better be a `partial` of values than a closure over answers.

    Who waits reads a line, whose place is kept, as it may come and go without moving anything; not where it is the
    `last` of its container, since every element costs the browser a millisecond.
    """
    line, said = None if last else st.empty(), False

    def hear(place: int, count: int) -> None:
        nonlocal line, said
        line, said = line or st.empty(), True
        line.caption(in_queue(place, count))

    hears = WAITING.set(hear)
    try:
        with refusals(), st.spinner(waiting, show_time=True) if waiting else contextlib.nullcontext():
            answer = ask()
            visit.this_visit().questions[place] = visit.LastQuestion(subject(of), ask)
            return answer
    finally:
        WAITING.reset(hears)
        if said and line is not None:
            line.empty()
    answer = before(place, of)
    if answer is not None and of is None:
        say(BEFORE)
    return answer


def subject(of: Hashable = None) -> Hashable:
    """What an answer is of: the current net and photo, unless something else is named."""
    return (current.model(), current.photo().digest) if of is None else of


def before(place: str, of: Hashable = None) -> Any:
    """What a place was told before of the same; None where it was told nothing, or that can be had no more."""
    question = visit.this_visit().questions.get(place)
    if question is not None and question.of == subject(of):
        with contextlib.suppress(RequestError):
            return question.ask()
    return None


def in_queue(place: int, count: int) -> str:
    """A place in the queue in words; 1 is the next."""
    return f"place {place} of {count} in the queue, others are computing"


def previous(key: str, photo: Photo, model: Model, shown: Photo) -> bool:
    """Whether an answer is of another net or photo than the current ones; then a line names those it is of."""
    if (model.key, shown) == (key, photo):
        return False
    say(f"This is the previous result: {model.title} on the photo {shown.name}.")
    return True


def say(text: str) -> None:
    """One quiet line of plain text."""
    st.html(paragraph(text, "cv-note"))


def heading(title: str, note: str = "") -> str:
    """A small heading within a page, with a quiet note beside it, as HTML."""
    return f'<h2 class="cv-section">{html.escape(minus(title))} <small>{html.escape(minus(note))}</small></h2>'


def paragraph(text: str, kind: str) -> str:
    """One line of plain text as HTML."""
    return f'<p class="{kind}">{html.escape(minus(text))}</p>'


def minus(text: str) -> str:
    """The text with a minus sign before its negative numbers, also in exponents, where a hyphen stood."""
    return HYPHEN.sub("−", text)


def plain(text: str) -> str:
    """Text that markdown leaves alone: file names and labels are data."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-!|~$:<>" else c for c in text)
