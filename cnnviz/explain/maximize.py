"""Pictures that a channel answers most to, grown by gradient ascent.

Erhan, Bengio, Courville, Vincent, 2009, Visualizing higher-layer features of a deep network. The net runs only up to
the wanted layer, its weights stay frozen, and nothing is hooked: one step is one forward and one backward to the
picture.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from cnnviz.explain.ascent import Aim, Ascent
from cnnviz.explain.canvas import Canvas
from cnnviz.explain.goal import Goal, responses, slope, weights
from cnnviz.explain.shake import shake
from cnnviz.options import RequestError
from cnnviz.store import read_only

FRAMES = 16  # pictures kept of the way, for a scrubber
THUMB = 64  # px, the side of each
SMALLEST = 24  # px, the first canvas of a coarse start
AT_ONCE = 64 * 224 * 224  # pixels in one batch on a GPU


class AscentError(RequestError):
    """A layer or channel that cannot be maximised."""


@dataclass(frozen=True)
class FilterImage:
    """The picture a channel answers most to.

    picture  uint8 (H, W, 3);  start  uint8 (H, W, 3), the picture before the first step
    curve    float32 (steps,), the objective as each step saw it
    before, value  the objective of `start` and of `picture`, both as they are shown
    frames   uint8 (F, h, w, 3), small pictures of the way, evenly spaced
    """

    layer: str
    aim: Aim
    picture: np.ndarray
    start: np.ndarray
    curve: np.ndarray
    before: float
    value: float
    frames: np.ndarray

    @property
    def dead(self) -> bool:
        """Whether no picture was found that the channel answers to."""
        return self.value <= 0 and self.value <= self.before


@dataclass(frozen=True)
class FilterEvent:
    """One step of one picture: `value` is the objective that this step saw, `picture` uint8 (h, w, 3) what it made.

    The last event of a picture carries the `image`; in one that was remembered it is the only one.
    """

    layer: str
    aim: Aim
    step: int
    steps: int
    value: float
    picture: np.ndarray
    image: FilterImage | None = None


@dataclass(frozen=True)
class Climb:
    """Where to climb: the net up to a layer, its normalisation, the side in px, the device, the line to wait in.

    `some(channels)` gives what computes these channels alone, or None where that saves nothing.
    """

    trunk: Callable[[Tensor], Tensor]  # (N, C, H, W) -> maps (N, K, h, w) or logits (N, K)
    layer: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    side: int
    device: torch.device
    typical: Callable[[], Tensor]  # how much natural pictures move each channel, (K,); asked only where that matters
    turn: Callable[[], AbstractContextManager] = nullcontext
    some: Callable[[Sequence[int]], Callable[[Tensor], Tensor] | None] = lambda channels: None


def maximize(
    where: Climb, aims: Sequence[Aim], ascent: Ascent, photo: np.ndarray | None = None
) -> Generator[FilterEvent]:
    """The steps of each aim's picture, batch after batch; close it at any step. `photo` is uint8 (side, side, 3).

    Raises `AscentError` before the first step where the layer cannot be maximised at this size.
    """
    sides, width = _canvases(where, ascent)
    for aim in aims:
        if wrong := [channel for channel, _ in aim.terms if not 0 <= channel < width]:
            raise AscentError(f"Layer {where.layer!r} has channels 0 to {width - 1}; {wrong[0]} is not one of them.")
    copies: Counter[Aim] = Counter()
    numbered = []
    for aim in aims:
        numbered.append((aim, copies[aim]))
        copies[aim] += 1
    waiting = deque(_batches(numbered, where, ascent))
    while waiting:
        batch = waiting.popleft()
        try:
            yield from _grow(where, batch, ascent, sides, width, photo)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            torch.cuda.empty_cache()
            waiting.extendleft((batch[len(batch) // 2 :], batch[: len(batch) // 2]))


def _grow(
    where: Climb,
    batch: list[tuple[Aim, int]],
    ascent: Ascent,
    sides: list[int],
    width: int,
    photo: np.ndarray | None,
) -> Generator[FilterEvent]:
    canvas = Canvas(ascent.canvas, where.mean, where.std, ascent.decorrelate, ascent.clip)
    aims = [aim for aim, _ in batch]
    shaking = torch.Generator().manual_seed(ascent.seed)
    kept = set(np.linspace(0, ascent.steps - 1, min(FRAMES, ascent.steps)).round().astype(int).tolist())
    frames: list[list[np.ndarray]] = [[] for _ in batch]
    curves: list[list[float]] = [[] for _ in batch]

    def judged(pictures: np.ndarray) -> list[float]:
        """The objective of pictures as they are shown."""
        with torch.no_grad():
            x = torch.from_numpy(pictures[..., : len(where.mean)].copy()).to(where.device).permute(0, 3, 1, 2) / 255
            return (responses(trunk(canvas.net_units(x)), ascent) * goal.weights).sum(1).tolist()

    with _working(where):
        typical = where.typical() if ascent.focus else torch.ones(width)
        goal = Goal(weights(aims, width).to(where.device), typical.to(where.device), aims)
        trunk, goal = _narrowed(where, goal, ascent)
        first = None
        if photo is not None:
            first = torch.from_numpy(photo[..., : len(where.mean)].copy()).permute(2, 0, 1) / 255  # -> (C, side, side)
        parts = [
            canvas.blank(1, where.side, ascent.seed + copy, ascent.start, ascent.noise, first) for _, copy in batch
        ]
        parameters = torch.cat(parts).to(where.device)
        starts = _pixels(canvas.shown(canvas.paint(parameters)))
        if sides[0] != where.side:
            parameters = canvas.grown(parameters, sides[0])
    done = 0
    for stage, side in enumerate(sides):
        steps = ascent.steps * (stage + 1) // len(sides) - ascent.steps * stage // len(sides)
        if stage:
            parameters = canvas.grown(parameters, side)
        walk = _Adam(parameters, ascent) if ascent.step == "adam" else None
        for i in range(steps):
            with _working(where), torch.enable_grad():
                leaf = parameters.detach().requires_grad_()
                seen = canvas.paint(leaf)
                values, rise = slope(trunk, seen, goal, ascent, shake(ascent, shaking))
                (gradient,) = torch.autograd.grad(seen, leaf, rise)
                with torch.no_grad():
                    rate = ascent.rate * (1 - 0.8 * i / steps)
                    moved = walk(leaf, gradient) if walk else _normalised(canvas, leaf, gradient, rate, ascent.decay)
                    parameters = canvas.bounded(moved)
                    pictures = _pixels(canvas.shown(canvas.paint(parameters)))
                    scores: list[float] = values.tolist()
            done += 1
            for n, aim in enumerate(aims):
                curves[n].append(scores[n])
                if done - 1 in kept:
                    frames[n].append(_small(pictures[n]))
                if done < ascent.steps:
                    yield FilterEvent(where.layer, aim, done, ascent.steps, scores[n], pictures[n])
    with _working(where):
        before, after = judged(starts), judged(pictures)
    for n, aim in enumerate(aims):
        curve = np.array(curves[n], np.float32)
        image = FilterImage(
            where.layer, aim, pictures[n], starts[n], read_only(curve), before[n], after[n],
            read_only(np.stack(frames[n])),
        )  # fmt: skip
        yield FilterEvent(where.layer, aim, ascent.steps, ascent.steps, after[n], pictures[n], image)


def _narrowed(where: Climb, goal: Goal, ascent: Ascent) -> tuple[Callable[[Tensor], Tensor], Goal]:
    """The net up to the layer and the goal there; only for the channels aimed at, if no other one has a say."""
    aimed = goal.weights.any(0).nonzero().flatten().tolist()
    if ascent.focus or ascent.diversity or 2 * len(aimed) > goal.weights.shape[1]:
        return where.trunk, goal
    some = where.some(aimed)
    if some is None:
        return where.trunk, goal
    return some, Goal(goal.weights[:, aimed], goal.typical[aimed], goal.aims)


def _normalised(canvas: Canvas, parameters: Tensor, gradient: Tensor, rate: float, decay: float) -> Tensor:
    """The parameters one step up a gradient of unit length, so that a pixel moves by `rate` in the root mean square."""
    gradient = gradient / gradient.flatten(1).abs().amax(1).clamp_min(1e-37).view(-1, *[1] * (gradient.ndim - 1))
    length = canvas.length(gradient).clamp_min(1e-20)
    return parameters * (1 - decay) + rate / length.view(-1, *[1] * (gradient.ndim - 1)) * gradient


@contextmanager
def _working(where: Climb) -> Iterator[None]:
    """A place at the device, in ordinary mode whatever the mode of the caller."""
    with where.turn(), torch.inference_mode(False):
        yield


class _Adam:
    """Adam up a gradient (Kingma, Ba, 2015), torch's own, remembering between steps."""

    def __init__(self, parameters: Tensor, ascent: Ascent) -> None:
        self.leaf = parameters.clone().requires_grad_()
        self.optimizer = torch.optim.Adam([self.leaf], lr=ascent.rate, weight_decay=ascent.decay)

    def __call__(self, parameters: Tensor, gradient: Tensor) -> Tensor:
        """The parameters after one step from `parameters`."""
        self.leaf.copy_(parameters)
        self.leaf.grad = -gradient
        self.optimizer.step()
        return self.leaf.detach().clone()


