"""From a model and a layer to the climb: the net up to there, its canvas, and filter images as they lie on disk."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.explain import sheet
from cnnviz.explain.ascent import Aim, Ascent
from cnnviz.explain.atlas import shipped
from cnnviz.explain.canvas import Canvas
from cnnviz.explain.goal import responses
from cnnviz.explain.maximize import FilterEvent, FilterImage, maximize
from cnnviz.explain.patches import Patches, patches
from cnnviz.explain.start import Climb
from cnnviz.explain.tuning import Tuning, tuning
from cnnviz.nets.cut import cut
from cnnviz.nets.tap import tap
from cnnviz.nets.zoo import Model
from cnnviz.options import RequestError, flat
from cnnviz.photo import Photo, samples
from cnnviz.signal.receptive import Field, ReceptiveError, of_net
from cnnviz.store import Codec, Key, Store, read_only

PATCHES = 4  # of each sample photo
LOGITS = "logits"  # the name of the net's own output among its layers


@dataclass(frozen=True)
class Wanted:
    """What filter images are asked of: a model and its exact identity, a layer or "logits", and how they are grown.

    `photo` is where they begin, or None, and `seen` its pixels as the net sees them, uint8 (H, W, 3).
    """

    model: Model
    ident: Key
    layer: str
    ascent: Ascent = Ascent()  # noqa: RUF009, frozen
    photo: Photo | None = None
    seen: np.ndarray | None = None


def events(
    wanted: Wanted,
    channels: Iterable[int | Aim],
    store: Store,
    device: torch.device,
    turn: Callable[[], AbstractContextManager],
) -> Generator[FilterEvent]:
    """The steps of each image, those that are remembered first and whole; new ones are kept in the store.

    Raises `RequestError` at once for a layer that is not there or never reached, or a start without its photo.
    """
    model, layer, ascent = wanted.model, wanted.layer, wanted.ascent
    if (ascent.start == "photo") != (wanted.photo is not None):
        raise RequestError("Give a photo together with start='photo', or neither.")
    run = _whole(model) if layer == LOGITS else _up_to(model, layer)
    field = store.get((*wanted.ident, "fields"), lambda: fields(model.net)).get(layer)
    side = ascent.size or asked_side(field, min(model.input_size[1:]))

    def typical() -> Tensor:
        key = (*wanted.ident, "spread", layer, side, ascent.objective)
        found = store.get(key, lambda: spread(model, run, side, ascent, device), codec=ARRAY)
        return torch.from_numpy(found.copy())

    mean, std = model.preprocess.mean, model.preprocess.std
    where = Climb(run, layer, mean, std, side, device, typical, turn)
    if layer != LOGITS:
        where = replace(where, some=cut(model.net, layer).some)
    base = None if wanted.seen is None else squared(wanted.seen, side)
    ident = (*wanted.ident, "filter", layer, side, flat(ascent), wanted.photo and wanted.photo.digest)
    personal = wanted.photo is not None and wanted.photo.personal

    def find(aim: Aim) -> FilterImage | None:
        return shipped(model, layer, aim, ascent) if base is None else None

    return remembered(store, ident, channels, ascent, personal, find, lambda aims: maximize(where, aims, ascent, base))


def fields(net: nn.Module) -> Mapping[str, Field]:
    """The receptive field of every layer; none for a net whose structure cannot be read."""
    try:
        return of_net(net)
    except ReceptiveError:
        return {}


def widths(model: Model, names: Sequence[str], kinds: Mapping[str, str], device: torch.device) -> dict[str, int]:
    """How many channels each layer of `names` that learns something has, and the classes, if there are any."""
    chosen = sheet.layers(names, kinds)
    with torch.inference_mode():
        _, maps = tap(model.net, torch.zeros(1, *model.input_size, device=device), chosen)
    found = {name: one.shape[1] for name, one in maps.items() if one.ndim == 4}
    return {**found, LOGITS: len(model.labels)} if model.labels else found


def asked_side(field: Field | None, most: int) -> int:
    """The side of the canvas in px that a receptive field asks for, at most that of the net's own input.

    Most of a large field is blind (Luo, Li, Urtasun, Zemel, 2016), so it need not fit the canvas as a whole; a small
    one gets room for several of its patterns.
    """
    if field is None or field.whole or field.gated:
        return most
    return min(most, 16 * -(-round(0.4 * field.size + 48) // 16))


def tuned(wanted: Wanted, store: Store, device: torch.device, turn: Callable[[], AbstractContextManager]) -> Tuning:
    """The tuning of a layer, asked once for ever."""
    model, layer = wanted.model, wanted.layer
    run = _whole(model) if layer == LOGITS else _up_to(model, layer)
    field = store.get((*wanted.ident, "fields"), lambda: fields(model.net)).get(layer)
    side = asked_side(field, min(model.input_size[1:]))
    canvas = Canvas("pixel", model.preprocess.mean, model.preprocess.std)

    def ask() -> Tuning:
        with turn():
            return tuning(layer, run, lambda x: canvas.net_units(x.to(device)), len(canvas.mean), side)

    return store.get((*wanted.ident, "tuning", layer, side), ask, codec=CURVES)


def outstanding(
    wanted: Wanted,
    photos: Sequence[Path | Photo],
    store: Store,
    device: torch.device,
    turn: Callable[[], AbstractContextManager],
    told: Callable[[float], None],
) -> Patches:
    """The places in photos that each channel of a layer answers most to, asked once for the same photos."""
    model, layer = wanted.model, wanted.layer
    run = _up_to(model, layer)
    field = store.get((*wanted.ident, "fields"), lambda: fields(model.net)).get(layer)

    def one(x: Tensor) -> Tensor:
        with turn():
            return run(x.to(device))

    stamps = tuple((str(p), p.stat().st_mtime_ns) if isinstance(p, Path) else p.digest for p in photos)
    key = (*wanted.ident, "patches", layer, stamps)
    personal = any(isinstance(photo, Photo) and photo.personal for photo in photos)
    return store.get(key, lambda: patches(layer, one, model.preprocess, field, photos, told), personal=personal)


def spread(
    model: Model, run: Callable[[Tensor], Tensor], side: int, ascent: Ascent, device: torch.device
) -> np.ndarray:
    """How much the sample photos move each channel at a layer: the deviation of its response, float32 (K,)."""
    with torch.no_grad():
        found = [responses(run(x.to(device)), ascent) for x in _patches(model, side).split(8)]
    deviation = torch.cat(found).std(0)
    return (deviation + 0.05 * deviation.mean() + 1e-6).float().cpu().numpy().copy()


def _patches(model: Model, side: int) -> Tensor:
    """Random squares of the sample photos as the net sees them, (N, C, side, side)."""
    place, squares = np.random.default_rng(0), []
    for name in samples():
        pixels = Photo.sample(name).pixels
        zoom = max(side, 1.25 * min(model.input_size[1:])) / min(pixels.shape[:2])
        size = tuple(max(side, round(length * zoom)) for length in pixels.shape[1::-1])
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
        if model.preprocess.channels == 1:
            pixels = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
        for _ in range(PATCHES):
            top, left = (int(place.integers(0, length - side + 1)) for length in pixels.shape[:2])
            squares.append(model.preprocess.tensor(pixels[top : top + side, left : left + side]))
    return torch.cat(squares)


def squared(seen: np.ndarray, side: int) -> np.ndarray:
    """The middle square of pixels uint8 (H, W, 3) at a canvas's side."""
    height, width = seen.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = seen[top : top + short, left : left + short]
    return cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if short > side else cv2.INTER_LINEAR)


