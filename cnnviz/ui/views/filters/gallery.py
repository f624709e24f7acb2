"""The filter gallery: what a request is, its job, and what has grown so far."""

from __future__ import annotations

import io
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from cnnviz import picture
from cnnviz.feature_vis import sheet
from cnnviz.feature_vis.recipes import Ascent, written
from cnnviz.models.catalog import UPLOAD
from cnnviz.options import knobs
from cnnviz.script import PHOTO, Name, call, script
from cnnviz.ui.server.jobs import JOBS, Job
from cnnviz.ui.session.visit import connected, visit_id
from cnnviz.ui.shell import activity
from cnnviz.ui.widgets import controls

if TYPE_CHECKING:
    from cnnviz.feature_vis.maximize import FilterEvent, FilterImage
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

STEPS = 96  # pictures kept of each filter's way
SIZES = (0, 28, 48, 64, 80, 96, 112, 128, 160, 192, 224, 299, 384, 512)
FIRST = ("steps", "rate", "size", "seed", "jitter", "canvas")  # the knobs that are seen at once


@dataclass(frozen=True)
class Request:
    """What a gallery shows; equal requests are the same job."""

    model: str
    fingerprint: str
    layer: str
    channels: tuple[int, ...]
    ascent: Ascent
    photo: str | None = None  # digest of the one it starts from
    owner: str = ""  # the visit whose own photo or network that is


@dataclass
class Track:
    """One filter while it grows: its newest picture, the objective so far, pictures of the way as JPEG and after which
    step each was.
    """

    picture: np.ndarray | None = None
    start: np.ndarray | None = None
    values: list[float] = field(default_factory=list)
    way: list[bytes] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    image: FilterImage | None = None

    def whole(self) -> list[bytes]:
        """The way with the picture before any step, as JPEG."""
        return self.way if self.start is None else [picture.encode(self.start, "jpeg", 85), *self.way]