def _batches(numbered: list, where: Climb, ascent: Ascent) -> list[list]:
    """The aims in batches: one at a time on a CPU, where more would bring nothing; copies to be kept apart together."""
    if ascent.diversity:
        groups: dict[Aim, list] = {}
        for item in numbered:
            groups.setdefault(item[0], []).append(item)
        return list(groups.values())
    many = 1 if where.device.type == "cpu" else max(1, AT_ONCE // where.side**2)
    return [numbered[i : i + many] for i in range(0, len(numbered), many)]


def _canvases(where: Climb, ascent: Ascent) -> tuple[list[int], int]:
    """Sides of the canvases, coarse ones first, and the number of channels at the layer.

    Raises `AscentError` where the last canvas is no input for the layer or leaves it a single position.
    """
    with _working(where):
        maps = _run(where, where.side)
        if isinstance(maps, str):
            raise AscentError(f"Layer {where.layer!r} does not run on {where.side} px ({maps}); choose another size.")
        if maps.ndim not in (2, 4):
            raise AscentError(
                f"Layer {where.layer!r} puts out {tuple(maps.shape[1:])}; choose one with maps or logits."
            )
        if _lone(maps) and isinstance(larger := _run(where, 2 * where.side), Tensor) and not _lone(larger):
            raise AscentError(
                f"On {where.side} px layer {where.layer!r} is one single position; choose {2 * where.side} px."
            )
        sides = []
        for halved in range(0 if ascent.start == "photo" else ascent.coarse, 0, -1):
            side = where.side // 2**halved
            if side >= SMALLEST and isinstance(less := _run(where, side), Tensor) and _lone(less) == _lone(maps):
                sides.append(side)
    return [*sides, where.side][-ascent.steps :], maps.shape[1]


def _run(where: Climb, side: int) -> Tensor | str:
    """What the layer puts out for a black canvas of that side, or why it cannot."""
    try:
        with torch.no_grad():
            return where.trunk(torch.zeros(1, len(where.mean), side, side, device=where.device))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError) as error:
        return str(error).strip().split("\n")[0].rstrip(".")


def _lone(maps: Tensor) -> bool:
    """Whether a layer's output is a single position."""
    return maps.ndim == 4 and maps.shape[2] * maps.shape[3] == 1


def _pixels(pictures: Tensor) -> np.ndarray:
    """Pictures (N, C, H, W) in 0..1 as uint8 (N, H, W, 3), closed to writing."""
    whole = (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()  # -> (N, H, W, C)
    return read_only(np.repeat(whole, 3, 3) if whole.shape[3] == 1 else whole)


def _small(picture: np.ndarray) -> np.ndarray:
    """A picture uint8 (H, W, 3) at the size of a frame."""
    return cv2.resize(
        picture, (THUMB, THUMB), interpolation=cv2.INTER_AREA if len(picture) > THUMB else cv2.INTER_LINEAR
    )
