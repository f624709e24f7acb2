"""What a page shows, read from the tab as a person reads it: the network, the photo, controls, pictures, words."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from PIL import Image

from cnnviz.photo import Crop, Photo, samples
from cnnviz.ui.server import startup
from cnnviz.ui.session.photos import PIXELS
from cnnviz.ui.widgets.crop import WAYS
from cnnviz.ui.widgets.feedback import BEFORE
from tests.walk import photos
from tests.walk.components import told
from tests.walk.tab import Fault, Tab
from tests.walk.tree import Node
from tests.walk.widgets import ident, key, plain, proto

_TAGS = re.compile(r"<[^>]+>")
_STYLE = re.compile(r"<style>.*?</style>", re.S)
_IMG = re.compile(r"<img [^>]*>")


@dataclass(frozen=True)
class Picture:
    """An image on the page: its alternative text, and its pixels, uint8 (H, W, 3)."""

    alt: str
    pixels: np.ndarray


class Shown:
    """One look at a tab."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.page, self.params = tab.address[0], tab.params
        self.nodes = list(tab.page.nodes())
        self.widgets = {key(node): node for node in tab.controls() if key(node)}
        self._told: dict[str, dict[str, Any]] = {}
        self.presenting = "stage-next" in self.widgets

    def has(self, name: str) -> bool:
        return name in self.widgets

    def value(self, name: str) -> Any:
        """What a control shows; the only one of a group that is chosen. None where there is no such control."""
        node = self.widgets.get(name)
        state = None if node is None else self.tab.values.get(ident(node))
        found = None if state is None else plain(state)
        if node is not None and node.kind == "button_group":
            return found[0] if found else None
        if node is not None and node.kind == "slider" and isinstance(found, list) and len(found) == 1:
            return found[0]
        return found

    def told(self, name: str) -> dict[str, Any] | None:
        """What a component of that key is told."""
        node = self.widgets.get(name)
        if node is not None and name not in self._told:
            self._told[name] = told(node)
        return self._told.get(name)

    def alerts(self) -> list[str]:
        """The boxes that say something."""
        return [node.sent.alert.body for node in self.nodes if node.kind == "alert"]

    def markup(self) -> list[str]:
        """The page's own HTML, piece by piece."""
        return [_STYLE.sub("", node.sent.html.body) for node in self.nodes if node.kind == "html"]

    def text(self) -> str:
        """The words of the page's own HTML."""
        return html.unescape(_TAGS.sub(" ", " ".join(self.markup())))

    def old(self) -> bool:
        """Whether the page says that it shows something else than what is asked for: a refusal, a wait."""
        waits = any(node.kind in ("progress", "spinner", "skeleton") for node in self.nodes)
        errors = any(node.sent.alert.format == node.sent.alert.ERROR for node in self.nodes if node.kind == "alert")
        said = self.text()
        return waits or errors or any(words in said for words in (BEFORE, "This is the previous answer", "Stopped: "))

    # what everything is of

    @cached_property
    def net(self) -> str:
        """The key of the network, as the address has it."""
        known = self.params.get("model")
        keys = {row.key for row in startup.rows()}
        return known if known in keys else startup.first(startup.rows())

    def photo(self, before: str = "") -> Photo | None:
        """The photo whose button is pressed; the one of before where there are no buttons, None where nobody knows."""
        called = self.value("photo") or before
        found = None if not called else photo_called(called)
        return None if found is None else found.with_crop(self.crop())

    def crop(self) -> Crop:
        """How the controls say that photos fit the input of a network."""
        way = next((way for way, words in WAYS.items() if words == self.value("crop")), "centre")
        return float(self.value("crop-at") or 0) if way == "move" else way

    # pictures

    def pictures(self) -> list[Picture]:
        """Every image: Streamlit's, those in the page's HTML, and those of its components."""
        return [*self._images(), *self._inline(), *self._components()]

    def _images(self) -> Iterator[Picture]:
        for node in self.nodes:
            if node.kind == "imgs":
                for one in node.sent.imgs.imgs:
                    yield Picture(one.alt, decoded(self.tab.media(one.url)))

    def _inline(self) -> Iterator[Picture]:
        for tag in _IMG.findall(" ".join(self.markup())):
            source = re.search(r'src="(data:image/(?:jpeg|png)[^"]*)"', tag)
            alt = re.search(r'alt="([^"]*)"', tag)
            if source:
                yield Picture(html.unescape(alt[1]) if alt else "", at(source[1]))

    def _components(self) -> Iterator[Picture]:
        for name, node in self.widgets.items():
            if node.kind == "bidi_component" and '"src"' in proto(node).json:
                data = self.told(name) or {}
                if str(data.get("src", "")).startswith("data:image/"):
                    yield Picture(str(data.get("alt", "")), at(data["src"]))

    def shows(self, wanted: np.ndarray, what: str, named: str = "") -> None:
        """Raises `Fault` where no picture of the page is the one wanted, (H, W, 3), with that word in its text."""
        among(self.pictures(), wanted, what, named)


