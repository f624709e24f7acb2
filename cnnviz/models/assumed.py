"""What tensors do not show of a network, what is assumed instead, and what else it may be.

A card beside the checkpoint sets it: `"assumed": {"activation": "Tanh"}`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from cnnviz.options import RequestError

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "none": nn.Identity,
    "Tanh": nn.Tanh,
    "Sigmoid": nn.Sigmoid,
    "LeakyReLU": nn.LeakyReLU,
    "ELU": nn.ELU,
    "GELU": nn.GELU,
    "SiLU": nn.SiLU,
    "Hardswish": nn.Hardswish,
}


@dataclass(frozen=True)
class Assumption:
    """Something about a network that no tensor shows: the first of its choices, unless a card says another."""

    name: str
    title: str
    choices: tuple[str, ...]
    value: str
    stated: bool = False  # whether a card says so

    @property
    def words(self) -> str:
        """The assumption in words: its title and value."""
        return f"{self.title}: {self.value}"


def assumption(name: str, given: Mapping[str, str]) -> Assumption:
    """That assumption, with the value that a card gives. Raises `RequestError` for a value that it cannot have."""
    row = next(row for row in TABLE if row.name == name)
    value = given.get(name, row.value)
    if value not in row.choices:
        raise RequestError(f"The card assumes {value!r} for {name}; choose one of {', '.join(row.choices)}.")
    return dataclasses.replace(row, value=value, stated=name in given)


def parse(card: object) -> dict[str, str]:
    """The assumptions that a card states. Raises `RequestError` where they are no mapping of known names."""
    known = [row.name for row in TABLE]
    if card is None:
        return {}
    if not isinstance(card, dict) or not all(key in known and isinstance(value, str) for key, value in card.items()):
        raise RequestError(f"A card's assumed is an object with {', '.join(known)}; correct the card.")
    return dict(card)


def _row(name: str, title: str, *choices: str) -> Assumption:
    return Assumption(name, title, choices, choices[0])


TABLE: tuple[Assumption, ...] = (
    _row("activation", "Activation between the linear layers of the head", *ACTIVATIONS),
    _row("transform_input", "Input normalised again as by torchvision's weights (transform_input)", "yes", "no"),
    _row("dilation", "Dilation in place of stride", "none", "last stage", "last two stages"),
    _row(
        "stem", "First convolution (3 x 3)", "stride 1, no max pooling", "stride 1, max pooling",
        "stride 2, no max pooling", "stride 2, max pooling",
    ),
)  # fmt: skip