class Gallery:
    """The shelf of a gallery's job: a track for each channel. Safe to read while it fills."""

    def __init__(self, channels: Sequence[int], steps: int) -> None:
        self.tracks = {channel: Track() for channel in channels}
        self.every, self.total = max(1, -(-steps // STEPS)), len(channels) * steps
        self.done = self.worked = 0
        self._lock = threading.Lock()

    def lay(self, event: FilterEvent) -> None:
        """Keep an event's picture."""
        with self._lock:
            track = self.tracks[event.aim.terms[0][0]]
            track.picture = event.picture
            track.values.append(event.value)
            if event.image is None:
                self.done, self.worked = self.done + 1, self.worked + 1
                if event.step % self.every == 0:
                    track.way.append(picture.encode(event.picture, "jpeg", 85))
                    track.steps.append(event.step)
                return
            self.done += event.steps - event.step + (1 if track.way else event.steps)
            track.image, track.start = event.image, event.image.start
            track.values = event.image.curve.tolist()
            if not track.way:  # remembered: a few frames from the first step to the last, which is the picture itself
                frames = event.image.frames
                after = (1 + np.linspace(0, event.steps - 1, len(frames)).round().astype(int)).tolist()
                kept = [i for i in range(len(frames) - 1) if i or not np.array_equal(frames[0], track.start)]
                track.way = [picture.encode(frames[i], "jpeg", 85) for i in kept]
                track.steps = [after[i] for i in kept]
            track.way, track.steps = (
                [*track.way, picture.encode(event.picture, "jpeg", 95)],
                [*track.steps, event.steps],
            )

    @property
    def begun(self) -> bool:
        """Whether there is any picture yet."""
        return any(track.picture is not None for track in self.tracks.values())

    def share(self) -> float:
        """How much is done, 0..1."""
        return min(1.0, self.done / self.total)

    def pace(self) -> tuple[int, int]:
        """Steps worked, not merely remembered, and steps to come."""
        return self.worked, self.total - self.done

    def tiles(self, side: int, columns: int, ground: Sequence[int] = (255,) * 3) -> np.ndarray:
        """All newest pictures side by side, uint8 (h, w, 3); what has not begun is gray."""
        empty = np.full((side, side, 3), 128, np.uint8)
        with self._lock:
            now = [empty if track.picture is None else track.picture for track in self.tracks.values()]
        return sheet.contact_sheet(now, columns, gap=2, side=side, ground=ground)


def job(engine: Engine, request: Request, photo: Photo | None, view: Mapping[str, str] | None = None) -> Job:
    """The job that grows a request, started where nobody has asked for it yet; `view` is what a link to it holds."""

    def make() -> Generator[FilterEvent]:
        layer = None if request.layer == "logits" else request.layer
        return engine.filters(request.model, layer, request.channels, request.ascent, photo)

    title = ""
    if JOBS.get(request) is None:
        model, many, one = engine.model(request.model), len(request.channels), request.channels[0]
        if request.layer == "logits":
            what = f"{many} class images" if many > 1 else f"The image of {model.labels[one]}"
        else:
            what = f"{many} filters of {request.layer}" if many > 1 else f"Filter {one} of {request.layer}"
        title = f"{what}, {model.title}"
    activity.asked(request)
    shelf = lambda: Gallery(request.channels, request.ascent.steps)  # noqa: E731
    return JOBS.ask(request, title, shelf, make, request.owner, view, visit_id())


def only(*wanted: Request) -> None:
    """Leave what the page showed before, beside another image too, and not now; what is done is remembered."""
    before: tuple[Request, ...] = st.session_state.get("_gallery_shown", ())
    st.session_state["_gallery_shown"] = wanted
    for request in before:
        if request not in wanted:
            JOBS.leave(request, visit_id(), connected)


def owner(photo: Photo | None, key: str) -> str:
    """The visit that a person's own photo or network belongs to; what is made of it goes when the visit ends."""
    return _visit() if (photo is not None and photo.personal) or key.startswith(UPLOAD) else ""


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda visit: JOBS.forget_personal(visit))
def _visit() -> str:
    return visit_id()


def asked_knobs(recipe: Ascent, prefix: str, names: Sequence[str]) -> dict[str, Any]:
    """A linked widget for each of these knobs, standing where the recipe has it; the values set."""
    values: dict[str, Any] = {}
    for k in knobs(Ascent):
        if k.name not in names:
            continue
        key, label, default = f"{prefix}-{k.name}", k.label, getattr(recipe, k.name)
        if k.name == "size":
            options = sorted({*SIZES, default or 0})
            words = lambda n: f"{n} px" if n else "set by the layer"  # noqa: E731
            values["size"] = (
                controls.pick(label, key, options, default or 0, parse=int, words=words, help=k.help) or None
            )
        elif k.kind is bool:
            values[k.name] = controls.tick(label, key, default, help=k.help)
        elif k.choices:
            values[k.name] = controls.pick(label, key, list(k.choices), default, help=k.help)
        else:
            high = min(k.high or 100, LIMITS.get(k.name, k.high or 100))
            step = k.step or (1 if k.kind is int else round(high / 100, 4))
            values[k.name] = controls.slide(
                label, key, k.kind(k.low or 0), k.kind(max(high, default)), k.kind(default), k.kind(step), help=k.help
            )
    return values


def with_knobs(recipe: Ascent, values: dict[str, Any]) -> Ascent:
    """The recipe with these knobs turned; what a slider rounded stays the recipe's own."""
    near = {
        name: value
        for name, value in values.items()
        if not (isinstance(value, float) and abs(value - getattr(recipe, name)) < 1e-6)
    }
    return replace(recipe, **near)


def decoded(way: Sequence[bytes]) -> list[np.ndarray]:
    """The pictures of a way, uint8 (H, W, 3), all as large as the last."""
    stills = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in way]
    return [sheet.fitted(still, len(stills[-1])) for still in stills]


def python(request: Request, opening: str) -> str:
    """The lines that grow the same pictures in a notebook."""
    layer = None if request.layer == "logits" else request.layer
    given = [request.model, layer, [*request.channels], Name("ascent"), *([PHOTO] if request.photo else [])]
    return script(
        f"ascent = cnnviz.{written(request.ascent)}",
        f"for event in {call('engine.filters', *given)}:",
        "    if event.image is not None:",
        "        print(event.aim, event.value, event.image.picture.shape)",
        engine=True,
        opening=opening if request.photo else "",
    )


LIMITS: dict[str, float] = {"steps": 512, "seed": 99, "rate": 2.0, "tv": 2.0, "diversity": 4.0}