FAR = 5.0  # levels of 255: what an encoder may change


def among(pictures: list[Picture], wanted: np.ndarray, what: str, named: str = "") -> None:
    """Raises `Fault` where none of the pictures is the one wanted, with that word in its alternative text."""
    ratio = wanted.shape[1] / wanted.shape[0]
    alike = [p for p in pictures if abs(p.pixels.shape[1] / p.pixels.shape[0] - ratio) <= 0.06 * ratio + 0.02]
    found = sorted((distance(p.pixels, wanted), i) for i, p in enumerate(alike))
    near = [f"{far:.1f} ({alike[i].alt[:60]!r})" for far, i in found[:3]]
    if not found or found[0][0] > FAR:
        raise Fault(f"no picture is {what}: nearest {near or 'none of its shape'}")
    if not any(far <= FAR and named in alike[i].alt for far, i in found):
        raise Fault(f"alternative text: {what} is not called {named}: {near}")


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """How far two pictures are apart, in levels of 255: the mean over small patches, whatever their sizes."""
    height, width = min(a.shape[0], b.shape[0], 48), min(a.shape[1], b.shape[1], 48)
    return float(np.abs(_small(a, width, height) - _small(b, width, height)).mean())


def _small(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(pixels[..., :3], np.uint8))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), float)


def decoded(data: bytes) -> np.ndarray:
    """An encoded image as uint8 (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def at(url: str) -> np.ndarray:
    """The image in a data address."""
    return decoded(base64.b64decode(url.partition(",")[2]))


def numbers(text: str, kind: str = "<f4") -> np.ndarray:
    """Numbers as they travel to a component."""
    return np.frombuffer(base64.b64decode(text), kind)


def photo_called(called: str) -> Photo | None:
    """The photo that a button of the strip is called by; None for one that no walk knows."""
    name = re.sub(r" \(\d+\)$", "", re.sub(r"\\([^\w\s])", r"\1", called))  # as Markdown shows it
    for one in photos.SHAPES:
        if name == (one if len(one) <= 18 else f"{one[:10]}…{one[-7:]}"):
            return own_photo(one)
    return Photo.sample(name) if name in samples() else None


_OWN: dict[str, Photo] = {}


def own_photo(name: str) -> Photo:
    """One of the photos that a walk brings along, as the page keeps it."""
    if name not in _OWN:
        _OWN[name] = Photo.open(io.BytesIO(photos.file(name)[2]), name=name, pixels=PIXELS)
    return _OWN[name]


def query_of(url: str) -> tuple[str, str, dict[str, str]]:
    """The page, the query and its parameters of an address."""
    parts = urlsplit(url)
    return parts.path.strip("/"), parts.query, dict(parse_qsl(parts.query, keep_blank_values=True))


def code(shown: Shown, name: str) -> str | None:
    """The text that a copy button of that key holds."""
    data = shown.told(name)
    return None if data is None else str(data.get("text", ""))


def node_text(node: Node) -> str:
    """The label of a control."""
    return str(getattr(proto(node), "label", ""))
