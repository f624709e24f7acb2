"""Write cnnviz/models/assets/timm.txt from the installed timm: `python -m tools.timm_table` (two minutes).

A network is a CNN where its family is one of `timm_nets.FAMILIES` and no part of it is attention between positions:
none of its modules' classes is among `timm_nets.ATTENTION`. Networks without output layer are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import timm
from torch import nn

from cnnviz.models import timm_nets
from cnnviz.models.build import Weightless
from cnnviz.models.identify import STATISTICS


def line(name: str, family: str) -> str:
    """A network's line of the table; "" where it is no CNN with an output layer."""
    with Weightless():
        net: nn.Module = timm.create_model(name)
    said: Any = timm.get_pretrained_cfg(name)
    classes = {type(part).__name__ for part in net.modules()}
    if classes & timm_nets.ATTENTION or not said.classifier:
        return ""
    first, classifier = _names(said.first_conv), _names(said.classifier)
    shapes = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    count = sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(STATISTICS))
    mark = timm_nets.signature(shapes, first, classifier)
    return f"{name} {family} {count} {mark} {','.join(first)} {','.join(classifier)}"


def lines() -> Iterator[str]:
    """The table, sorted by name."""
    for name in sorted(timm.list_models()):
        family = timm.model_entrypoint(name).__module__.rpartition(".")[2]
        if family in timm_nets.FAMILIES and (found := line(name, family)):
            yield found


def _names(said: str | tuple[str, ...]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


if __name__ == "__main__":
    timm_nets.TABLE.write_text("".join(f"{one}\n" for one in lines()), encoding="utf-8")
