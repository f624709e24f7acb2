"""The Gabor lab and the filter bank in the browser: everything follows the finger, Python hears of it on release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from cnnviz.options import RequestError
from cnnviz.signal.gabor import Gabor
from cnnviz.signal.gaborfit import Fit
from cnnviz.ui.components.shared import encode, joiner
from cnnviz.ui.components.shared.subject import subject
from cnnviz.ui.components.shared.told import UNFIT

HERE = Path(__file__).parent
VIEWS = ("response", "directions")
_SHEET = joiner.sheet(joiner.SHEET, HERE / "style.css")

_lab = st.components.v2.component("cnnviz_gaborlab", js=joiner.script(HERE / "index.js"), css=_SHEET)
_bank = st.components.v2.component("cnnviz_gaborbank", js=joiner.script(HERE / "bank.js"), css=_SHEET)


def _data(pictures: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Square gray pictures, uint8 (S, S) with S a power of two, as both components want them."""
    side = next(iter(pictures.values())).shape[0]
    return {
        "side": side,
        "stamp": subject(pictures),
        "pictures": [{"name": name, "pixels": encode.text(gray)} for name, gray in pictures.items()],
        "luts": encode.colours(),
    }


def gaborlab(
    pictures: Mapping[str, np.ndarray],
    begin: Gabor,
    *,
    again: str = "",
    picture: int = 0,
    view: str = "response",
    target: tuple[str, Fit] | None = None,
    big: bool = False,
    key: str = "gaborlab",
) -> tuple[Gabor, int, str, float]:
    """The lab on pictures by name; returns the filter, the picture and the view it was left with, and the locked scale.

    The scale is the response that is drawn brightest, 0 where it is the largest of the picture.

    Another `again` sets the filter to `begin` anew; `target` is a learned filter to be matched by hand: its name, and
    the fit that knows its plane (k, k) and where on it the wave's middle lies.
    """
    start = {**asdict(begin), "picture": picture, "view": view, "stamp": f"{begin} {picture} {view} {again}"}
    aim = None
    if target:
        name, fit = target
        aim = {"name": name, "plane": np.round(fit.plane.astype(float), 6).tolist(), "middle": [fit.row, fit.column]}
    result = _lab(
        key=key,
        data={**_data(pictures), "start": start, "target": aim, "big": big},
        on_view_change=lambda: None,
    )
    said = read(getattr(result, "view", None), len(pictures))
    return said[:4] if said and said[4] == start["stamp"] else (begin, picture, view, 0.0)


def read(view: Any, pictures: int) -> tuple[Gabor, int, str, float, str] | None:
    """What the browser says, if it is a state of the lab, else None."""
    try:
        gabor = Gabor(*(float(view[name]) for name in ("frequency", "theta", "sigma", "gamma", "phase")))
        shown = view["view"] if view["view"] in VIEWS else VIEWS[0]
        locked = float(view.get("locked", 0))
        at = min(max(0, int(view["picture"])), pictures - 1)
        return gabor, at, shown, locked if 0 < locked < np.inf else 0.0, str(view.get("stamp", ""))
    except (*UNFIT, RequestError):
        return None


def gaborbank(
    pictures: Mapping[str, np.ndarray],
    filters: Sequence[Gabor],
    directions: Gabor,
    *,
    big: bool = False,
    key: str = "gaborbank",
) -> Gabor | None:
    """The bank as a grid, filters down and pictures across; the filter whose kernel was just chosen, or None."""
    result = _bank(
        key=key,
        data={
            **_data(pictures),
            "filters": [asdict(gabor) for gabor in filters],
            "directions": asdict(directions),
            "big": big,
        },
        on_chosen_change=lambda: None,
    )
    chosen = getattr(result, "chosen", None)
    said = read({**chosen, "picture": 0, "view": ""}, 1) if isinstance(chosen, Mapping) else None
    return said[0] if said else None
