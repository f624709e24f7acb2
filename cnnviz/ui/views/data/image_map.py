"""The map of a data set: each image at its place in a plane, by the features of a network."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.data import atlas
from cnnviz.data.folder import SPLITS, DataSet, Split
from cnnviz.inference.neighbours import nearest
from cnnviz.models import catalog
from cnnviz.printable import printable
from cnnviz.script import call, script
from cnnviz.ui.components import imagemap
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.session import current, networks
from cnnviz.ui.session.photos import own_photos
from cnnviz.ui.session.visit import this_visit
from cnnviz.ui.widgets import compare, controls, show
from cnnviz.ui.widgets.background import patiently

if TYPE_CHECKING:
    from cnnviz.runtime.engine import Engine
    from cnnviz.runtime.projection import Projection

MOST = 30_000  # images of a map; of more, so many are drawn at random
NEAR = 12  # neighbours
KEPT = 3  # maps that the server has at hand
FEATURES = 0.85  # of the work, as its bar has it: the rest are the thumbnails
KEY = "image-map"


@dataclass(frozen=True)
class Made:
    """A projection, and the map of it made ready for the browser."""

    projection: Projection
    shown: imagemap.ImageMap


@dataclass
class Asked:
    """Of which data set and network a visit asked for the map; the photo chosen last, and when, in turns of opening."""

    of: Hashable = None
    photo: str = ""
    turn: float = 0


@st.fragment
def draw(name: str, of: str = "") -> None:
    """The map of a data set, once it is asked for, with the choice of a photo to look from.

    It is by the features `of` the network of that key, or of one that can be chosen.
    """
    if not show.presenting():
        show.section("Map of the images", "each at its place by the network's features; similar images are near")
    titles = {row.key: row.title for row in networks.rows() if row.where in compare.AT_HAND}
    asked, engine = this_visit().state(Asked), current.engine()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = of if of in titles else controls.pick(
            "Network of the map", "map-net", list(titles), _usual(name, list(titles)), words=titles.__getitem__,
            of=name, width=320,
        )  # fmt: skip
        now = _question(engine, name, key)
        slot = st.empty()  # a button that was only left out would stay until the work is done
        if asked.of != (name, key) and now not in _MADE:
            slot.button(
                "Map of the images", icon=":material/scatter_plot:", key="map-begin", on_click=_begin, args=(name, key)
            )
            return
        photo = _photo()
    made = patiently(KEY, partial(_made, engine, name, key, now), f"Features of the images of {name}", now)
    if made is not None:
        _show(engine, made, name, titles[key], key, photo)


def _begin(name: str, key: str) -> None:
    this_visit().state(Asked).of = (name, key)


def _usual(name: str, keys: list[str]) -> str:
    """The network that a map begins with: of the newest run on the data set, else the current one."""
    of_set = (f"run/{one.id}@best" for one in runs.listing() if data_sets.name_of(one.plan.data) == name)
    present = current.model()
    return next((key for key in of_set if key in keys), present if present in keys else keys[0])


def _photo() -> str:
    """The photo of the visit's own whose neighbours are shown: its name in the visit, "" for none."""
    mine = own_photos()
    if not mine:
        return ""
    if st.session_state.get("map-photo") not in ("", *mine):
        st.session_state["map-photo"] = ""
    chosen: str = st.selectbox(
        "Nearest to your photo", ("", *mine), key="map-photo", width=240,
        format_func=lambda one: show.plain(mine[one].name) if one else "none",
    )  # fmt: skip
    return chosen


def _question(engine: Engine, name: str, key: str) -> Hashable:
    """What a map is of: the folder as it is now, and the network's files."""
    where = str(data_sets.folder(name))
    return where, data_sets.stamp(name), data_sets.labels(name), key, catalog.stamp(key, engine.weights, engine.runs)


_MADE: OrderedDict[Hashable, Made] = OrderedDict()
_SMALL: dict[tuple[Path, ...], np.ndarray] = {}  # the thumbnails of the data set that was mapped last
_lock = threading.Lock()


def _made(engine: Engine, name: str, key: str, of: Hashable, progress: Callable[[float], None]) -> Made:
    """The map of a data set by a network, computed once while the server has it at hand. Raises `RequestError`."""
    with _lock:
        if of in _MADE:
            _MADE.move_to_end(of)
            return _MADE[of]
    data = data_sets.data_set(name)
    found = engine.project(key, drawn(data, MOST), lambda done, total: progress(FEATURES * done / max(1, total)))
    small = _thumbnails(found.embedding.paths, lambda share: progress(FEATURES + (1 - FEATURES) * 0.9 * share))
    count, trained = sum(map(len, data.splits().values())), not engine.model(key).source.startswith("untrained")
    made = Made(found, ready(found, name, small, count, trained))
    with _lock:
        _MADE[of] = made
        while len(_MADE) > KEPT:
            _MADE.popitem(last=False)
    return made


