"""Recipes: which network a plan asks for, and which of its weights learn at which rate."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnviz.models import build, catalog, checkpoint, families, lecture, load
from cnnviz.models.preprocess import Preprocess
from cnnviz.printable import first
from cnnviz.train.plan import Plan, PlanError

LISTED = 5  # classes that a sentence names


@dataclass(frozen=True, eq=False)
class Recipe:
    """A network ready to learn: its name and description, the paths of its head, and what learns."""

    net: nn.Module
    name: str
    spec: dict[str, Any]
    head: tuple[str, ...]
    groups: tuple[tuple[tuple[str, ...], float], ...]  # names of parameters, and the factor of their rate
    resting: tuple[str, ...]  # submodules that stay in evaluation mode
    single_logit: bool
    pretrained: bool
    preprocess: Preprocess  # mean and deviation are to be measured where nothing is pretrained
    replaced: str = ""  # why the head is not that of the run it starts from, in one sentence

    @property
    def parameters(self) -> int:
        """All weights."""
        return sum(p.numel() for p in self.net.parameters())

    @property
    def trainable(self) -> int:
        """The weights that learn."""
        return sum(p.numel() for p in self.net.parameters() if p.requires_grad)


def prepare(
    plan: Plan,
    classes: int,
    weights: Path | str | None = None,
    runs: Path | str | None = None,
    labels: tuple[str, ...] = (),
) -> Recipe:
    """The network of a plan for so many classes, filled, with the weights that learn marked.

    The first weights of what is new are drawn with the plan's seed: also those of the head where the network it starts
    from has another number of outputs, or other class names than `labels`. Raises `RequestError`.
    """
    replaced = ""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        if plan.net.startswith("lecture/"):
            net, spec, head, preprocess = _lecture(plan, _outputs(plan, classes))
        else:
            net, own = _begun(plan, weights, runs)
            spec, head, preprocess = _headed(net, own, plan, _outputs(plan, classes))
    if plan.start:
        begun = load.load(plan.start, weights, runs)
        state = begun.net.state_dict()
        if replaced := _other_head(begun, net, head, labels, plan):
            trunk = {key: value for key, value in state.items() if not _within(key, head)}
            state = trunk | {key: value for key, value in net.state_dict().items() if _within(key, head)}
        checkpoint.fit(net, state, plan.start)
        seen = begun.preprocess
        preprocess = seen if plan.size is None else replace(preprocess, mean=seen.mean, std=seen.std)
    return replace(_marked(net, spec, head, preprocess, plan), replaced=replaced)


def _other_head(begun: load.Model, net: nn.Module, head: tuple[str, ...], labels: tuple[str, ...], plan: Plan) -> str:
    """Why the head of the network a plan starts from is of no use for these classes; empty where it fits."""
    own, state = net.state_dict(), begun.net.state_dict()
    last = [key for key in own if _within(key, head)][-1]
    had, has = len(state.get(last, ())), len(own[last])
    if labels and begun.labels and begun.labels != labels:
        why = f"{plan.start} has other classes ({first(begun.labels, LISTED)}) than the data ({first(labels, LISTED)})"
    elif 0 < had != has:
        why = f"{plan.start} has {had} output{'' if had == 1 else 's'}, and these classes need {has}"
    else:
        return ""
    return f"{why}: its head is replaced by a new one."


def blueprint(plan: Plan, classes: int) -> Recipe:
    """The same network without its weights, on the meta device: nothing is read, drawn or downloaded for it.

    Raises `RequestError`.
    """
    if plan.net.startswith("lecture/"):
        with build.Weightless():
            return _marked(*_lecture(plan, _outputs(plan, classes)), plan)
    side = _entry(plan).side
    net = build.torchvision_net(plan.net)
    return _marked(net, *_headed(net, Preprocess(side, side), plan, _outputs(plan, classes)), plan)


def _outputs(plan: Plan, classes: int) -> int:
    if classes < 2:
        raise PlanError("Training needs at least two classes; add a folder of images.")
    return 1 if classes == 2 and plan.single_logit else classes


def _marked(net: nn.Module, spec: dict[str, Any], head: tuple[str, ...], preprocess: Preprocess, plan: Plan) -> Recipe:
    """The recipe, once the weights that learn are marked."""
    groups, resting = _learning(net, plan, head)
    wanted = {name for names, _ in groups for name in names}
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name in wanted)
    single, pretrained = spec["outputs"] == 1, plan.recipe != "scratch"
    return Recipe(net, plan.net, spec, head, groups, resting, single, pretrained, preprocess)


def split(recipe: Recipe) -> tuple[nn.Module, nn.Sequential]:
    """The network in two for features computed once: a frozen copy that ends before the head, and the head itself."""
    trunk = copy.deepcopy(recipe.net).eval().requires_grad_(False)
    parts = OrderedDict((path.replace(".", "_"), recipe.net.get_submodule(path)) for path in recipe.head)
    for path in recipe.head:
        trunk.set_submodule(path, nn.Identity())
    return trunk, nn.Sequential(parts)


def last_layers(net: nn.Module, head: tuple[str, ...], count: int) -> tuple[str, ...]:
    """The last `count` layers with weights before the head, by the order in which the network lists them."""
    layers = [
        name
        for name, part in net.named_modules()
        if isinstance(part, (nn.Conv2d, nn.Linear)) and not _within(name, head)
    ]
    if count > len(layers):
        raise PlanError(f"This network has {len(layers)} layers before its head; choose at most that many.")
    first = layers[-count]
    order = [name for name, part in net.named_modules() if not list(part.children()) and not _within(name, head)]
    return tuple(order[order.index(first) :])  # with the batch norms between and behind them


def _lecture(plan: Plan, outputs: int) -> tuple[nn.Module, dict[str, Any], tuple[str, ...], Preprocess]:
    if plan.net.removeprefix("lecture/") not in lecture.NETS:
        raise catalog.unknown(plan.net)
    switches = {
        "head": plan.pooling,
        "pools": plan.pools,
        "hidden": plan.hidden,
        "dropout": plan.dropout,
        "batch_norm": plan.batch_norm,
        "head_norm": plan.head_norm,
        "channels": plan.channels,
        "size": plan.size,
    }
    spec = {"outputs": outputs} | {name: value for name, value in switches.items() if value is not None}
    described = build.switched(plan.net, spec)
    if described.head == "none":
        raise PlanError(f"{plan.net} has no head; set its pooling to gap or flatten.")
    net = lecture.build(described)
    head = tuple(name for name, _ in net.named_children() if name in lecture.HEAD_LAYERS)
    zeros, ones = (0.0,) * described.channels, (1.0,) * described.channels
    return net, spec, head, _square(plan, described.size, described.size, zeros, ones, described.channels)


def _entry(plan: Plan, weights: Path | str | None = None, runs: Path | str | None = None) -> catalog.TorchvisionNet:
    if plan.net.startswith("timm/"):
        raise PlanError(f"{plan.net} is not trained here; choose a CNN of torchvision or a lecture network.")
    if (known := catalog.entry(plan.net)) is None:
        raise catalog.unknown(plan.net, weights, runs)
    return known


def _begun(plan: Plan, weights: Path | str | None, runs: Path | str | None) -> tuple[nn.Module, Preprocess]:
    """A torchvision net with its own head, and how it sees pictures: pretrained, unless its weights come from a run."""
    known = _entry(plan, weights, runs)
    if plan.recipe != "scratch" and not plan.start:
        loaded = load.load(plan.net, weights, runs)
        return loaded.net, loaded.preprocess
    return build.fresh_net(plan.net), Preprocess(resize=known.side, crop=known.side)


def _headed(
    net: nn.Module, own: Preprocess, plan: Plan, outputs: int
) -> tuple[dict[str, Any], tuple[str, ...], Preprocess]:
    """Gives a torchvision net the head of the plan, in place."""
    known = _entry(plan)
    for name in ("pools", "batch_norm", "head_norm"):
        if getattr(plan, name) is not None:
            raise PlanError(f"{name} is an option of the lecture networks; leave it out for {plan.net}.")
    if plan.channels == 1:
        raise PlanError(f"{plan.net} takes RGB images; leave channels out (gray images are converted).")
    spec: dict[str, Any] = {
        "outputs": outputs,
        "pooling": plan.pooling or "gap",
        "hidden": plan.hidden or 0,
        "dropout": plan.dropout or 0.0,
        "size": plan.size or known.side,
    }
    place = build.graft(net, plan.net, build.Head(**spec))
    side, short = plan.size or known.side, own.resize if isinstance(own.resize, int) else known.side
    crop = own.crop if isinstance(own.crop, int) else known.side
    return spec, (place,), _square(plan, max(side, round(side * short / crop)), side, own.mean, own.std, 3)


def _square(
    plan: Plan, resize: int, side: int, mean: tuple[float, ...], std: tuple[float, ...], channels: int
) -> Preprocess:
    whole = (side, side) if plan.fit == "squash" else resize
    return Preprocess(whole, side, mean, std, channels=channels, fit="pad" if plan.fit == "pad" else "crop")


def _learning(
    net: nn.Module, plan: Plan, head: tuple[str, ...]
) -> tuple[tuple[tuple[tuple[str, ...], float], ...], tuple[str, ...]]:
    """What learns, in groups with the factor of their rate, and the submodules that rest in evaluation mode."""
    names = [name for name, _ in net.named_parameters()]
    mine = tuple(name for name in names if _within(name, head))
    rest = tuple(name for name in names if not _within(name, head))
    leaves = [name for name, part in net.named_modules() if name and not list(part.children())]
    if plan.recipe == "scratch":
        return ((tuple(names), 1.0),), ()
    if plan.recipe == "full":
        return ((mine, 1.0), (rest, plan.backbone_rate)), ()
    if plan.recipe in ("features", "frozen"):
        return ((mine, 1.0),), tuple(leaf for leaf in leaves if not _within(leaf, head))
    blocks = last_layers(net, head, plan.last) if plan.last else families.last_block(plan.net)
    if not blocks:
        blocks = last_layers(net, head, 1)
    opened = tuple(name for name in rest if _within(name, blocks))
    closed = tuple(leaf for leaf in leaves if not _within(leaf, (*head, *blocks)))
    return ((mine, 1.0), (opened, plan.backbone_rate)), closed


def _within(name: str, paths: tuple[str, ...]) -> bool:
    return any(name == path or name.startswith(f"{path}.") for path in paths)
