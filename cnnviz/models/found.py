"""Which network a checkpoint holds: the part of the file that fits one, its head from beside it, the rest set aside.

What lies beside the network and has weights of its own is not set aside: the file is refused, because its part in the
answer is unknown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from cnnviz.models import families, identify, layout, timm_nets
from cnnviz.models.checkpoint import CheckpointError, Contents, checked
from cnnviz.models.described import Description
from cnnviz.models.identify import Skeleton
from cnnviz.models.layout import State

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
        for part in layout.networks(state):
            try:
                found = _one(part, file, said)
            except CheckpointError as refusal:
                refusals.append(refusal)
            else:
                return dataclasses.replace(found, notes=(*_which(contents, part), *found.notes))
    raise refusals[0]


def _one(part: State, file: str, said: Description) -> Found:
    """The network of one part of a file, with a head that lies beside it; refused where something else does."""
    inner, aside = layout.without_harmless(part.tensors, deep=False)
    beside, more = layout.without_harmless(part.beside, deep=True)
    inner, beside, mean, std = _normalisation(inner, beside)
    state, used = _headed(inner, beside, part, file)
    state = checked(identify.trimmed(state), file)
    name = said.net or identify.name_of(state, file, said.given)
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
    set_aside = dict.fromkeys((*aside, *more, *(key for key, value in left.items() if value.dim() < 2)))
    notes = (f"set aside: {', '.join(set_aside)}",) if set_aside else ()
    if used:
        notes = (f"its output layer is {used.rstrip('.')}, behind average pooling", *notes)
    return Found(name, state, made, notes, mean, std)


def _headed(
    inner: dict[str, Tensor], beside: Mapping[str, Tensor], part: State, file: str
) -> tuple[dict[str, Tensor], str]:
    """The tensors of a network with its head, and where the head lay, if not in its own place."""
    rows = [row for row in families.FAMILIES if row.prefix in families.marked(inner)]
    tops = dict.fromkeys(row.head.partition(".")[0] for row in rows)
    own_place = any(key.startswith(f"{top}.") for key in inner for top in tops)
    if not rows or own_place or timm_nets.recognised(identify.shapes_of(inner), Path(file).stem):
        return inner, ""
    parent = part.prefix.rstrip(".").rpartition(".")[0]
    outer = layout.outer_heads(beside, f"{parent}." if parent else "")
    own = layout.outer_heads(inner)
    heads_ = {**outer, **own}
    if len(heads_) != 1:
        named = ", ".join(name.rstrip(".") for name in heads_)
        what = f"several ({named}), and which one answers" if heads_ else "no output layer, and what it answers"
        raise CheckpointError(f"{file} has a {rows[0].prefix} with {what} cannot be told; {SAVE_WHOLE}.")
    (place, tensors), top = next(iter(heads_.items())), next(iter(tops))
    trunk = {key: value for key, value in inner.items() if not key.startswith(place)} if own else inner
    return {**trunk, **{f"{top}.{key}": value for key, value in tensors.items()}}, place


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