def drawn(data: DataSet, most: int) -> DataSet:
    """A data set of at most so many images: all, or some drawn at random with a seed, in their order."""
    parts = data.splits()
    count = sum(map(len, parts.values()))
    if count <= most:
        return data
    chosen = np.zeros(count, bool)
    chosen[np.random.default_rng(0).permutation(count)[:most]] = True
    fewer, first = dict.fromkeys(SPLITS, Split((), ())), 0
    for split, part in parts.items():
        kept = np.flatnonzero(chosen[first : first + len(part)]).tolist()
        fewer[split] = Split(tuple(part.paths[i] for i in kept), tuple(part.labels[i] for i in kept))
        first += len(part)
    train, val, test = fewer.values()
    return dataclasses.replace(data, train=train, val=val, test=test)


def _thumbnails(paths: tuple[Path, ...], told: Callable[[float], None]) -> np.ndarray:
    """The thumbnails of files, uint8 (N, s, s, 3); those of the data set mapped last are remembered."""
    if (known := _SMALL.get(paths)) is not None:
        return known
    steps = atlas.thumbnails(paths)
    try:
        while True:
            told(next(steps))
    except StopIteration as end:
        _SMALL.clear()
        _SMALL[paths] = end.value
        small: np.ndarray = end.value
        return small


def ready(found: Projection, name: str, small: np.ndarray, count: int, trained: bool) -> imagemap.ImageMap:
    """The map of a projection of `count` images made ready for the browser, with thumbnails uint8 (N, s, s, 3).

    It has the predictions of a `trained` network.
    """
    one, shares = found.embedding, found.plane.shares
    words = [
        f"Principal components 1 and 2 of {one.values.shape[1]:,} features: {shares[0]:.0%} and {shares[1]:.0%} of "
        "the variance."
    ]
    if len(one.paths) + len(one.unreadable) < count:
        words.append(f"{len(one.paths):,} of {count:,} images, drawn at random.")
    if one.unreadable:
        words.append(f"{len(one.unreadable):,} cannot be read.")
    predicted, said = None, found.predictions
    if said is not None and trained:
        predicted = imagemap.Predicted(said.classes, said.probabilities, said.labels, said.wrong)
        if said.wrong is not None:
            words.append("Wrongly classified images have a ring.")
    files = [printable(_inside(path, one.data.root)) for path in one.paths]
    labels = one.labels.tolist()
    return imagemap.made(name, found.places, files, one.classes, labels, small, " ".join(words), predicted)


def _inside(path: Path, root: Path) -> str:
    """A file as it is called inside the folder of its data set."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _show(engine: Engine, made: Made, name: str, title: str, key: str, chosen: str) -> None:
    """The map with the neighbours of the photo or the image chosen last."""
    found, asked = made.projection, this_visit().state(Asked)
    one, (opened, turn) = found.embedding, imagemap.opened(KEY, made.shown)
    if chosen != asked.photo:
        asked.photo, asked.turn = chosen, turn
    photo, own, near = own_photos().get(chosen), None, None
    with show.refusals():
        if photo is not None:
            features = engine.photo_features(key, photo)
            (x, y) = found.plane.place(features[None])[0].tolist()
            own = imagemap.Own(photo.name, picture.address(picture.fit(photo, 96), 85), (x, y))
        if photo is not None and turn == asked.turn:  # no image was opened since it was chosen
            near = (-1, photo.name, _pairs(nearest(one.values, features, NEAR)))
        elif opened is not None:
            near = (opened, "", _pairs(nearest(one.values, one.values[opened], NEAR, without=opened)))
    alt = f"Map of {len(one.paths):,} images of {name} by the features of {title}."
    imagemap.imagemap(KEY, made.shown, alt, near, own, big=show.presenting())
    folder, labels = str(data_sets.folder(name)), data_sets.labels(name)
    lines = script(
        f"found = {call('engine.project', key, folder, **({'labels': labels} if labels else {}))}",
        "for path, (x, y) in zip(found.embedding.paths, found.places):",
        "    print(path, x, y)",
        engine=True,
    )
    show.take_away(
        "map", array=lambda: found.places, python=lines, link=current.link("data", **{"set": name, "map-net": key}),
        file=f"{name}-map",
    )  # fmt: skip


def _pairs(found: tuple[np.ndarray, np.ndarray]) -> list[tuple[int, float]]:
    return list(zip(found[0].tolist(), found[1].tolist(), strict=True))
