"""One filter of a gallery large, and what can be taken home of it and of all: PNGs, contact sheet, GIF, MP4."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.feature_vis import animation, sheet
from cnnviz.feature_vis.recipes import SMALLEST, Ascent
from cnnviz.measured import measured
from cnnviz.ui.components.growth import growth
from cnnviz.ui.session import link
from cnnviz.ui.views.filters import gallery
from cnnviz.ui.widgets import show

LARGE = 420  # px
CLASSES = 64  # that can be picked by name
GIF, MP4, TILE = 288, 480, 160  # px: a picture in an animation, in a film, and on a sheet


def close_up(track: gallery.Track, layer: str, channel: int, title: str, ascent: Ascent) -> None:
    """One filter large: its newest picture; once it is done every step of the way, and the objective."""
    show.section(title[:1].upper() + title[1:], "the class" if layer == "logits" else layer)
    if track.picture is None:
        st.skeleton(height=320)
        return
    if track.image is None:
        show.image(sheet.fitted(track.picture, LARGE), f"Filter image of {title} of {layer} while it is optimised")
        return
    values = [track.image.before, *track.values[:-1], track.image.value]  # at the ends that of the picture as it lies
    growth("growth", track.whole(), [0, *track.steps], values, alt=f"Filter image of {title} of {layer}")
    before, after = (measured(value) for value in (track.image.before, track.image.value))
    show.facts({"Objective, start → end": f"{before} → {after}", "Size": f"{len(track.picture)} px"})
    if (enlarged := drops(track.image.curve, ascent, len(track.picture))) and not show.presenting():
        steps = " and ".join(map(str, enlarged))
        show.say(f"The objective drops after step {steps}: there the image is enlarged (coarse to fine).")


def drops(curve: np.ndarray, ascent: Ascent, side: int) -> list[int]:
    """After which steps the objective (steps,) drops because the image is enlarged, up to its `side` in px."""
    levels = 0 if ascent.start == "photo" else sum(side // 2**n >= SMALLEST for n in range(1, ascent.coarse + 1))
    steps = [len(curve) * n // (levels + 1) for n in range(1, levels + 1)]
    return [at for at in steps if 0 < at < len(curve) and curve[at] < 0.8 * curve[at - 1]]


def file_name(request: gallery.Request, part: str) -> str:
    """What files of a gallery are called: network, layer and channel, without an ending."""
    network = re.sub(r"[^\w.+@]+", "-", request.model)
    return f"{network}_{sheet.file_name(request.layer, 0).rpartition('_')[0]}_{part}"


def classes(labels: Sequence[str]) -> str:
    """The classes picked by name, as the numbers that a link holds: "207,281"."""

    def known(text: str) -> bool:
        numbers = text.split(",")
        good = all(n.isdecimal() and int(n) < len(labels) for n in numbers)
        return good and len(numbers) <= CLASSES and len(set(map(int, numbers))) == len(numbers)

    def note() -> None:
        st.session_state["classes"] = ",".join(map(str, st.session_state["class-names"])) or "0"

    link.linked("classes", "0", known, str)
    st.session_state["class-names"] = [int(n) for n in st.session_state["classes"].split(",")]
    st.multiselect(
        "Classes", range(len(labels)), key="class-names", format_func=labels.__getitem__, on_change=note,
        placeholder="Type a name", max_selections=CLASSES,
    )  # fmt: skip
    link.note("classes", "0")
    named: str = st.session_state["classes"]
    return named


def ground() -> tuple[int, int, int]:
    """The page's own colour, so that pictures stand apart by bare page."""
    return (23, 25, 28) if st.context.theme.type == "dark" else (251, 251, 249)


def exports(request: gallery.Request, shelf: gallery.Gallery, channel: int, columns: int) -> None:
    """Buttons for files: how this filter grew, and all filters, each made when it is asked for."""
    if show.presenting():
        return
    layer, track = request.layer, shelf.tracks[channel]
    name, of = file_name(request, str(channel)), partial(file_name, request)
    done = {c: t for c, t in shelf.tracks.items() if t.image is not None}
    with st.container(horizontal=True, gap="small", key="exports"):
        if track.image is not None:

            def way(side: int) -> list[np.ndarray]:
                return animation.enlarged(gallery.decoded(track.whole()), side)

            _file(
                "GIF",
                f"{name}.gif",
                "image/gif",
                lambda: animation.animation(way(GIF)),
                "The optimisation, animated",
            )
            _file(
                "MP4",
                f"{name}.mp4",
                "video/mp4",
                lambda: animation.film(way(MP4), len(track.way) + 1),
                f"The optimisation; {CODEC}",
            )
        if len(done) > 1:
            _file(
                f"All {len(done)} as PNG", f"{of('filters')}.zip", "application/zip",
                lambda: sheet.archive({sheet.file_name(layer, c): t.image.picture for c, t in done.items() if t.image}),
                "One zip of files named layer_filter",
            )  # fmt: skip
        if shelf.begun:
            _file(
                "Contact sheet", f"{of('sheet')}.png", "image/png",
                lambda: picture.encode(shelf.tiles(TILE, columns), "png"), "All filters in one image",
            )  # fmt: skip
        if len(done) > 1:
            _file(
                "All as MP4", f"{of('growth')}.mp4", "video/mp4",
                lambda: growing([t.whole() for t in done.values()], columns),
                f"The optimisation of all filters; {CODEC}",
            )  # fmt: skip


def growing(ways: Sequence[Sequence[bytes]], columns: int) -> bytes:
    """An MP4 of all ways side by side, at most 1,280 px wide; the more there are, the fewer moments."""
    moments = min(max(map(len, ways)), max(16, 3000 // len(ways)))
    side = min(TILE, 1280 // columns - 2)
    return animation.film(
        animation.together(ways, columns, side, moments, lambda jpeg: gallery.decoded([jpeg])[0]), moments
    )


def _file(label: str, name: str, kind: str, make: Callable[[], bytes], help: str) -> None:
    st.download_button(
        label, make, name, kind, key=f"file-{label}", on_click="ignore", icon=ICONS.get(label, ":material/download:"),
        help=help,
    )  # fmt: skip


CODEC = "H.264, for browsers, phones and slides"
ICONS = {
    "GIF": ":material/animation:",
    "MP4": ":material/movie:",
    "All as MP4": ":material/movie:",
    "Contact sheet": ":material/grid_view:",
}
