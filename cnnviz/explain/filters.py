"""From a model and a layer to the climb: the net up to there, its canvas, and filter images as they lie on disk."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, closing

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.explain.ascent import Aim, Ascent
from cnnviz.explain.goal import responses
from cnnviz.explain.maximize import Climb, FilterEvent, FilterImage
from cnnviz.nets.cut import cut
from cnnviz.nets.zoo import Model
from cnnviz.photo import Photo, samples
from cnnviz.signal.receptive import Field, ReceptiveError, of_net
from cnnviz.store import Codec, Key, Store, read_only

PATCHES = 4  # of each sample photo
LOGITS = "logits"  # the name of the net's own output among its layers


def fields(net: nn.Module) -> Mapping[str, Field]:
    """The receptive field of every layer; none for a net whose structure cannot be read."""
    try:
        return of_net(net)
    except ReceptiveError:
        return {}


def climb(
    model: Model,
    layer: str,
    ascent: Ascent,
    fields: Mapping[str, Field],
    device: torch.device,
    turn: Callable[[], AbstractContextManager],
    keep: Callable[[Key, Callable[[], np.ndarray]], np.ndarray],
) -> Climb:
    """Where to climb for a layer of a model, "logits" for its classes. Raises `LayerError` for a layer not reached."""
    run = _whole(model) if layer == LOGITS else _up_to(model, layer)
    side = ascent.size or asked_side(fields.get(layer), min(model.input_size[1:]))

    def typical() -> Tensor:
        return torch.from_numpy(
            keep((layer, side, ascent.objective), lambda: spread(model, run, side, ascent, device)).copy()
        )

    return Climb(run, layer, model.preprocess.mean, model.preprocess.std, side, device, typical, turn)


def asked_side(field: Field | None, most: int) -> int:
    """The side of the canvas in px that a receptive field asks for, at most that of the net's own input.

    Most of a large field is blind (Luo, Li, Urtasun, Zemel, 2016), so it need not fit the canvas as a whole; a small
    one gets room for several of its patterns.
    """
    if field is None or field.whole or field.gated:
        return most
    return min(most, 16 * -(-round(0.4 * field.size + 48) // 16))


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
            image = store.get(key, _absent, personal=personal, codec=ON_DISK)
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
    about = json.dumps([image.layer, image.aim.terms, image.before, image.value])
    arrays = {"picture": image.picture, "start": image.start, "curve": image.curve, "frames": image.frames}
    return {**arrays, "about": np.frombuffer(about.encode(), np.uint8)}


def _unpack(arrays: Mapping[str, np.ndarray]) -> FilterImage:
    layer, terms, before, value = json.loads(bytes(arrays["about"]))
    picture, start, curve, frames = (read_only(arrays[name]) for name in ("picture", "start", "curve", "frames"))
    aim = Aim(tuple((int(channel), float(weight)) for channel, weight in terms))
    return FilterImage(layer, aim, picture, start, curve, before, value, frames)


ON_DISK = Codec(_pack, _unpack)
ARRAY = Codec(lambda array: {"array": array}, lambda arrays: arrays["array"])
