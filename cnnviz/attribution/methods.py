"""Every way to make a heat map, in one table: its title, its sentence, how it is computed, and its options."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.attribution import cam, perturbation, saliency
from cnnviz.attribution.forward import Forward, every_class, evidence, unclassed
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.inference.predict import Target
from cnnviz.options import OptionError, Options, RequestError, knobs


class Method(NamedTuple):
    """One way to make a heat map.

    `reads` is what it asks: "maps" a layer's maps and their gradient (instant once the photo was seen), "channels" the
    layer's channels one by one, "pixels" the photo itself, whatever the layer. `whole` marks pixel methods whose
    colours add up; the others show the largest. `class_free` methods give the same map for every class. For those with
    `mean_gradient` each channel's mean gradient is enough; `every_class` gives the signed maps (K, h, w) of all classes
    of a forward from one product, or None where they would cost one pass each.
    `part` is a channel's part in the map: its "maps" times its weight, the same of its "centred" maps, or "summed" in
    the weight already.
    """

    title: str
    says: str
    reads: str
    run: Callable[..., Any]
    options: type[Options] | None = None
    whole: bool = True
    class_free: bool = False
    mean_gradient: bool = False
    every_class: Callable[[Forward], Tensor | None] | None = None
    part: str = "maps"


INPUT = "input"  # the layer of methods that look at the pixels


def method(name: str) -> Method:
    """The row of a method; `RequestError` for a name that is not in `METHODS`."""
    if name not in METHODS:
        raise RequestError(f"There is no method {name!r}; choose one of {', '.join(METHODS)}.")
    return METHODS[name]


def options(name: str, given: Options | Mapping[str, object] | None = None) -> Options | None:
    """The method's options from an instance, from names and values (words are read as numbers), or its defaults.

    Raises `OptionError` where they belong to another method or lie outside their range.
    """
    kind = method(name).options
    if kind is None:
        if given:
            raise OptionError(f"{METHODS[name].title} has no options; leave them out.")
        return None
    if isinstance(given, Options):
        if type(given) is not kind:
            raise OptionError(f"{METHODS[name].title} takes {kind.__name__}, not {type(given).__name__}.")
        return given
    known = {k.name: k for k in knobs(kind)}
    values: dict[str, object] = {}
    for key, value in (given or {}).items():
        if key not in known:
            raise OptionError(f"{METHODS[name].title} has no option {key!r}; it has {', '.join(known)}.")
        try:
            values[key] = known[key].kind(value) if isinstance(value, str) else value
        except ValueError:
            raise OptionError(f"{key} is {value!r}; it has to be a number.") from None
    return kind(**values)


def explain(
    name: str, asked: Forward, goal: Target, given: Options | None
) -> Generator[float, None, tuple[np.ndarray, np.ndarray, float]]:
    """The signed map (h, w), each channel's weight (C,) or nothing, and the score; yields the share done."""
    row = method(name)
    if row.reads == "maps":
        return read(name, asked, (goal,))[0]
    answer = yield from row.run(asked, goal, given)
    score = float(goal.score(asked.logits.detach())[0])
    if row.reads == "channels":
        return array(answer[0]), array(answer[1]), score
    raw = answer.sum(0) if row.whole else answer.abs().amax(0)  # (C, H, W) -> (H, W)
    return array(raw), np.empty(0, np.float32), score


def read(name: str, asked: Forward, goals: Sequence[Target]) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """What `explain` returns for each goal, by a method that reads maps, all from one batched head."""
    row = METHODS[name]
    found = unclassed(asked, goals) if row.class_free else evidence(asked, goals, means=row.mean_gradient)
    with torch.no_grad():
        return [(array(raw), array(weights), e.score) for e in found for raw, weights in (row.run(e),)]


