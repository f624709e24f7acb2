"""A stack of layers as one word of a link, as lines of Python, and as the glow of its middle unit on a photo."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cnnviz.script import script
from cnnviz.signal import receptive
from cnnviz.signal.receptive import Window

MOST_LAYERS, LARGEST = 12, 64  # as in the browser
WIDEST = 4096  # px of a field that is drawn
KINDS = {"c": "conv", "m": "max", "a": "average"}
NONE = "0"  # a stack without a layer
_DEFAULTS = (("s", "stride", 1), ("p", "padding", 0), ("d", "dilation", 1))


def to_link(layers: Sequence[Window]) -> str:
    """The stack as a word: `c7s2p3~m3s2p1` is a convolution of 7 x 7, stride 2, padding 3, and a max pooling."""
    return "~".join(map(_word, layers)) or NONE


def from_link(word: str, side: int) -> tuple[Window, ...] | None:
    """The stack that a word describes; None where it describes none that fits on a photo of so many px."""
    read = [] if word == NONE else [_layer(part) for part in word.split("~")]
    layers = tuple(layer for layer in read if layer is not None)
    if len(layers) < len(read) or len(layers) > MOST_LAYERS:
        return None
    return layers if receptive.sizes(side, layers)[-1] and receptive.stack(layers)[-1].size <= WIDEST else None


def as_python(layers: Sequence[Window]) -> str:
    """A script that computes the field of one unit of the stack, and how much each of its pixels counts."""
    rows = "".join(f"    {layer},\n" for layer in layers)
    return script(
        f"layers = [\n{rows}]",
        "print(stack(layers)[-1])  # size of the field, jump to the next unit's, middle of the first",
        "line = effective_stack(layers)",
        "field = np.outer(line, line)  # how much each pixel of the field counts, the largest 1",
        "",
        imports=("import numpy as np", "from cnnviz.signal.receptive import Window, effective_stack, stack"),
    )


def _word(layer: Window) -> str:
    sizes = "".join(f"{letter}{getattr(layer, n)}" for letter, n, default in _DEFAULTS if getattr(layer, n) != default)
    return f"{layer.kind[0]}{layer.kernel}{sizes}"


def _layer(word: str) -> Window | None:
    if not (match := re.fullmatch(r"([cma])(\d{1,2})(?:s(\d{1,2}))?(?:p(\d{1,2}))?(?:d(\d{1,2}))?", word)):
        return None
    kind, kernel, stride, padding, dilation = match.groups()
    layer = Window(KINDS[kind], int(kernel), int(stride or 1), int(padding or 0), int(dilation or 1))
    sides = layer.kernel, layer.stride, layer.dilation
    return layer if min(sides) > 0 and max(*sides, layer.padding) <= LARGEST else None
