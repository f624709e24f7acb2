"""The networks that strangers upload: in memory alone, asked by the visits that brought them, gone soon after these."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
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

VISIT = 512 << 20  # bytes of one visit's networks and their files, with the copies that answers need
ROOM = 2 << 30  # bytes of those of all visits together
READING = threading.BoundedSemaphore(2)  # a file takes twice its size while it is read
STORE = "_networks"


@dataclass(frozen=True)
class Own:
    """One uploaded network: its line in the list, its file, and what was corrected of it."""

    row: catalog.ModelInfo
    name: str
    data: bytes
    card: Mapping[str, Any] | None = None


class NetworkStore(dict[str, Own]):
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
    return tuple(own.row for own in reversed(store().values()))


def mine(key: str) -> bool:
    """Whether this visit uploaded the network of a key."""
    return key in store()


def add(file: Any) -> None:
    """Take an uploaded network in and make it the current one; nothing is written.

    Raises `RequestError` for what cannot be read, and where there is no room.
    """
    _take(file.name, file.getvalue())


def correct(key: str, card: Mapping[str, Any] | None) -> None:
    """Have what a card says hold for a network of this visit, or with None again what is understood without one.

    It has another key from then on. Raises `RequestError`, with everything as it was, where it does not fit.
    """
    if (own := store().get(key)) is None:
        raise RequestError("The network is not here any more; load its file again.")
    _take(own.name, own.data, card, instead=key)


def corrected(key: str) -> bool:
    """Whether something was corrected of a network of this visit."""
    own = store().get(key)
    return own is not None and own.card is not None


def remove(key: str) -> None:
    """Let go of a network of this visit, and of all that was computed of it here."""
    if store().pop(key, None) is None:
        return
    _forget_derived()
    if st.session_state.get("model") == key:
        st.session_state["model"] = startup.first(startup.rows())


def at_home(text: str) -> str:
    """Lines of Python as they run elsewhere: with the file of an uploaded network in the weights folder."""
    for row in own_rows():
        text = text.replace(repr(row.key), repr(f"file/{row.title}"))
    return text


def _forget_derived() -> None:
    _sweep()
    jobs.JOBS.forget_personal(visit.visit_id())
    visit.this_visit().forget_answers()


def _take(name: str, data: bytes, card: Mapping[str, Any] | None = None, instead: str = "") -> None:
    engine = startup.START.engine()
    with READING:
        model = engine.read_upload(name, data, card)
    _keep(engine, model, Own(_row(model), name, data, card), instead)
    if instead:
        _forget_derived()
    st.session_state["model"] = model.key


def _keep(engine: Engine, model: Model, made: Own, instead: str) -> None:
    own = store()
    _sweep()
    with _lock:
        rest = {key: one for key, one in own.items() if key not in (instead, model.key)}
        stores: list[Mapping[str, Own]] = [rest, *(other for other in _living() if other is not own)]
        nets = {key: size(known.net) for key, known in engine.uploads.items()} | {model.key: size(model.net)}
        needed = nets[model.key] + len(made.data)
        if needed + sum(nets[key] + len(one.data) for key, one in rest.items()) > VISIT:
            raise RequestError(
                f"{model.title} needs {needed / 1e6:,.0f} MB with what is computed of its weights, and the networks of "
                f"a visit {VISIT / 1e6:,.0f} MB at most; remove one, or upload a smaller network."
            )
        held = {model.key, *(key for each in stores for key in each)}
        files = len(made.data) + sum(len(one.data) for each in stores for one in each.values())
        if files + sum(nets[key] for key in held) > ROOM:
            raise RequestError("This server has no room for another uploaded network now; try again in a few minutes.")
        engine.keep_upload(model)
        for old in (instead, model.key):  # the newest comes last
            own.pop(old, None)
        own[model.key] = made


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
