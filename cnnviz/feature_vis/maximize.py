"""Images that maximise a channel, optimised by gradient ascent.

Erhan, Bengio, Courville, Vincent, 2009, Visualizing higher-layer features of a deep network. The network runs only up
to the wanted layer, its weights stay frozen, and nothing is hooked: one step is one forward and one backward to the
image.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.feature_vis.canvas import Canvas
from cnnviz.feature_vis.objective import Objective, responses, slope, weights
from cnnviz.feature_vis.recipes import Aim, Ascent
from cnnviz.feature_vis.setup import AscentError, InitialImages, Setup, canvases, net_view, pixels, working
from cnnviz.feature_vis.transforms import shake
from cnnviz.inference.gradient import differentiated

CURE = "gradient ascent needs one, so choose an earlier layer, or its top-activating images"
FRAMES = 16  # pictures kept of the way, for a scrubber
THUMB = 64  # px, the side of each
AT_ONCE = 64 * 224 * 224  # pixels in one batch on a GPU


@dataclass(frozen=True)
class FilterImage:
    """The image that maximises a channel.

    picture  uint8 (H, W, 3);  start  uint8 (H, W, 3), the image before the first step
    curve    float32 (steps,), the objective as each step saw it
    before, value  the objective of `start` and of `picture`, both as they are shown
    frames   uint8 (F, h, w, 3), small images of the way, evenly spaced
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
        """Whether no image was found that activates the channel."""
        return self.value <= 0 and self.value <= self.before


@dataclass(frozen=True)
class FilterEvent:
    """One step of one image: `value` is the objective that this step saw, `picture` uint8 (h, w, 3) what it made.

    The last event of an image carries the `image`; in one that was remembered it is the only one.
    """

    layer: str
    aim: Aim
    step: int
    steps: int
    value: float
    picture: np.ndarray
    image: FilterImage | None = None