def remembered(
    store: Store,
    ident: Key,
    channels: Iterable[int | Aim],
    ascent: Ascent,
    personal: bool,
    find: Callable[[Aim], FilterImage | None],
    grow: Callable[[list[Aim]], Generator[FilterEvent]],
) -> Generator[FilterEvent]:
    """The last event of every image that is remembered, then those of growing the others, each kept when it is done."""
    aims = [Aim.of(channel) for channel in channels]
    copies: Counter[Aim] = Counter()
    missing: list[Aim] = []
    keys: list[tuple[Aim, Key]] = []
    crowd = tuple(aims) if ascent.diversity else ()  # pictures that are kept apart depend on each other
    for aim in aims:
        key = (*ident, aim, copies[aim], crowd)
        copies[aim] += 1
        try:
            first = copies[aim] == 1  # another of the same channel begins elsewhere
            image = (find(aim) if first else None) or store.get(key, _absent, personal=personal, codec=ON_DISK)
        except _AbsentError:
            missing.append(aim)
            keys.append((aim, key))
            continue
        yield FilterEvent(image.layer, aim, ascent.steps, ascent.steps, image.value, image.picture, image)
    with closing(grow(missing)) as events:
        for event in events:
            if (image := event.image) is not None:
                at = next(i for i, (aim, _) in enumerate(keys) if aim == event.aim)
                store.get(keys.pop(at)[1], functools.partial(_same, image), personal=personal, codec=ON_DISK)
            yield event


def _same(image: FilterImage) -> FilterImage:
    return image


class _AbsentError(LookupError):
    """Nothing is remembered under a key."""


def _absent() -> FilterImage:
    raise _AbsentError


def _up_to(model: Model, layer: str) -> Callable[[Tensor], Tensor]:
    trunk = cut(model.net, layer).trunk
    return lambda x: trunk(x)[0]


def _whole(model: Model) -> Callable[[Tensor], Tensor]:
    """The logits (N, classes); of a single one, both sides: as much as it speaks for the second, against the first."""
    if not model.single_logit:
        return model.net
    return lambda x: (lambda logit: torch.cat([-logit, logit], 1))(model.net(x))


def _pack(image: FilterImage) -> dict[str, np.ndarray]:
    about = json.dumps([image.layer, image.aim.terms, image.before, image.value, len(image.frames)])
    _, strip = cv2.imencode(".webp", np.concatenate(image.frames)[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 85])
    arrays = {"picture": image.picture, "start": image.start, "curve": image.curve, "strip": strip}
    return {**arrays, "about": np.frombuffer(about.encode(), np.uint8)}


def _unpack(arrays: Mapping[str, np.ndarray]) -> FilterImage:
    layer, terms, before, value, count = json.loads(bytes(arrays["about"]))
    strip = cv2.imdecode(arrays["strip"], cv2.IMREAD_COLOR)
    if strip is None:
        raise ValueError("The strip of frames is damaged.")
    frames = strip[..., ::-1].reshape(count, -1, strip.shape[1], 3)  # (F*h, w, 3) -> (F, h, w, 3)
    aim = Aim(tuple((int(channel), float(weight)) for channel, weight in terms))
    picture, start, curve = (read_only(arrays[name]) for name in ("picture", "start", "curve"))
    return FilterImage(layer, aim, picture, start, curve, before, value, read_only(frames))


ON_DISK = Codec(_pack, _unpack)
ARRAY = Codec(lambda array: {"array": array}, lambda arrays: arrays["array"])
CURVES = Codec(
    lambda found: {**{k: v for k, v in vars(found).items() if k != "layer"}, "name": np.array(found.layer)},
    lambda arrays: Tuning(str(arrays["name"]), **{k: read_only(v) for k, v in arrays.items() if k != "name"}),
)
