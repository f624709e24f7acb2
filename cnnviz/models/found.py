"""Which network a checkpoint holds: the part of the file that fits one, its head from beside it, the rest set aside.

What lies beside the network and has weights of its own is not set aside: the file is refused, because its part in the
answer is unknown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from cnnviz.models import families, identify, layout, tasks, timm_nets
from cnnviz.models.checkpoint import CheckpointError, Contents, checked
from cnnviz.models.described import Description
from cnnviz.models.identify import Skeleton
from cnnviz.models.layout import State

MOST = 8  # names in a note
SAVE_WHOLE = "save the state dict of the whole network, or export it with torch.export.save(...) as .pt2"


@dataclass(frozen=True)
class Found:
    """The network in a checkpoint: its name, its tensors by that network's names, itself without them, and notes."""

    name: str
    state: dict[str, Tensor]
    made: Skeleton
    notes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()  # by which it normalised its input itself
    std: tuple[float, ...] = ()


def find(contents: Contents, file: str, said: Description) -> Found:
    """The network in a checkpoint; the one that a card describes, where it does.

    Of several the first that fits is taken, in the order of `layout.states`. Raises `CheckpointError` saying why the
    likeliest part of the file fits none.
    """
    refusals: list[CheckpointError] = []
    for state in contents.states:
        if how := tasks.pretrained(state.names()):
            refusals.append(CheckpointError(f"{file} holds a network {how}."))
            continue
        for part in layout.networks(state):
            try:
                found = _one(part, file, said, contents.called)
            except CheckpointError as refusal:
                refusals.append(refusal)
            else:
                return dataclasses.replace(found, notes=(*_which(contents, part), *found.notes))
    if what := tasks.other(name for state in contents.states for name in state.names()):
        raise CheckpointError(f"{file} holds a network {what}.")
    raise refusals[0]


def _one(part: State, file: str, said: Description, called: tuple[str, ...]) -> Found:
    """The network of one part of a file, with a head that lies beside it; refused where something else does."""
    inner, aside = layout.without_harmless(part.tensors, deep=False)
    beside, more = layout.without_harmless(part.beside, deep=True)
    inner, beside, mean, std = _normalisation(inner, beside)
    state, used = _headed(inner, beside, part, file)
    state = checked(identify.trimmed(state), file)
    name = said.net or identify.name_of(state, file, said.given, called)
    made = said.skeleton(name, state, file)
    left = {key: value for key, value in beside.items() if not key.startswith(used)} if used else beside
    others = layout.roots(left)
    unclear = [
        key for key, value in left.items() if value.dim() > 1 and not any(key.startswith(other) for other in others)
    ]
    if unclear:
        names = ", ".join(dict.fromkeys(key.rpartition(".")[0] or key for key in unclear[:3]))
        raise CheckpointError(
            f"{file} has a {name} under {part.prefix.rstrip('.')!r}, and beside it {names}, whose part in the answer "
            f"no tensor shows; save the whole network with torch.export.save(...) as .pt2, or the {name} alone."
        )
    small = (_module(key, others) for key, value in left.items() if value.dim() < 2)
    set_aside = list(dict.fromkeys((*aside, *more, *small)))
    more_of_them = f" and {len(set_aside) - MOST} more" if len(set_aside) > MOST else ""
    notes = (f"set aside: {', '.join(set_aside[:MOST])}{more_of_them}",) if set_aside else ()
    if used:
        notes = (f"its output layer is {used.rstrip('.')}, behind average pooling", *notes)
    return Found(name, state, made, notes, mean, std)


def _headed(
    inner: dict[str, Tensor], beside: Mapping[str, Tensor], part: State, file: str
) -> tuple[dict[str, Tensor], str]:
    """The tensors of a network with its head, and where the head lay, if not in its own place."""
    shapes = identify.shapes_of(inner)
    rows = [row for row in families.FAMILIES if row.prefix in families.marked(inner)]
    headless = timm_nets.headless(shapes)
    tops = list(dict.fromkeys(row.head.partition(".")[0] for row in rows))
    tops = tops if tops or not headless else [headless[0].classifier[0]]
    own_place = any(key.startswith(f"{top}.") for key in inner for top in tops)
    if not tops or own_place or timm_nets.alike(shapes):
        return inner, ""
    parent = part.prefix.rstrip(".").rpartition(".")[0]
    outer = layout.outer_heads(beside, f"{parent}." if parent else "")
    own = layout.outer_heads(inner) if rows else {}  # in timm's a module head may hold more than the output layer
    heads_ = {**outer, **own}
    if len(heads_) != 1:
        named = ", ".join(name.rstrip(".") for name in heads_)
        kind = rows[0].prefix if rows else headless[0].name
        if heads_:
            raise CheckpointError(
                f"{file} has a {kind} with several output layers ({named}), and which one answers cannot be told; "
                f"{SAVE_WHOLE}."
            )
        raise CheckpointError(
            f"{file} has a {kind} with no output layer, as it is after pretraining without classes; train one on it "
            f"and {SAVE_WHOLE}."
        )
    (place, tensors), top = next(iter(heads_.items())), tops[0]
    trunk = {key: value for key, value in inner.items() if not key.startswith(place)} if own else inner
    return {**trunk, **{f"{top}.{key}": value for key, value in tensors.items()}}, place


def _module(key: str, others: Sequence[str]) -> str:
    """What a tensor is called that was set aside: the other network it is of, or itself."""
    return next((other.rstrip(".") for other in others if key.startswith(other) and other), key)


def _normalisation(
    inner: dict[str, Tensor], beside: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor], tuple[float, ...], tuple[float, ...]]:
    """Both without the mean and deviation by which a network normalises its input itself, and these."""
    found: dict[str, tuple[float, ...]] = {}
    for tensors in (inner, beside):
        while (known := layout.normalisation(tensors)) is not None:
            key, which, values = known
            tensors.pop(key)
            found.setdefault(which, values)
    mean, std = found.get("mean", ()), found.get("std", ())
    if not mean or not std or len(mean) != len(std):
        return inner, beside, (), ()
    if max(mean) > 1:  # of pixels from 0 to 255
        mean, std = tuple(value / 255 for value in mean), tuple(value / 255 for value in std)
    return inner, beside, mean, std


def _which(contents: Contents, part: State) -> tuple[str, ...]:
    """Where the network lay, and of several which one it is."""
    places = dict.fromkeys(
        layout.place(state, prefix)
        for state in contents.states
        if not state.joined
        for prefix in layout.roots(state.tensors)
    )
    if len(places) < 2:
        return ()
    why = "the averaged weights" if part.averaged else "the first"
    return (
        f"of {len(places)} networks in the file ({', '.join(places)}) it is {part.place or 'the top level'}, {why}",
    )
