"""A head that is solved instead of trained: what `linear_head` finds, put into the network, told and kept.

Recipe features is nothing else, where its head is one linear layer; partial and full begin with such a head.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from cnnviz.data.loader import Features
from cnnviz.train import evaluate, linear_head, recipes
from cnnviz.train.checkpoints import Keeper
from cnnviz.train.linear_head import Point
from cnnviz.train.plan import GENTLE
from cnnviz.train.setup import StopRequested, Training, embed

STEPS = len(linear_head.L2) + 1  # of a run that is nothing else: the curve, and the head on all images
PLAIN = (nn.Linear, nn.Flatten, nn.Identity)


def layer(head: nn.Module) -> nn.Linear | None:
    """The one linear layer that a head is; None where it has a hidden layer, a norm or dropout, and is trained."""
    parts = [part for part in head.modules() if not list(part.children())]
    parts = [part for part in parts if not (isinstance(part, nn.Dropout) and not part.p)]
    linear = [part for part in parts if isinstance(part, nn.Linear)]
    return linear[0] if len(linear) == 1 and all(isinstance(part, PLAIN) for part in parts) else None


def alone(task: Training) -> nn.Linear | None:
    """The layer that is solved, where nothing else of a plan's network learns."""
    return layer(task.learner) if task.plan.recipe == "features" else None


def run(task: Training, found: nn.Linear, keeper: Keeper, log: Callable[..., None], wanted: Callable[[], bool]) -> int:
    """Solves the head on the features of the training images and keeps it as the best weights; the step it ends with.

    One that was solved before and not evaluated is not solved again. Raises `RequestError`, or `StopRequested` when
    `wanted` says so on the way.
    """
    done = bool(keeper.resumed.get("progress", {}).get("solved"))
    said = {"step": STEPS if done else 0, "steps": STEPS, "per_epoch": STEPS, "epochs": 1, "solves": True}
    log("resume" if done else "start", **said, **task.facts)
    if not done:
        assert isinstance(task.train, Features)
        keeper.snapshot(0)
        began = time.monotonic()
        fill(task, task.train, found, log, wanted)
        _tell(task, keeper, log, began)
    return STEPS


def begin(task: Training, log: Callable[..., None], wanted: Callable[[], bool]) -> bool:
    """Puts the solved head into a network whose other layers are trained from there on; whether it did.

    Not where a run's own head is kept, for a head that is not one linear layer, and for recipes that train no other
    layers or all of them from random weights. Raises `StopRequested` when `wanted` says so on the way.
    """
    new = not task.plan.start or task.recipe.replaced
    if task.plan.recipe not in GENTLE or not new:
        return False
    trunk, head = recipes.split(task.recipe)
    if (found := layer(head)) is None:
        return False

    def progress(stage: str, done: int, of: int) -> None:
        if wanted():
            raise StopRequested
        log("prepare", stage=stage, done=done, of=of)

    trunk.to(task.device).to(memory_format=torch.channels_last)
    pictures = task.pictures["train"]
    features = embed(trunk, task.recipe.head[0], pictures, task.preprocess, task.device, progress, "train")
    fill(task, features, found, log, wanted)
    return True


def keep(task: Training, keeper: Keeper) -> float:
    """Keeps a network with its solved head as the best so far, before its first step; its loss on val."""
    net, places = task.learner.eval(), torch.arange(len(task.val))
    judged = evaluate.judge(net, task.val, lambda x: task.input(x.to(task.device)), task.wide, places)
    loss = float(judged.losses.double().mean())
    keeper.best(0, loss, float(judged.right.double().mean()))
    return loss


@torch.no_grad()
def fill(
    task: Training, features: Features, found: nn.Linear, log: Callable[..., None], wanted: Callable[[], bool]
) -> None:
    """Solves a layer on features of the training images, each point of the curve told as an event."""
    plan, labels = task.plan, features.labels
    uneven = linear_head.uneven(labels)

    def goal(weighted: bool) -> linear_head.Targets:
        weights = evaluate.class_weights(labels, task.classes) if weighted else None
        single = task.recipe.single_logit
        return linear_head.targets(labels, task.classes, single=single, smoothing=plan.smoothing, weights=weights)

    plain, even = goal(bool(plan.class_weights)), goal(True) if plan.class_weights is None and uneven else None

    def waiting() -> None:
        if wanted():
            raise StopRequested

    def heard(point: Point) -> None:
        log("l2", l2=point.l2, loss=round(point.loss, 6), accuracy=round(point.accuracy, 6), of=len(linear_head.L2))

    threads = torch.get_num_threads()
    if features.values.numel() * plain.truth.shape[1] < linear_head.MUCH // 10:
        torch.set_num_threads(1)  # too little work to share: waiting for each other costs more
    try:
        solved = linear_head.solve(
            features.values, labels, plain, even=even, seed=plan.seed, heard=heard, waiting=waiting
        )
    finally:
        torch.set_num_threads(threads)
    found.weight.copy_(solved.weight)
    found.bias.copy_(solved.bias)
    weighted = None if even is None else solved.weighted  # None where there was nothing to decide
    log("head", l2=solved.l2, images=len(labels), compared=len(solved.curve), weighted=weighted)


def _tell(task: Training, keeper: Keeper, log: Callable[..., None], began: float) -> None:
    """Evaluates the head on train and val, and keeps it."""
    net, device = task.learner.eval(), task.device
    train, val = (
        evaluate.judge(net, part, lambda x: task.input(x.to(device)), task.wide, torch.arange(len(part)))
        for part in (task.train, task.val)
    )
    loss, accuracy = float(val.losses.double().mean()), float(val.right.double().mean())
    log(
        "epoch",
        epoch=1,
        step=STEPS,
        train_loss=round(float(train.losses.double().mean()), 6),
        train_accuracy=round(float(train.right.double().mean()), 6),
        valid_loss=round(loss, 6),
        accuracy=round(accuracy, 6),
        error_rate=round(1 - accuracy, 6),
        seconds=round(time.monotonic() - began, 3),
    )
    keeper.best(STEPS, loss, accuracy)
    keeper.snapshot(STEPS)
    keeper.save({"step": STEPS, "solved": True}, {})
