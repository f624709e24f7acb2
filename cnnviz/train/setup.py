"""What a plan comes to on this machine: images decoded, the network filled, features computed, a device chosen."""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.data.augment import augment, draw, nothing
from cnnviz.data.folder import DataSet
from cnnviz.data.loader import Batches, Features, Pictures, measure
from cnnviz.inference.cut import cut
from cnnviz.inference.device import DeviceError, choose, in_words, resolve
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.printable import printable
from cnnviz.train import norms, recipes
from cnnviz.train.evaluate import PIECE, Loss, class_weights, together
from cnnviz.train.plan import Plan
from cnnviz.train.recipes import Recipe

WIDE = 64  # pictures at once where no gradient is needed


class StopRequested(Exception):
    """Somebody asked the run to stop before its first step."""


@dataclass(frozen=True, eq=False)
class Training:
    """All that training needs. `learner` is the network, or its head alone where features were computed once."""

    plan: Plan
    data: DataSet
    recipe: Recipe
    preprocess: Preprocess
    pictures: dict[str, Pictures]  # by split
    train: Pictures | Features
    val: Pictures | Features
    learner: nn.Module
    groups: tuple[tuple[tuple[str, ...], float], ...]
    resting: tuple[str, ...]
    device: torch.device
    least: int  # images in a batch of one process: two where a batch norm has one value per channel

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.data.classes)

    @property
    def wide(self) -> int:
        """Images (or features) in one batch where no gradient is needed."""
        return 4096 if isinstance(self.val, Features) else WIDE

    def input(self, pixels: Tensor, step: int | None = None) -> Tensor:
        """Pixels uint8 (N, C, H, W), or features, as the learner takes them; augmented where a step is named."""
        if pixels.dtype != torch.uint8:
            return pixels
        if step is None or nothing(self.plan.augment):
            return scaled(pixels, self.preprocess)
        generator = torch.Generator().manual_seed(self.plan.seed * 7_368_787 + step)
        drawn = draw(self.plan.augment, len(pixels), generator).to(pixels.device)
        return scaled(augment(pixels, self.plan.augment, drawn), self.preprocess)

    @property
    def facts(self) -> dict[str, Any]:
        """What the first event of a run says about it."""
        return {
            "parameters": self.recipe.parameters,
            "trainable": self.recipe.trainable,
            "classes": list(self.data.classes),
            "train": len(self.train),
            "val": len(self.val),
            "device": in_words(self.device),
            "pid": os.getpid(),
        }

    def loss(self) -> Loss:
        """The loss to be made small."""
        weights = class_weights(self.train.labels, self.classes) if self.plan.class_weights else None
        return Loss(self.recipe.single_logit, self.plan.smoothing, weights)


def scaled(pixels: Tensor, preprocess: Preprocess) -> Tensor:
    """Pixels uint8 or 0..1 (N, C, H, W) minus mean, over standard deviation, channels last in memory."""
    mean = torch.tensor(preprocess.mean, device=pixels.device).view(1, -1, 1, 1)
    std = torch.tensor(preprocess.std, device=pixels.device).view(1, -1, 1, 1)
    x = pixels.float().div_(255) if pixels.dtype == torch.uint8 else pixels
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def plainly(pixels: Tensor, preprocess: Preprocess) -> Tensor:
    """The same as a program's own loader would lay it in memory, and as `runtime.evaluate` does."""
    return scaled(pixels, preprocess).contiguous()


def prepare(
    plan: Plan,
    data: DataSet,
    runs: Path,
    weights: Path | None,
    log: Callable[..., None],
    wanted: Callable[[], bool],
    seen: Preprocess | None = None,
) -> Training:
    """The task of a plan on its data. What a run has `seen` has its mean and deviation, which are measured otherwise.

    Raises `RequestError`, or `StopRequested` when `wanted` says so on the way.
    """
    for left in data.left_out:
        log("left_out", message=str(left), **left.document())
    recipe = recipes.prepare(plan, len(data.classes), weights, runs, data.classes)
    if recipe.replaced:
        log("warning", message=recipe.replaced)
    said = time.monotonic()

    def progress(stage: str, done: int, of: int) -> None:
        nonlocal said
        if wanted():
            raise StopRequested
        if done == of or time.monotonic() - said > 0.5:
            said = time.monotonic()
            log("prepare", stage=stage, done=done, of=of)

    def notice(path: Path, why: str) -> None:
        where = _within(path, data)
        log("unreadable", path=where, message=why if where in why else why.replace(printable(path.name), where, 1))

    def decoded(preprocess: Preprocess) -> dict[str, Pictures]:
        found = {}
        for name, part in data.splits().items():
            tell = functools.partial(progress, f"images of {name}")
            found[name] = Pictures(part, preprocess, threads=plan.threads, notice=notice, progress=tell)
        return found

    preprocess = recipe.preprocess
    pictures = decoded(preprocess)
    _refuse_unreadable(data, pictures["train"])
    if not recipe.pretrained and not plan.start:
        mean, std = (seen.mean, seen.std) if seen else measure(pictures["train"])
        preprocess = dataclasses.replace(preprocess, mean=mean, std=std)
        if preprocess.fit == "pad":  # the border has the mean colour, which was not known before
            pictures = decoded(preprocess)
    device = _device(plan)
    recipe.net.to(device).to(memory_format=torch.channels_last)
    train: Pictures | Features = pictures["train"]
    val: Pictures | Features = pictures["val"]
    learner, groups, resting = recipe.net, recipe.groups, recipe.resting
    if plan.recipe == "features":
        trunk, head = recipes.split(recipe)
        trunk.to(device).to(memory_format=torch.channels_last)
        train = embed(trunk, recipe.head[0], pictures["train"], preprocess, device, progress, "train")
        val = reached(recipe, pictures["val"], preprocess, device, progress)
        learner, groups, resting = head, ((tuple(name for name, _ in head.named_parameters()), 1.0),), ()
    example = train.values[:1] if isinstance(train, Features) else torch.zeros(1, *preprocess.size)
    lonely = norms.lonely(learner.to(device), resting, example.to(device))
    least = _enough(plan, len(train), lonely)
    return Training(plan, data, recipe, preprocess, pictures, train, val, learner, groups, resting, device, least)


