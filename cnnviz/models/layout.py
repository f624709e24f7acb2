"""How people lay out networks in a checkpoint: below which keys, under which prefixes, with what beside them.

Of several networks in one file the averaged one comes first (ema, swa, teacher), because it is the one that is
evaluated; then what lies under a usual key (state_dict, model, ...); then the others in the file's own order.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from cnnviz.models import families, timm_nets, transformers_names

DEEP = 5  # levels below which a training script keeps weights
AVERAGED = re.compile(r"(^|[_.])(ema|swa|averaged|teacher)([_.]|$)")
USUAL = re.compile(r"^(state_dict|(model|net|network)(_state)?(_dict)?|model_state|weights|module|params)$")
TRAINING = re.compile(r"optim|sched|scaler|^opt$|callbacks|loops|rng|grad|generator_states")
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "ema.")
WITHIN = re.compile(r"(^|\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# DenseNet's own downloads still carry names from before dots were forbidden in module names.
OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
COUNTERS = re.compile(r"(^|\.)(n_averaged|total_ops|total_params)$")  # of AveragedModel and of the package thop
# What the answer of a network does not depend on, by the name of the module it belongs to.
HARMLESS = re.compile(
    r"^_?(criterion\w*|\w*loss\w*|\w*metrics?\w*|\w*(acc|accuracy|auroc|f1|precision|recall|confmat|confusion|cm)\d*"
    r"|(train|val|valid|test)_\w+|queue\w*|centers?|class_weights?|pos_weight|num_updates|decay)$"
)
HEADS = re.compile(
    r"^(fc\d*|classifier|classification_head|cls(_head)?|head|linear|out|output|logits|last_linear|final|predictor)$"
)
RESNET = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4", "9": "fc"}


@dataclass(frozen=True)
class State:
    """Tensors by name that belong to one network, and whatever else lies at the same level.

    place   the keys and prefixes that lead there, "" for the file's top level
    prefix  what was cut off their names
    beside  the tensors around them, by their whole names
    """

    tensors: Mapping[str, Tensor]
    place: str = ""
    prefix: str = ""
    beside: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)

    @property
    def averaged(self) -> bool:
        """Whether its place says that it is an average of weights."""
        return bool(AVERAGED.search(self.place))

    @property
    def joined(self) -> bool:
        """Whether its parts lay under keys of their own."""
        return self.place.endswith("+")

    def names(self) -> list[str]:
        """Its tensors by the whole way to them in the file."""
        return [_joined(self.place, key) for key in self.tensors]

    def unwrapped(self) -> State:
        """The same without the prefixes that all of its names share."""
        tensors, cut = dict(self.tensors), ""
        while tensors:
            prefix = next((p for p in PREFIXES if all(key.startswith(p) for key in tensors)), None)
            if prefix is None:
                break
            tensors, cut = {key.removeprefix(prefix): value for key, value in tensors.items()}, cut + prefix
        return State(tensors, _joined(self.place, cut.rstrip(".")), cut)

    def below(self, prefix: str) -> State:
        """The tensors whose names begin with a prefix, without it, and the others beside them."""
        inner = {key[len(prefix) :]: value for key, value in self.tensors.items() if key.startswith(prefix)}
        outer = {key: value for key, value in self.tensors.items() if not key.startswith(prefix)}
        return State(inner, _joined(self.place, prefix.rstrip(".")), prefix, outer)


def states(found: object) -> tuple[State, ...]:
    """Every state dict in what a training script saved, the likeliest first."""
    listed = [State(_cleaned(tensors), place) for place, tensors in _mappings(found, "", DEEP)]
    return tuple(sorted((state for state in listed if state.tensors), key=_rank))


def networks(state: State) -> list[State]:
    """Each part of a state that may be a network by itself: under any prefix where a family's first tensor lies."""
    parts = [state.below(prefix) for prefix in roots(state.tensors)]
    return sorted(parts, key=lambda part: not part.averaged) or _others(state)


def roots(tensors: Mapping[str, object]) -> list[str]:
    """The prefixes under which the first tensor of a family of networks lies."""
    found = [
        key[: -len(row.marker)]
        for key in tensors
        for row in families.FAMILIES
        if key == row.marker or key.endswith(f".{row.marker}")
    ]
    return list(dict.fromkeys(found))


def without_harmless(tensors: Mapping[str, Tensor], deep: bool) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors without those of losses, metrics and queues, and the names of the modules these belonged to.

    `deep` takes a module for one of these wherever its name lies on the path of a tensor, not at the beginning alone.
    """
    aside: dict[str, str] = {}
    for key in tensors:
        path = key.split(".")
        if name := next((part for part in (path if deep else path[:1]) if HARMLESS.match(part)), ""):
            aside[key] = name
    return {key: value for key, value in tensors.items() if key not in aside}, tuple(dict.fromkeys(aside.values()))


def outer_heads(tensors: Mapping[str, Tensor], parent: str = "") -> dict[str, dict[str, Tensor]]:
    """Modules that are called as heads are: the beginning of their tensors' names to the tensors, by name below it."""
    heads: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name, _, inner = key.removeprefix(parent).partition(".")
        if key.startswith(parent) and inner and HEADS.match(name):
            heads.setdefault(f"{parent}{name}.", {})[inner] = value
    return heads