def heatmap(
    name: str,
    found: tuple[np.ndarray, np.ndarray, float],
    goal: Target,
    label: str,
    layer: str,
    seen: np.ndarray,
    box: tuple[float, float, float, float],
    *,
    other: str = "",
    given: Options | None = None,
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Heatmap:
    """The frozen result of what `explain` returned with the options `given`; `other` labels the second class."""
    raw, weights, score = found
    pixels = METHODS[name].reads == "pixels"
    return Heatmap(
        raw=read_only(raw),
        weights=read_only(weights),
        target=goal.target,
        label=label,
        score=score,
        layer=INPUT if pixels else layer,
        method=name,
        seen=seen,
        box=box,
        goal=goal,
        clip=0.99 if pixels else 1.0,
        other=other,
        options=given,
        padding=padding,
    )


def contributions(found: Heatmap, maps: np.ndarray) -> np.ndarray:
    """Each channel's part in a map, float64 (C,), from the layer's maps (C, h, w): they add up to the raw map's mean.

    Mostly weight times mean activation. Where the map itself has mean 0, as of centred maps, the part is what a channel
    adds along the map, and all add up to the map's root mean square. Empty for methods without channels.
    """
    if not found.weights.size:
        return np.empty(0)
    part, weights = METHODS[found.method].part, found.weights.astype(np.float64)
    if part == "summed":
        own: np.ndarray = weights / found.raw.size
        return own
    flat = maps.reshape(len(maps), -1).astype(np.float64)  # (C, h, w) -> (C, h*w)
    if part == "maps":
        each: np.ndarray = weights * flat.mean(1)
        return each
    raw = found.raw.ravel().astype(np.float64)
    along: np.ndarray = (flat - flat.mean(1, keepdims=True)) @ raw / raw.size
    adds: np.ndarray = weights * along / max(float(np.sqrt((raw**2).mean())), 1e-30)
    return adds


def array(values: Tensor) -> np.ndarray:
    """A tensor's numbers as float32, of the same shape."""
    return values.detach().float().cpu().numpy()


METHODS: dict[str, Method] = {
    "gradcam": Method(
        "Grad-CAM", "Weights each channel by its average gradient.", "maps", cam.grad_cam,
        mean_gradient=True, every_class=every_class,
    ),
    "gradcam++": Method(
        "Grad-CAM++", "As Grad-CAM, with positive gradients weighted place by place.", "maps", cam.grad_cam_plus_plus
    ),
    "hirescam": Method(
        "HiResCAM", "Multiplies each activation by its own gradient.", "maps", cam.hires_cam, part="summed"
    ),
    "layercam": Method(
        "LayerCAM", "Multiplies each activation by its own positive gradient.", "maps", cam.layer_cam, part="summed"
    ),
    "eigencam": Method(
        "Eigen-CAM", "The first principal component of the maps; no class is used.", "maps", cam.eigen_cam,
        class_free=True, part="centred",
    ),
    "scorecam": Method(
        "Score-CAM", "Weights each channel by the class score of the photo masked with its map.", "channels",
        perturbation.score_cam, perturbation.Channels,
    ),
    "ablation": Method(
        "Ablation-CAM", "Weights each channel by the drop in class score without it.", "channels",
        perturbation.ablation_cam, perturbation.Channels,
    ),
    "saliency": Method(
        "Saliency", "The gradient of the class score with respect to each pixel.", "pixels",
        saliency.saliency, whole=False,
    ),
    "smoothgrad": Method(
        "SmoothGrad", "Saliency, averaged over noisy copies of the photo.", "pixels",
        saliency.smooth_grad, saliency.Smoothing, whole=False,
    ),
    "integrated": Method(
        "Integrated gradients", "Gradients integrated along the way from a baseline image to the photo.",
        "pixels", saliency.integrated_gradients, saliency.Path,
    ),
    "guided": Method(
        "Guided backprop",
        "Saliency with positive gradients only at each ReLU and ReLU6; other activations are not guided.",
        "pixels",
        saliency.guided_backprop, whole=False,
    ),
    "occlusion": Method(
        "Occlusion", "The drop in class score while a gray square covers a pixel.", "pixels",
        perturbation.occlusion, perturbation.Occlusion,
    ),
}  # fmt: skip
DEFAULT = next(iter(METHODS))
