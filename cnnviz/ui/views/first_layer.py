"""The current net's first layer on the pages of the labs: its kernels, the Gabors fitted to them, their compass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cnnviz import caption, picture
from cnnviz.inference import first_layer
from cnnviz.photo import Photo
from cnnviz.signal import gaborfit
from cnnviz.signal.gabor import Gabor
from cnnviz.ui.server import startup
from cnnviz.ui.session import current
from cnnviz.ui.widgets import controls, show

if TYPE_CHECKING:
    from PIL import Image

    from cnnviz.inference.predict import Prediction
    from cnnviz.models.load import Model

LARGEST = 11  # px: beyond, a kernel has no room in the lab


@dataclass(frozen=True)
class LearnedFilter:
    """A learned filter to be matched by hand: its words, the fit to its strongest plane, its net and number."""

    title: str
    fit: gaborfit.Fit
    model: str
    fingerprint: str
    index: int


def layer() -> first_layer.FirstLayer | None:
    """The first convolution of the current net; None, and a sentence on the page, where there is none."""
    key = show.net()
    return show.asked("first-layer", partial(_of, key)) if key else None


def _of(key: str) -> first_layer.FirstLayer:
    return first_layer.first_layer(current.engine().model(key).net)


def kernels() -> tuple[list[np.ndarray], str]:
    """The kernels for the convolution lab and where they come from; none before the engine has loaded."""
    found = layer() if startup.START.ready() else None
    if found is None or found.side > LARGEST or found.weights.shape[1] not in (1, 3):
        return [], ""
    return list(found.weights), f"{current.engine().model(current.model()).title}, {found.name}"


@st.cache_data(max_entries=16, show_spinner="Fitting a Gabor to each filter")
def fits(fingerprint: str, _layer: first_layer.FirstLayer) -> tuple[gaborfit.Fit, ...]:
    """A Gabor for each filter of the net with that fingerprint, fitted once."""
    return gaborfit.fit_gabors(_layer.weights)


def learned(at: int) -> LearnedFilter | None:
    """The filter of that number of the current net, fitted; None where there is none."""
    if (first := layer()) is None:
        return None
    model = current.engine().model(current.model())
    found = fits(model.fingerprint, first)
    if not 0 <= at < len(found):
        return None
    return LearnedFilter(f"Filter {at} of {model.title}", found[at], model.key, model.fingerprint, at)


def sheet(planes: Sequence[np.ndarray], tile: int = 44) -> np.ndarray:
    """Filters side by side, each on its own scale around zero, uint8 (H, W, 3)."""
    return picture.mosaic(np.stack(planes), scope="channel", colour_map=picture.WEIGHT, tile=tile, gap=3)


def gallery(model: Model, first: first_layer.FirstLayer, found: Sequence[gaborfit.Fit]) -> None:
    """The learned filters and the Gabor fitted to each."""
    show.section(f"{len(found)} filters of {model.title}, {first.name}", f"{first.side} × {first.side} px")
    if first.side < 5 and not show.presenting():
        show.say(
            f"A {first.side} × {first.side} filter has {first.side**2} numbers, a Gabor eight: almost anything fits, "
            "so R² means little here. Networks with larger first kernels, as AlexNet or ResNet, tell more."
        )
    for place, (words, planes) in zip(st.columns(2, gap="medium"), _sheets(found), strict=True):
        with place:
            show.say(words)
            show.image(sheet(planes), words)


def compassed(found: Sequence[gaborfit.Fit]) -> None:
    """Where the fits lie in orientation and frequency, and all their numbers."""
    table = first_layer.told(found)
    show.say("Orientation around, frequency outwards")
    st.plotly_chart(
        compass(table), key="compass", config={"displayModeBar": False}, alt="Orientation and frequency of each fit"
    )
    with st.expander("All fits"):
        st.dataframe({name: np.round(values, 3) for name, values in table.items()}, hide_index=True)


def figure(model: Model, first: first_layer.FirstLayer, found: Sequence[gaborfit.Fit]) -> Image.Image:
    """The learned filters beside their fits, as they are shown, with title, scale and caption."""
    scale = caption.Bar("lowest", "highest, 0 in the middle, each filter on its own scale", picture.WEIGHT)
    r2 = sorted(fit.r2 for fit in found)
    of = f"{len(found)} filters of {first.side} × {first.side} px of {first.name}, {model.title}."
    notes = of, f"{of} R²: median {r2[len(r2) // 2]:.2f}, from {r2[0]:.2f} to {r2[-1]:.2f}."
    tile = max(96, 12 * first.side)
    parts = [
        caption.captioned(sheet(planes, tile), words, scale, note)
        for (words, planes), note in zip(_sheets(found), notes, strict=True)
    ]
    return caption.beside(parts)


def _sheets(found: Sequence[gaborfit.Fit]) -> tuple[tuple[str, list[np.ndarray]], ...]:
    learned, fitted = [fit.plane for fit in found], [fit.match for fit in found]
    return ("Learned, along the strongest colour", learned), ("The best Gabor fit of each", fitted)


def transplant(
    model: Model, first: first_layer.FirstLayer, found: Sequence[gaborfit.Fit], mine: Mapping[int, Gabor], photo: Photo
) -> np.ndarray:
    """Gabors in the place of learned filters, and what the net says then; returns the kernels it was asked with."""
    show.section("Transplant", "replace learned filters by Gabors and predict again")
    floor = controls.slide("Only filters matched at least this well (R²)", "least", 0.0, 1.0, 0.5, 0.05)
    chosen = [i for i, fit in enumerate(found) if fit.r2 >= floor or i in mine]
    grafted = first_layer.transplanted(first, found, chosen, mine)
    words = f"With {len(chosen)} of {len(found)} filters replaced by Gabors"
    if mine:
        words += f", {len(mine)} of them by hand"
    said = show.asked("said", partial(current.engine().predict, model.key, photo, top=5))
    if said is None:  # a network without classes
        return grafted
    side_by_side(
        {"As learned": said, words: show.asked("grafted", partial(first_layer.answers, model, photo, first, grafted))}
    )
    return grafted


def side_by_side(answers: Mapping[str, Sequence[Prediction] | None]) -> None:
    """What the net says, before and after; the class that was first before is marked in both."""
    first = next(iter(answers.values()))
    for place, (words, said) in zip(st.columns(len(answers), gap="large"), answers.items(), strict=True):
        with place:
            show.say(words)
            show.bars(said or [], marked=first[0].index if first else None)


def compass(table: dict[str, np.ndarray]) -> go.Figure:
    """Direction round, frequency outwards, size and strength of colour by R2; each wave is drawn at both its ends."""
    r2 = np.clip(np.tile(table["R²"], 2), 0, 1)
    dots = go.Scatterpolar(
        theta=np.concatenate([table["θ (degrees)"], table["θ (degrees)"] + 180]),
        r=np.tile(table["Frequency (cycles/px)"], 2),
        mode="markers",
        text=[f"Filter {i}, R² {v:.2f}" for i, v in zip(np.tile(table["Filter"], 2), r2, strict=True)],
        hovertemplate="%{text}<br>θ %{theta:.0f}°, %{r:.3f} cycles/px<extra></extra>",
        marker={"size": 4 + 9 * r2, "opacity": 0.25 + 0.7 * r2, "color": "#e0642f"},
    )
    line = {"gridcolor": "rgba(128,134,142,.35)", "linecolor": "rgba(128,134,142,.35)"}
    axes = {
        "bgcolor": "rgba(0,0,0,0)",  # the page's own colour, light or dark
        "angularaxis": {
            "direction": "clockwise",
            "rotation": 0,
            "ticks": "outside",
            "ticklen": 8,
            **line,
        },  # as on the picture: x to the right, y down
        "radialaxis": {"range": [0, 0.54], "nticks": 2 if show.presenting() else 4, "angle": 45, **line},
    }
    wide, high = (72, 44) if show.presenting() else (30, 24)  # px, room for the numbers around
    margin = {"l": wide, "r": wide, "t": high, "b": high}
    return go.Figure(dots, {"polar": axes, "height": 330, "margin": margin, "showlegend": False})