def place(state: State, prefix: str) -> str:
    """Where in the file the tensors with that prefix lie."""
    return _joined(state.place, prefix.rstrip(".")) or "the top level"


def normalisation(tensors: Mapping[str, Tensor]) -> tuple[str, str, tuple[float, ...]] | None:
    """The mean or deviation that a network keeps to normalise its input itself: its name, which it is, its values."""
    for key, value in tensors.items():
        which = key.rpartition(".")[2].removeprefix("pixel_")
        if which in ("mean", "std") and value.numel() in (1, 3) and value.is_floating_point():
            return key, which, tuple(round(float(number), 6) for number in value.flatten())
    return None


def _children(state: State) -> State | None:
    """A ResNet that was saved as the Sequential of its own children, under its own names again."""
    start = next((key for key in state.tensors if re.search(r"(^|\.)4\.0\.conv1\.weight$", key)), None)
    if start is None:
        return None
    part = state.below(start.removesuffix("4.0.conv1.weight"))
    renamed = {}
    for key, value in part.tensors.items():
        number, _, rest = key.partition(".")
        renamed[f"{RESNET.get(number, number)}.{rest}"] = value
    part = dataclasses.replace(part, tensors=renamed)
    return _after(part) if part.prefix.endswith("0.") else part


def _after(part: State) -> State:
    """The first of two modules in a Sequential, as fastai has them, with the second as its head."""
    second = f"{part.prefix.removesuffix('0.')}1."
    head = {f"fc.{key.removeprefix(second)}": value for key, value in part.beside.items() if key.startswith(second)}
    beside = {key: value for key, value in part.beside.items() if not key.startswith(second)}
    return dataclasses.replace(part, tensors={**part.tensors, **head}, beside=beside)


def _others(state: State) -> list[State]:
    """The parts that may be a network whose first tensor tells no family: one of timm, the whole, or from conv1 on."""
    if (children := _children(state)) is not None:
        return [children]
    if timm := timm_nets.roots({key: tuple(value.shape) for key, value in state.tensors.items()}):
        return sorted(map(state.below, timm), key=lambda part: not part.averaged)
    whole = state.unwrapped()
    first = next((key for key in state.tensors if key.endswith(".conv1.weight")), "")
    inner = [state.below(first.removesuffix("conv1.weight"))] if first and "conv1.weight" not in whole.tensors else []
    return [whole, *inner]


def _mappings(found: object, place: str, deep: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Each mapping that holds tensors, and each whose parts hold them, with the keys that lead there."""
    if not isinstance(found, Mapping) or not deep:
        return
    tensors = {_line(key): value for key, value in found.items() if isinstance(value, Tensor)}
    if tensors:
        yield place, tensors
    inner = [
        pair
        for key, value in found.items()
        if isinstance(key, str) and not TRAINING.search(key.lower())
        for pair in _mappings(value, _joined(place, _line(key)), deep - 1)
    ]
    yield from inner
    parts = [(where, part) for where, part in inner if "." not in where.removeprefix(place).lstrip(".")]
    if len(parts) > 1 and not any(AVERAGED.search(where) for where, _ in parts):  # backbone and head, saved apart
        cut = len(place) + 1 if place else 0
        yield f"{place}+", {f"{where[cut:]}.{key}": value for where, part in parts for key, value in part.items()}


def _cleaned(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of the network itself: without wrappers in between, counters and masks."""
    state = {}
    for key, value in tensors.items():
        name = key
        while (shorter := WITHIN.sub(r"\1", name)) != name:
            name = shorter
        if not COUNTERS.search(name):
            state[OLD_DENSENET.sub(r"\1\2", name)] = value
    for key in [key for key in state if f"{key.removesuffix('_orig')}_mask" in state and key.endswith("_orig")]:
        name = key.removesuffix("_orig")  # torch.nn.utils.prune
        original, mask = state.pop(key), state.pop(f"{name}_mask")
        if original.shape == mask.shape and original.is_floating_point():
            state[name] = original * mask.to(original.dtype)
    return transformers_names.renamed(state)


def _rank(state: State) -> tuple[int, bool]:
    last = state.place.rstrip("+").rpartition(".")[2]
    usual = not state.place or bool(USUAL.match(last))
    return 0 if state.averaged else 1 if usual else 2, state.joined


def _joined(place: str, more: str) -> str:
    return f"{place}.{more}" if place and more else place or more


def _line(key: object) -> str:
    """A tensor's name, in one line wherever it is told."""
    name = str(key)
    return name if name.isprintable() else ascii(name)
