"""Two of anything side by side: what differs between them, its second value, and what it has of the first's.

found = compare.ask({"layer": compare.Kind("Layer", others), "photo": compare.photos()})
second = engine.activations(compare.network(found, key), compare.photo(found), found.of("layer", layer))
link = current.link("activations", **compare.in_link(found))
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import streamlit as st

from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.ui.server import startup
from cnnviz.ui.session import current, link
from cnnviz.ui.session.networks import rows
from cnnviz.ui.session.photos import own_photos
from cnnviz.ui.widgets import controls

if TYPE_CHECKING:
    from cnnviz.models.load import Model
    from cnnviz.runtime.engine import Engine

Shown = TypeVar("Shown")
Chosen = TypeVar("Chosen")
PHOTO, NETWORK, SNAPSHOT = "photo", "network", "snapshot"  # kinds that every page has
AT_HAND = ("live", "uploaded", "bundled", "run", "on disk", "untrained")  # networks that need no download


@dataclass(frozen=True)
class Kind:
    """One thing that may differ: its name, the second values it may have (none: it is not offered), their words."""

    title: str
    values: Sequence[Hashable]
    words: Callable[[Any], str] = str


@dataclass(frozen=True)
class Second:
    """The second of two: which kind of thing differs, its value there, and what that is called."""

    what: str
    value: Any
    title: str

    def of(self, what: str, first: Any) -> Any:
        """The second's value of a kind: its own where that differs, else the first's."""
        return self.value if self.what == what else first


@dataclass(frozen=True)
class Side(Generic[Shown, Chosen]):
    """One of two: its network and photo, what is shown of them, what is chosen in it, its title beside the other."""

    key: str
    model: Model
    photo: Photo
    shown: Shown
    chosen: Chosen
    title: str = ""


def ask(kinds: Mapping[str, Kind]) -> Second | None:
    """What differs and its second value, each in a list; None where one picture stands alone."""
    offered = {name: kind for name, kind in kinds.items() if kind.values}
    titles = {"": "Nothing", **{name: kind.title for name, kind in offered.items()}}
    what = controls.pick("Compare with", "with", list(titles), "", words=titles.__getitem__)
    if not what:
        return None
    kind = offered[what]
    named = {str(value): value for value in kind.values}
    link.linked_of("second", what, next(iter(named)), named.__contains__, str)
    st.selectbox(f"Second {kind.title.lower()}", named, key="second", format_func=lambda name: kind.words(named[name]))
    value = link.noted("second")
    if _own(what, value):  # a link says neither: opened by somebody else, it would compare with another photo
        link.note("with", what)
    link.note("second", value if _own(what, value) else None)
    return Second(what, named[value], kind.words(named[value]))


def in_link(found: Second | None) -> dict[str, str]:
    """What a link says of it; of a visitor's own photo nothing."""
    if found is None or _own(found.what, found.value):
        return {}
    return {"with": found.what, "second": str(found.value)}


def photos() -> Kind:
    """Every photo of the visit and every sample, but the current one."""
    mine, present = own_photos(), current.photo().with_crop("centre").digest
    there = {name: mine[name] if name in mine else startup.sample(name) for name in (*mine, *startup.photos())}
    return Kind("Photo", [name for name, one in there.items() if one.digest != present], lambda name: there[name].name)


def photo(found: Second | None) -> Photo:
    """The second's photo: the current one, unless photos differ."""
    if found is None or found.what != PHOTO:
        return current.photo()
    mine = own_photos()
    other = mine[found.value] if found.value in mine else startup.sample(found.value)
    return other.with_crop(current.crop())


def networks(key: str) -> Kind:
    """Every network that needs no download, but the present one."""
    there = {row.key: row.title for row in rows() if row.where in AT_HAND}
    return Kind("Network", [one for one in there if one != key], there.__getitem__)


def snapshots(key: str) -> Kind:
    """The other weights of a run; none where the network is of no run."""
    run, _, which = key.partition("@")
    others = [f"{run}@{one}" for one in startup.snapshots(run) if one != which]
    return Kind("Snapshot", others, lambda name: _step(name.partition("@")[2]))


def network(found: Second | None, key: str) -> str:
    """The second's network: the present one, unless networks or snapshots differ."""
    return key if found is None or found.what not in (NETWORK, SNAPSHOT) else str(found.value)


def same_layer(layer: str, names: Sequence[str], others: Sequence[str]) -> str:
    """The layer of another network, which has the `others`: of the same name, or as far along."""
    if layer in others:
        return layer
    share = names.index(layer) / max(1, len(names) - 1)
    return others[round(share * (len(others) - 1))]


def same_class(engine: Engine, first: str, key: str, index: int | None) -> int | None:
    """The class of another network that is called as a class of the first; `RequestError` where none is."""
    mine, labels = engine.model(first).labels, engine.model(key).labels
    if index is None or mine == labels:  # where two classes share a name, the number tells them apart
        return index
    if index >= len(mine) or mine[index] not in labels:
        name = mine[index] if index < len(mine) else index
        raise RequestError(f"{engine.model(key).title} has no class {name!r}; compare another network.")
    return labels.index(mine[index])


def _step(which: str) -> str:
    return f"step {which}" if which.isdecimal() else which


def _own(what: str, value: Any) -> bool:
    return what == PHOTO and value in own_photos()