def _within(path: Path, data: DataSet) -> str:
    """The printable path of an image from the folder of its data set."""
    return printable(str(path.relative_to(data.root) if path.is_relative_to(data.root) else path))


def _refuse_unreadable(data: DataSet, pictures: Pictures) -> None:
    """Raises `RequestError` where none of the training images of a class can be read, as far as they were decoded."""
    there = set(pictures.labels.tolist())
    if lost := [name for i, name in enumerate(data.classes) if i not in there]:
        raise RequestError(
            f"None of the training images of {', '.join(lost[:3])} can be read; repair them, or take the folder away."
        )


def _enough(plan: Plan, images: int, lonely: str) -> int:
    """Images that a batch needs in each process. Raises `RequestError` where the plan's batches have fewer."""
    processes, least = plan.devices * plan.nodes, 2 if lonely else 1
    if min(plan.batch, images) >= least * processes:
        return least
    why = f", for {lonely} (BatchNorm) has one value per channel and image at this input size" if lonely else ""
    each = " for each process" if processes > 1 else ""
    if images < least * processes:
        raise RequestError(f"Training needs at least {least} images{each}{why}, and there are {images}; add some.")
    raise RequestError(
        f"A batch needs at least {least} images{each}{why}; choose a batch size of {least * processes} or more."
    )


def embed(
    trunk: nn.Module,
    end: str,
    pictures: Pictures,
    preprocess: Preprocess,
    device: torch.device,
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _of: None,
    name: str = "train",
) -> Features:
    """The features (N, F) of all images by a frozen trunk that ends at layer `end`, batch norm folded."""
    run = cut(trunk, end).trunk
    values, labels, done = [], [], 0
    with torch.no_grad():
        for pixels, truth, _ in Batches(pictures, torch.split(torch.arange(len(pictures)), WIDE)):
            if len(truth):
                values.append(features(run, pixels.to(device), preprocess).float().cpu())
                labels.append(truth)
            done += WIDE
            progress(f"features of {name}", min(done, len(pictures)), len(pictures))
    return Features(torch.cat(values), torch.cat(labels))


@torch.no_grad()
def reached(
    recipe: Recipe,
    pictures: Pictures,
    preprocess: Preprocess,
    device: torch.device,
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _of: None,
) -> Features:
    """What reaches the head (N, F) of a whole network that no image of val runs through again.

    In batches and layout those of a verdict, so that its logits are those of the whole network to the last digit.
    """
    net, kept, labels, done = recipe.net.eval(), list[Tensor](), [], 0
    batch = together(preprocess.size, device)
    hook = net.get_submodule(recipe.head[0]).register_forward_pre_hook(lambda _, given: kept.append(given[0].cpu()))
    try:
        for pixels, truth, _ in Batches(pictures, torch.split(torch.arange(len(pictures)), batch)):
            if len(truth):
                net(plainly(pixels, preprocess).to(device))
                labels.append(truth)
            done += batch
            progress("features of val", min(done, len(pictures)), len(pictures))
    finally:
        hook.remove()
    return Features(torch.cat(kept).flatten(1), torch.cat(labels))


def features(run: Callable[[Tensor], tuple[Tensor, ...]], pixels: Tensor, preprocess: Preprocess) -> Tensor:
    """What a trunk makes of pixels uint8 (N, C, H, W): (N, F). On a processor, no more at once than its caches hold."""
    pieces = 1 if pixels.device.type != "cpu" else -(-len(pixels) * pixels.shape[2] * pixels.shape[3] // PIECE)
    return torch.cat([run(scaled(part, preprocess))[0].flatten(1) for part in pixels.chunk(pieces)])


def _device(plan: Plan) -> torch.device:
    try:
        return choose(plan.device)
    except DeviceError:
        raise RequestError(f"There is no device {resolve(plan.device)!r} here; choose auto or cpu.") from None