def maximize(
    where: Setup, aims: Sequence[Aim], ascent: Ascent, photo: np.ndarray | None = None
) -> Generator[FilterEvent]:
    """The steps of each aim's image, batch after batch; close it at any step. `photo` is uint8 (side, side, 3).

    Raises `AscentError` before the first step where the layer cannot be maximised at this size.
    """
    starts = InitialImages(where, ascent, photo)
    sides, width = canvases(where, ascent, starts)
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
            yield from _grow(where, batch, ascent, sides, starts)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            torch.cuda.empty_cache()
            waiting.extendleft((batch[len(batch) // 2 :], batch[: len(batch) // 2]))


def _grow(
    where: Setup,
    batch: list[tuple[Aim, int]],
    ascent: Ascent,
    sides: list[int],
    starts: InitialImages,
) -> Generator[FilterEvent]:
    canvas = starts.canvas
    aims = [aim for aim, _ in batch]
    shaking = torch.Generator().manual_seed(ascent.seed)
    kept = set(np.linspace(0, ascent.steps - 1, min(FRAMES, ascent.steps)).round().astype(int).tolist())
    frames: list[list[np.ndarray]] = [[] for _ in batch]
    curves: list[list[float]] = [[] for _ in batch]

    with working(where):
        found = torch.stack([starts.answers(copy) for _, copy in batch])  # (N, K)
        wanted = weights(aims, found.shape[1])
        before = (found * wanted).sum(1).tolist()
        typical = where.typical() if ascent.focus else torch.ones(found.shape[1])
        trunk, goal = _narrowed(where, Objective(wanted.to(where.device), typical.to(where.device), aims), ascent)
        parameters = torch.cat([starts.parameters(copy) for _, copy in batch])
        begun = pixels(canvas.shown(canvas.paint(parameters)))
        if sides[0] != where.side:
            parameters = canvas.grown(parameters, sides[0])
    done = 0
    for stage, side in enumerate(sides):
        steps = ascent.steps * (stage + 1) // len(sides) - ascent.steps * stage // len(sides)
        if stage:
            parameters = canvas.grown(parameters, side)
        walk = _Adam(parameters, ascent) if ascent.step == "adam" else None
        for i in range(steps):
            with working(where), torch.enable_grad(), differentiated(f"Layer {where.layer!r}", CURE):
                leaf = parameters.detach().requires_grad_()
                seen = canvas.paint(leaf)
                values, rise = slope(trunk, seen, goal, ascent, shake(ascent, shaking))
                (gradient,) = torch.autograd.grad(seen, leaf, rise)
                with torch.no_grad():
                    rate = ascent.rate * (1 - 0.8 * i / steps)
                    moved = walk(leaf, gradient) if walk else _normalised(canvas, leaf, gradient, rate, ascent.decay)
                    parameters = canvas.bounded(moved)
                    pictures = pixels(canvas.shown(canvas.paint(parameters)))
                    scores: list[float] = values.tolist()
            done += 1
            for n, aim in enumerate(aims):
                curves[n].append(scores[n])
                if done - 1 in kept:
                    frames[n].append(_small(pictures[n]))
                if done < ascent.steps:
                    yield FilterEvent(where.layer, aim, done, ascent.steps, scores[n], pictures[n])
    with working(where), torch.no_grad():
        after = (responses(trunk(net_view(where, canvas, pictures)), ascent) * goal.weights).sum(1).tolist()
    for n, aim in enumerate(aims):
        curve = np.array(curves[n], np.float32)
        image = FilterImage(
            where.layer, aim, pictures[n], begun[n], read_only(curve), before[n], after[n],
            read_only(np.stack(frames[n])),
        )  # fmt: skip
        yield FilterEvent(where.layer, aim, ascent.steps, ascent.steps, after[n], pictures[n], image)


def _narrowed(where: Setup, goal: Objective, ascent: Ascent) -> tuple[Callable[[Tensor], Tensor], Objective]:
    """The net up to the layer and the goal there; only for the channels aimed at, if no other one has a say."""
    aimed = goal.weights.any(0).nonzero().flatten().tolist()
    if ascent.focus or ascent.diversity or 2 * len(aimed) > goal.weights.shape[1]:
        return where.trunk, goal
    some = where.some(aimed)
    if some is None:
        return where.trunk, goal
    return some, Objective(goal.weights[:, aimed], goal.typical[aimed], goal.aims)


def _normalised(canvas: Canvas, parameters: Tensor, gradient: Tensor, rate: float, decay: float) -> Tensor:
    """The parameters one step up a gradient of unit length, so that a pixel moves by `rate` in the root mean square."""
    gradient = gradient / gradient.flatten(1).abs().amax(1).clamp_min(1e-37).view(-1, *[1] * (gradient.ndim - 1))
    length = canvas.length(gradient).clamp_min(1e-20)
    return parameters * (1 - decay) + rate / length.view(-1, *[1] * (gradient.ndim - 1)) * gradient


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


def _batches(numbered: list[tuple[Aim, int]], where: Setup, ascent: Ascent) -> list[list[tuple[Aim, int]]]:
    """The aims in batches: one at a time on a CPU, where more would bring nothing; copies to be kept apart together."""
    if ascent.diversity:
        groups: dict[Aim, list[tuple[Aim, int]]] = {}
        for item in numbered:
            groups.setdefault(item[0], []).append(item)
        return list(groups.values())
    many = 1 if where.device.type == "cpu" else max(1, AT_ONCE // where.side**2)
    return [numbered[i : i + many] for i in range(0, len(numbered), many)]


def _small(picture: np.ndarray) -> np.ndarray:
    """A picture uint8 (H, W, 3) at the size of a frame."""
    return cv2.resize(
        picture, (THUMB, THUMB), interpolation=cv2.INTER_AREA if len(picture) > THUMB else cv2.INTER_LINEAR
    )
