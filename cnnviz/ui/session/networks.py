"""The networks that strangers upload: in memory alone, asked by the visits that brought them, gone soon after these."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

import streamlit as st

from cnnviz.arrays import size
from cnnviz.models import catalog
from cnnviz.options import RequestError
from cnnviz.ui.server import jobs, startup
from cnnviz.ui.session import visit

if TYPE_CHECKING:
    from cnnviz.models.load import Model
    from cnnviz.runtime.engine import Engine

VISIT = 512 << 20  # bytes of one visit's networks, with the copies that answers need
ROOM = 2 << 30  # bytes of those of all visits together
READING = threading.BoundedSemaphore(2)  # a file takes twice its size while it is read
STORE = "_networks"


class NetworkStore(dict[str, catalog.ModelInfo]):
    """One visit's networks, by key; `visit` is what it keeps of their answers."""

    def __init__(self, of: visit.Visit) -> None:
        super().__init__()
        self.visit = of

    def clear(self) -> None:
        """Let go of all."""
        super().clear()
        _sweep()


_stores: list[weakref.ref[NetworkStore]] = []
_lock = threading.Lock()


def store() -> NetworkStore:
    """The networks that the present visit uploaded."""
    if STORE not in st.session_state:
        st.session_state[STORE] = made = NetworkStore(visit.this_visit())
        with _lock:
            _stores[:] = [ref for ref in _stores if ref() is not None] + [weakref.ref(made)]
    own: NetworkStore = st.session_state[STORE]
    return own


def rows() -> tuple[catalog.ModelInfo, ...]:
    """The nets that this visit can choose: its own, the newest first, and those of the server."""
    return (*own_rows(), *startup.rows())


def own_rows() -> tuple[catalog.ModelInfo, ...]:
    """The networks that this visit uploaded, the newest first."""
    return (*reversed(store().values()),)


def mine(key: str) -> bool:
    """Whether this visit uploaded the network of a key."""
    return key in store()


def add(file: Any) -> None:
    """Take an uploaded network in and make it the current one; nothing is written.

    Raises `RequestError` for what cannot be read, and where there is no room.
    """
    engine = startup.START.engine()
    with READING:
        model = engine.read_upload(file.name, file.getvalue())
    _keep(engine, model)
    st.session_state["model"] = model.key


def remove(key: str) -> None:
    """Let go of a network of this visit, and of all that was computed of it here."""
    if store().pop(key, None) is None:
        return
    _sweep()
    jobs.JOBS.forget_personal(visit.visit_id())
    visit.this_visit().forget_answers()
    if st.session_state.get("model") == key:
        st.session_state["model"] = startup.first(startup.rows())


def at_home(text: str) -> str:
    """Lines of Python as they run elsewhere: with the file of an uploaded network in the weights folder."""
    for row in own_rows():
        text = text.replace(repr(row.key), repr(f"file/{row.title}"))
    return text


def _keep(engine: Engine, model: Model) -> None:
    own = store()
    _sweep()
    with _lock:
        held = {key: size(engine.model(key).net) for one in _living() for key in one if key in engine.uploads}
        needed = 0 if model.key in held else size(model.net)
        if sum(held[key] for key in own if key in held) + size(model.net) * (model.key not in own) > VISIT:
            raise RequestError(
                f"{model.title} needs {size(model.net) / 1e6:,.0f} MB with what is computed of its weights, and the "
                f"networks of a visit {VISIT / 1e6:,.0f} MB at most; remove one, or upload a smaller network."
            )
        if sum(held.values()) + needed > ROOM:
            raise RequestError("This server has no room for another uploaded network now; try again in a few minutes.")
        engine.keep_upload(model)
        own.pop(model.key, None)  # the newest comes last
        own[model.key] = _row(model)


def _sweep() -> None:
    """Have the engine let go of every network that no visit has any more."""
    if (engine := startup.START.loaded()) is None:
        return
    with _lock:
        wanted = {key for one in _living() for key in one}
        for key in [key for key in engine.uploads if key not in wanted]:
            engine.remove(key)


def _living() -> list[NetworkStore]:
    return [one for ref in _stores if (one := ref()) is not None]


def _row(model: Model) -> catalog.ModelInfo:
    held = [*model.net.parameters()]
    return catalog.ModelInfo(
        model.key, model.title, sum(p.numel() for p in held), sum(p.nbytes for p in held), "uploaded",
        knows=catalog.in_words(model.labels) if model.known and model.known.labels_from != "guess" else "",
    )  # fmt: skip
