"""What pages show with: a head, pictures encoded here, bars, facts, histograms, errors in one sentence, take-aways.

show.head("Gabor lab", "What one oriented filter answers to.")
with show.refusals():                       # a RequestError becomes one sentence on the page
    ...
answer = show.asked("gabor", compute)       # the same, and the previous answer is returned
show.image(pixels, alt="Response of the filter")
show.take_away("gabor", picture=lambda: pixels, array=lambda: response, python=lines, link=current.link("gabor"))
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from cnnviz import picture
from cnnviz.caption import bar
from cnnviz.measured import measured
from cnnviz.probability import percent as percent
from cnnviz.ui.server import startup
from cnnviz.ui.session.current import presenting as presenting
from cnnviz.ui.widgets import background
from cnnviz.ui.widgets.feedback import ITSELF as ITSELF
from cnnviz.ui.widgets.feedback import asked as asked
from cnnviz.ui.widgets.feedback import heading, paragraph
from cnnviz.ui.widgets.feedback import minus as minus
from cnnviz.ui.widgets.feedback import plain as plain
from cnnviz.ui.widgets.feedback import previous as previous
from cnnviz.ui.widgets.feedback import refusals as refusals
from cnnviz.ui.widgets.feedback import refused as refused
from cnnviz.ui.widgets.feedback import say as say
from cnnviz.ui.widgets.network import net as net
from cnnviz.ui.widgets.network import required_net as required_net
from cnnviz.ui.widgets.predictions import bars as bars
from cnnviz.ui.widgets.take_away import copied as copied
from cnnviz.ui.widgets.take_away import opening as opening
from cnnviz.ui.widgets.take_away import take_away as take_away

if TYPE_CHECKING:
    from PIL import Image
    from streamlit.delta_generator import DeltaGenerator

    from cnnviz.models.load import Model
    from cnnviz.photo import Photo

WIDEST = 1460  # px: Streamlit shrinks and re-encodes anything wider


def head(title: str, purpose: str) -> None:
    """The page's name and, unless somebody presents, one line on what it is for."""
    st.html(
        f'<h1 class="cv-title">{html.escape(title)}</h1>' + ("" if presenting() else paragraph(purpose, "cv-purpose"))
    )


def section(title: str, note: str = "") -> None:
    """A small heading within a page, with a quiet note beside it."""
    st.html(heading(title, note))


def waiting(place: DeltaGenerator, title: str, height: int) -> DeltaGenerator:
    """Where a result will stand; until the engine is loaded, its title and a bare patch of its height stand there."""
    if startup.START.ready():
        return place.container()
    held = place.empty()
    with held.container():
        section(title)
        st.skeleton(height=height)
    return held


def titled(model: Model) -> str:
    """The net's title; of one that has learned nothing, that its answers mean nothing."""
    return f"{model.title}, untrained: a guess" if model.source.startswith("untrained") else model.title


def progress(doing: str) -> Callable[[float], None]:
    """What to tell the share done of something long: a bar with the time left.

    A click elsewhere or Stop ends the work, and the bar, at the next word of it; a click inside the fragment that works
    waits (`background.patiently` is for what can be long there).
    """
    began, place = time.monotonic(), st.empty()

    def told(share: float) -> None:
        spent = time.monotonic() - began
        left = f", about {spent / share - spent:.0f} s left" if share > 0 and spent > 1 else ""
        if share >= 1:
            place.empty()
        elif spent > 0.3:
            try:
                place.progress(share, f"{doing}{left}")
            except StopException:
                background.last_words(place.empty)
                raise

    return told


def counted(doing: str) -> Callable[[int, int], None]:
    """As `progress`, for what tells how many of how many are done."""
    told = progress(doing)
    return lambda done, of: told(done / max(of, 1))


def image(
    shown: np.ndarray | Image.Image | Photo | Callable[[], np.ndarray | Image.Image],
    alt: str,
    caption: str | None = None,
    width: int | Literal["stretch"] = "stretch",
    quality: int = 92,
    tallest: int | None = None,
    of: tuple[Hashable, ...] = (),
    photo: Photo | None = None,
) -> None:
    """The picture as a JPEG of our own, at most 1,460 px wide, with its alternative text.

    `tallest` bounds the height of a portrait in px, which a column's width alone would let grow. A picture that is
    given as a function is drawn once for all that `of` names exactly, beside the `photo` that it is drawn of.
    """

    def draw() -> tuple[bytes, int | Literal["stretch"]]:
        pixels = picture.fit(shown() if callable(shown) else shown, WIDEST)
        height, across = pixels.shape[:2]
        if tallest is None or width != "stretch" or height <= across:
            return picture.encode(pixels, "jpeg", quality), width
        narrow = max(1, round(tallest * across / height))
        return picture.encode(picture.fit(pixels, max(narrow, tallest)), "jpeg", quality), narrow

    if of and photo is not None:
        key = (*of, photo.digest, width, quality, tallest)
        data, width = startup.drawn(key, draw, photo.personal)
    else:
        data, width = draw()
    st.image(data, caption=caption and plain(caption), width=width, output_format="JPEG", alt=alt)


def tall(rows: int, most: int) -> int | Literal["content"]:
    """The height of a table: all of its rows, or, where they are many, so many of them in px."""
    return "content" if rows <= most else 38 + 35 * most


def pixelated(values: np.ndarray, side: int) -> np.ndarray:
    """Colours (h, w, 3) enlarged by a whole factor to about `side` px, so that a value stays a square."""
    factor = max(1, side // max(values.shape[:2]))
    return values.repeat(factor, axis=0).repeat(factor, axis=1)


def facts(values: Mapping[str, object]) -> None:
    """Numbers with their names, in one quiet row."""
    cells = (f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(minus(str(v)))}</dd></div>" for k, v in values.items())
    st.html(f'<dl class="cv-facts">{"".join(cells)}</dl>')


def histogram(values: np.ndarray, bins: int = 48, label: str = "Histogram") -> None:
    """How often each value occurs, in logarithmic height so that rare ones show; warm above 0, cold below."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        say("Every value is NaN: there is no histogram.")
        return
    low, high = float(finite.min()), float(finite.max())
    counts, edges = np.histogram(finite, bins, (low, high if high > low else low + 1))
    tall = np.log1p(counts) / max(np.log1p(counts.max()), 1e-9)
    least, most = measured(low), measured(high)
    columns = "".join(
        f'<i class="{"cv-above" if edge >= 0 else "cv-below"}" style="height:{max(t, 0.02) if n else 0:.1%}"></i>'
        for t, n, edge in zip(tall, counts, edges, strict=False)
    )
    st.html(
        f'<figure class="cv-hist"><div role="img" aria-label="{html.escape(label)}: from {least} to {most}">'
        f"{columns}</div><figcaption><span>{least}</span><span>count, logarithmic</span><span>{most}</span>"
        "</figcaption></figure>"
    )


def scale(low: float, high: float, colour_map: str, label: str, note: str = "") -> None:
    """The colours from lowest to highest value as a thin bar, with a `note`; a diverging map keeps 0 in its middle."""
    told = bar(low, high, colour_map)
    colours = picture.colourise(np.linspace(*told.ends, 24)[None], colour_map)[0]
    stops = ",".join(f"rgb({r},{g},{b})" for r, g, b in colours)
    st.html(
        f'<figure class="cv-scale" role="img" aria-label="{html.escape(label)} from {told.low} to {told.high}">'
        f'<span>{told.low}</span><i style="background:linear-gradient(90deg,{stops})"></i><span>{told.high}</span>'
        "</figure>" + (paragraph(note, "cv-note") if note else "")
    )
