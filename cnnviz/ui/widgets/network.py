"""The network that a page shows: the one picked, or where that cannot be had another, which is then picked instead."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from cnnviz.options import RequestError
from cnnviz.ui.server import startup
from cnnviz.ui.session import current, networks, visit
from cnnviz.ui.widgets.feedback import ITSELF, asked, plain

if TYPE_CHECKING:
    from cnnviz.runtime.engine import Engine

INSTEAD = "_net_instead"  # what the sidebar picks next, where the net picked was refused
REFUSED = "_net_refused"


@dataclass
class Marks:
    """The fingerprint of each network as this visit had it last, and which one a page says has changed."""

    seen: dict[str, str] = field(default_factory=dict)
    said: tuple[str, str] = ("", "")  # the key, and the page


class Refused(NamedTuple):
    """Which net is shown instead of one that was refused, why, and on which page that was."""

    shown: str = ""
    why: str = ""
    page: str = ""


def net() -> str | None:
    """The key of the net to show: the one picked, loaded here with its download's progress; where that is refused, a
    sentence, and the net this visit had before, which is then the one picked.
    """
    engine, picked = current.engine(), current.model_picked()
    refused: Refused = st.session_state.get(REFUSED, Refused())
    if refused.shown == picked and refused.page == visit.page():
        st.error(plain(refused.why), icon=":material/error:")
    else:
        st.session_state.pop(REFUSED, None)
    place, why = st.empty(), []

    def progress(done: int, total: int) -> None:
        place.progress(min(1.0, done / max(total, 1)), f"Downloading {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")

    def loaded() -> str:
        try:
            return _loaded(engine, picked, progress)
        except RequestError as error:
            why.append(str(error))
            raise

    key = asked("net", loaded, of=ITSELF)
    if not why:
        visit.this_visit().questions["net"] = visit.LastQuestion(ITSELF, functools.partial(_loaded, engine, picked))
    place.empty()
    if key is None:  # a link to a net that cannot be had: another will do meanwhile
        for other in (startup.first(networks.rows()), startup.SPARE):
            with contextlib.suppress(RequestError):
                key = _loaded(engine, other)
                visit.this_visit().questions["net"] = visit.LastQuestion(
                    ITSELF, functools.partial(_loaded, engine, key)
                )
                break
    current.use_model(key)
    if key is not None:
        _changed(engine, key)
    if why and key is not None and refused.shown != picked and _listed(key):
        st.session_state[REFUSED] = Refused(key, why[0], visit.page())
        st.session_state[INSTEAD] = key
        st.rerun()  # with the picker at what is shown
    return key


def expected(key: str) -> None:
    """A network is about to change by what this visit does: its page need not say so."""
    visit.this_visit().state(Marks).seen.pop(key, None)


def _changed(engine: Engine, key: str) -> None:
    """A sentence where the file of a network is another than this visit had; one that is trained changes by itself."""
    if key.startswith(("live/", "run/")):
        return
    marks, model, here = visit.this_visit().state(Marks), engine.model(key), (key, visit.page())
    before, marks.seen[key] = marks.seen.get(key), model.fingerprint
    if before not in (None, model.fingerprint):
        marks.said = here
    if marks.said != here:
        marks.said = ("", "")
        return
    st.info(
        f"{plain(model.title)} has changed: its file or card is another than before. What is shown is of the new one.",
        icon=":material/sync:",
    )


def _listed(key: str) -> bool:
    """Whether a net, or the run that a snapshot is of, is among those to pick from."""
    known = {row.key.partition("@")[0] for row in networks.rows()}
    return key.partition("@")[0] in known or startup.asked(key) is not None


def required_net() -> str:
    """As `net`; where there is none, the page ends here."""
    if (key := net()) is None:
        st.stop()
    return key


def _loaded(engine: Engine, key: str, progress: Callable[[int, int], None] | None = None) -> str:
    """The key of a net, once it is loaded."""
    return engine.model(key, progress).key
