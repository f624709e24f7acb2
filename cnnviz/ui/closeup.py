"""One filter of a gallery large, and what can be taken home of it and of all: PNGs, contact sheet, GIF, MP4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cnnviz import picture
from cnnviz.explain import film, sheet
from cnnviz.ui import controls, gallery, show

LARGE = 420  # px
GIF, MP4, TILE = 288, 480, 160  # px: a picture in an animation, in a film, and on a sheet


def close_up(track: gallery.Track, layer: str, channel: int, title: str) -> None:
    """One filter large: its newest picture or a step of the way, before and after, and the objective."""
    show.section(title[:1].upper() + title[1:], layer)
    if track.picture is None:
        st.skeleton(height=320)
        return
    if track.image is None:
        show.image(sheet.fitted(track.picture, LARGE), f"Filter image of {title} of {layer} while it grows")
        return
    view = controls.switch("View", "view", ["after", "before", "every step"], "after", label_visibility="collapsed")
    if view == "every step":
        last = len(track.way)
        step = st.slider("Step", 1, last, last, key=f"step-{channel}") if last > 1 else 1
        shown = gallery.decoded([track.way[step - 1]])[0]
    else:
        shown = track.image.picture if view == "after" else track.image.start
    show.image(sheet.fitted(shown, LARGE), f"Filter image of {title} of {layer}, {view}", quality=95)
    show.facts(
        {
            "Objective before": f"{track.image.before:.4g}",
            "after": f"{track.image.value:.4g}",
            "Side": f"{len(track.image.picture)} px",
            "Steps": str(len(track.values)),
        }
    )
    st.line_chart({"objective": track.values}, height=140, x_label="step", y_label="", alt="Objective at each step")


def exports(request: gallery.Request, shelf: gallery.Gallery, channel: int, columns: int) -> None:
    """Buttons for files: how this filter grew, and all filters, each made when it is asked for."""
    if show.presenting():
        return
    layer, track = request.layer, shelf.tracks[channel]
    name = sheet.file_name(layer, channel)
    done = {c: t for c, t in shelf.tracks.items() if t.image is not None}
    films = not request.owner  # a film passes through a file, and what is made of one's own photo never does
    with st.container(horizontal=True, gap="small", key="exports"):
        if track.image is not None:
            way = lambda side: film.enlarged(gallery.decoded(track.way), side)  # noqa: E731
            _file("GIF", f"{name}.gif", "image/gif", lambda: film.animation(way(GIF)), "How this filter grew")
            if films:
                _file("MP4", f"{name}.mp4", "video/mp4", lambda: film.film(way(MP4)), f"How this filter grew; {CODEC}")
        if len(done) > 1:
            _file(
                f"All {len(done)} as PNG", f"{sheet.file_name(layer, 'filters')}.zip", "application/zip",
                lambda: sheet.archive({sheet.file_name(layer, c): t.image.picture for c, t in done.items() if t.image}),
                "One zip of files named layer_filter",
            )  # fmt: skip
        if shelf.begun:
            _file(
                "Contact sheet", f"{sheet.file_name(layer, 'sheet')}.png", "image/png",
                lambda: picture.encode(shelf.tiles(TILE, columns), "png"), "All filters on one picture",
            )  # fmt: skip
        if len(done) > 1 and films:
            ways = lambda: [gallery.decoded(t.way) for t in done.values()]  # noqa: E731
            _file(
                "All as MP4", f"{sheet.file_name(layer, 'growth')}.mp4", "video/mp4",
                lambda: film.film(film.together(ways(), columns, TILE)), f"How all filters grew; {CODEC}",
            )  # fmt: skip


def _file(label: str, name: str, kind: str, make: Callable[[], Any], help: str) -> None:
    st.download_button(
        label, make, name, kind, key=f"file-{label}", on_click="ignore", icon=ICONS.get(label, ":material/download:"),
        help=help,
    )  # fmt: skip


CODEC = "VP9, which browsers and VLC play"
ICONS = {
    "GIF": ":material/animation:",
    "MP4": ":material/movie:",
    "All as MP4": ":material/movie:",
    "Contact sheet": ":material/grid_view:",
}
