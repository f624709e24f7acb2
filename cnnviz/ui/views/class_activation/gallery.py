"""Many photos at once: a gallery of predictions and maps, filtered by class or confidence, taken away as one zip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.image_file import in_words
from cnnviz.photo import Photo, PhotoError
from cnnviz.ui.components.photogrid import Tile, photogrid
from cnnviz.ui.server import startup
from cnnviz.ui.session import current, link, uploads
from cnnviz.ui.session.photos import decoded, own_photos, photo_store, put
from cnnviz.ui.widgets import controls, forgetting, show
from cnnviz.ui.widgets.background import patiently

if TYPE_CHECKING:
    from cnnviz.attribution.report import PhotoReport
    from cnnviz.runtime.engine import Engine

ONE, MODE = "This photo", "Many photos"  # what the page's switch says
MOST = 200
PIXELS = 800**2  # what is kept of each photo
THUMB = 300  # px


def gallery(engine: Engine, key: str) -> None:
    """The samples, until somebody drops photos; each with its answer and its map."""
    left, right = st.columns([1, 3], gap="large")

    # ask
    with left:
        _drop()
        methods = {name: row for name, row in startup.methods().items() if row.reads == "maps"}
        method = controls.pick(
            "Method", "many-method", list(methods), next(iter(methods)), words=lambda n: methods[n].title
        )
        show.say("The fast methods; the slow ones are for one photo at a time.")
        sure = controls.slide("Minimum probability", "many-sure", 0.0, 1.0, 0.0, 0.05)
        wanted = st.container()

    # compute
    photos = [one.with_crop(current.crop()) for one in _brought() or map(startup.sample, startup.photos())]
    with right:
        of = engine.model(key).fingerprint, method, tuple(photo.digest for photo in photos)
        cases = patiently("many", partial(_cases, engine, key, photos, method), f"{len(photos)} photos", of)
    if cases is None:
        return
    with wanted:
        labels = sorted({case.heat.label for case in cases})
        chosen = controls.pick("Class", "many-class", ["", *labels], "", words=lambda label: label or "All classes")
    kept = [c for c in cases if c.predictions[0].probability >= sure and chosen in ("", c.heat.label)]

    # show
    with right:
        show.section(f"{len(kept)} of {len(cases)} photos", show.titled(engine.model(key)))
        if not kept:
            show.say("No photo is left; lower the minimum, or show all classes.")
            return
        show.say("Click a photo to open it.")
        asked = asked_of_each(method, engine.default_layer(key))
        photogrid("many-grid", [_tile(case) for case in kept], partial(_open, {p.digest: p for p in photos}, asked))
        view = {"how-many": MODE, "many-method": method, "many-sure": sure, "many-class": chosen}
        with st.container(horizontal=True, gap="small"):
            st.download_button(
                "Zip", lambda: _zip(engine, key, kept), "heat-maps.zip", "application/zip", key="zip-many",
                icon=":material/folder_zip:", on_click="ignore",
                help="A PNG and the numbers of each map, a table of predictions, and what is needed to repeat them",
            )  # fmt: skip
            show.take_away("many", link=current.link("class_activation", **view))


def _cases(
    engine: Engine, key: str, photos: list[Photo], method: str, progress: Callable[[float], None] | None = None
) -> list[PhotoReport]:
    from cnnviz.attribution.report import PhotoReport  # brings in torch, which is there by now

    made = []
    for i, photo in enumerate(photos):
        made.append(PhotoReport(photo, engine.predict(key, photo, 3), engine.heatmap(key, photo, method=method)))
        if progress is not None:
            progress((i + 1) / len(photos))
    return made


def _drop() -> None:
    key = f"many-{uploads.turn('many')}"
    with st.container(key="adding-many", gap=None):
        st.file_uploader(
            f"Up to {MOST} photos", accept_multiple_files=True, key=key, on_change=uploads.take,
            args=("many", "photo", key, _keep), max_upload_size=uploads.limit("photo"), help=in_words(),
        )  # fmt: skip
        show.refused(uploads.refused("many"))
    brought = _brought()
    forgetting.draw("many", {photo.digest: photo.name for photo in brought})
    if not brought:
        show.say("These are the samples; add your own to see them instead. They stay in this server's memory.")


def _keep(file: Any) -> None:
    mine = photo_store("_many")
    if len(mine) >= MOST:
        raise PhotoError(f"{file.name}: {MOST} photos are the most; forget some first.")
    photo = decoded(file, PIXELS)
    put(mine, photo.digest, photo)


def _brought() -> list[Photo]:
    """The photos added during this visit, in the sidebar and here; gone with all others when they are forgotten."""
    every = [*own_photos().values(), *list(photo_store("_many").values())]
    return list({photo.digest: photo for photo in every}.values())


def _tile(case: PhotoReport) -> Tile:
    from cnnviz.attribution.regions import caption

    drawn = np.asarray(picture.overlay(case.photo, case.heat, picture.OPACITY, side=THUMB, alpha="heat"))
    probability = show.percent(case.predictions[0].probability, 0)
    return Tile(
        case.photo.digest, picture.address(drawn, 82), caption(case.heat), case.photo.name, case.heat.label, probability
    )


def asked_of_each(method: str, layer: str) -> dict[str, Any]:
    """What the page asks of one photo so that it shows what a tile does: the map of the most probable class, alone."""
    return {"class": -1, "method": method, "at": layer, "versus": -1, "against": False, "with": ""}


def _open(photos: Mapping[str, Photo], asked: Mapping[str, Any], digest: str) -> None:
    """Make one of the photos the current one, and show it alone with what is `asked` of each."""
    current.choose(photos[digest])
    for name, value in {**asked, "how-many": ONE}.items():
        link.settle(name, value)


def _zip(engine: Engine, key: str, cases: list[PhotoReport]) -> bytes:
    from cnnviz.attribution.report import bundle

    return bundle(cases, engine.model(key), None, picture.OPACITY, picture.HEAT)
