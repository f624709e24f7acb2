"""A map of images: thumbnails at their places in a plane, to pan and zoom in, to select from, to find neighbours in.

What is large travels as files that the browser fetches when it needs them: the points once, and sheets of thumbnails
when one of them is in view.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from streamlit.runtime import get_instance

from cnnviz.data import atlas
from cnnviz.ui.components.imagemap import detail
from cnnviz.ui.components.shared import encode, joiner, told
from cnnviz.ui.components.shared.subject import subject

HERE = Path(__file__).parent
NONE = 65535  # the class of what has no prediction
LAST = 1e15  # of a turn, which is a time in ms
_map = st.components.v2.component(
    "cnnviz_imagemap", js=joiner.script(HERE / "index.js"), css=joiner.sheet(joiner.SHEET, HERE / "style.css")
)


@dataclass(frozen=True)
class ImageMap:
    """A map made ready for the browser: `order` is how its images are counted there, `points` and `sheets` its files.

    `subject` tells it from other maps; `low` and `scale` lead from coordinates of the plane to 0..1 on the map.
    """

    subject: str
    order: np.ndarray
    head: dict[str, Any]
    sheets: tuple[bytes, ...]
    low: np.ndarray
    scale: float

    def at(self, places: np.ndarray) -> np.ndarray:
        """Where coordinates (N, 2) lie on the map, 0..1 to the right and downwards."""
        laid: np.ndarray = (np.asarray(places, np.float64) - self.low) * self.scale
        return np.stack([laid[:, 0], 1 - laid[:, 1]], 1)


@dataclass(frozen=True)
class Predicted:
    """What images were predicted as: an index of `called` for each (N,), and its probability (N,).

    `wrong` (N,) are those that are not of the image's own class; None where that cannot be told.
    """

    classes: np.ndarray
    probabilities: np.ndarray
    called: Sequence[str]
    wrong: np.ndarray | None


@dataclass(frozen=True)
class Own:
    """A photo of the visitor's: its name, its thumbnail as an address, and its coordinates in the plane."""

    name: str
    source: str
    place: tuple[float, float]


def made(
    name: str,
    places: np.ndarray,
    files: Sequence[str],
    classes: Sequence[str],
    labels: Sequence[int],
    small: np.ndarray,
    words: str,
    predicted: Predicted | None = None,
) -> ImageMap:
    """The map of images at `places` (N, 2) of a plane, with their printable files, classes and thumbnails.

    `small` is uint8 (N, s, s, 3); `words` say what the axes are. `name` begins the name of what is downloaded.
    """
    places = np.asarray(places, np.float64)
    low, high = places.min(0), places.max(0)
    side = float((high - low).max()) or 1.0
    low = low - (side - (high - low)) / 2  # the shorter way in the middle
    laid = ImageMap("", np.empty(0), {}, (), low, 1 / side).at(places)
    level = detail.levels(laid)
    order = detail.order(laid, level)
    head = {
        "name": name, "words": words, "classes": list(classes), "files": "\n".join(files[i] for i in order),
        "x": encode.floats(laid[order, 0]), "y": encode.floats(laid[order, 1]),
        "labels": encode.text(np.asarray(labels)[order], "<u2"), "ends": detail.ends(level), "first": detail.FIRST,
        "step": detail.STEP, "side": atlas.SIDE, "across": atlas.ACROSS, "judged": False,
    }  # fmt: skip
    if predicted is not None:
        head |= {
            "predicted": encode.text(np.asarray(predicted.classes)[order], "<u2"), "called": list(predicted.called),
            "probabilities": encode.text(np.rint(255 * np.asarray(predicted.probabilities))[order]),
            "judged": predicted.wrong is not None,
            "wrong": "" if predicted.wrong is None else encode.text(np.asarray(predicted.wrong)[order]),
        }  # fmt: skip
    return ImageMap(subject(head, small), order, head, atlas.sheets(small[order]), low, 1 / side)


def imagemap(
    key: str, shown: ImageMap, alt: str, near: tuple[int, str, Sequence[tuple[int, float]]] | None = None,
    own: Own | None = None, big: bool = False,
) -> None:  # fmt: skip
    """Draws the map; `opened` tells which image was opened in it.

    `near` are neighbours with their similarity, of an image or, with -1, of the visitor's `own` photo of that name.
    """
    place = {int(i): at for at, i in enumerate(shown.order)}
    data: dict[str, Any] = {
        "subject": shown.subject, "base": _base(), "points": _points(key, shown), "alt": alt, "big": big,
        "count": len(shown.order), "near": None, "own": None,
    }  # fmt: skip
    if near is not None:
        of, name, found = near
        listed = [[place[int(i)], round(float(cosine), 4)] for i, cosine in found]
        data["near"] = {"of": place.get(of, -1), "name": name, "list": listed}
    if own is not None:
        (x, y) = shown.at(np.array([own.place]))[0].tolist()
        data["own"] = {"name": own.name, "src": own.source, "x": x, "y": y}
    _map(key=key, data=data, on_opened_change=lambda: None)


def opened(key: str, shown: ImageMap) -> tuple[int | None, float]:
    """The image that was opened in the map `key`, if it is this map, counted as `made` was given them; None for none.

    With it comes a number that is another each time that one is opened.
    """
    said = (st.session_state.get(key) or {}).get("opened")
    if not isinstance(said, dict) or said.get("subject") != shown.subject:
        return None, 0.0
    try:
        turn = told.share(said.get("turn"), 0, LAST)
    except told.UNFIT:
        return None, 0.0
    index = told.whole(said.get("index"), 0, len(shown.order) - 1)
    return (None, 0.0) if index is None else (int(shown.order[index]), turn)


def _points(key: str, shown: ImageMap) -> str:
    """The address of the file of points, in which those of the sheets stand: there as long as the map is shown."""
    files = get_instance().media_file_mgr
    sheets = [files.add(sheet, "image/jpeg", f"{key}-{place}") for place, sheet in enumerate(shown.sheets)]
    return files.add(json.dumps({**shown.head, "sheets": sheets}).encode(), "application/json", f"{key}-points")


def _base() -> str:
    """What stands before the address of a file where the dashboard is served below a path."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""
