"""What a file has around a network: the scaling of pixels before it, and where its outputs are.

The scaling is taken off, since photos are scaled outside of a network here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cnnviz.models.foreign.graph import ForeignError, printable
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Live, Record

OUTPUTS = ("logits", "out", "output")
SCALED = ("aten.mul.Tensor", "aten.div.Tensor", "aten.add.Tensor", "aten.sub.Tensor")
WHITE = 255.0
PIXELS = 16.0  # a deviation above this is one of pixels from 0 to 255, below it one of numbers from 0 to 1


def logits(trace: Trace, name: str) -> Live:
    """The numbers of the classes (N, K) in a trace: its output of a usual name or its first.

    Raises `ForeignError` where its output is anything else.
    """
    outputs = trace.graph.outputs
    rows = [one for one in outputs if isinstance(live := trace.env.get(one), Live) and _row(live.shape)]
    chosen = next((one for one in (*OUTPUTS, *rows, *outputs) if one in outputs), "")
    found = trace.env.get(chosen)
    if not isinstance(found, Live):
        raise ForeignError(
            f"{name} has the output {printable(chosen)}, which does not depend on its input; export it again."
        )
    if len(found.shape) == 4 and found.shape[2:] == (1, 1):
        found = trace.emit("aten.flatten.using_ints", found, 1)
    if len(found.shape) != 2:
        raise ForeignError(
            f"{name} has an output of {' x '.join(map(str, found.shape))} instead of a number a class (N x K); "
            "export a network that classifies."
        )
    return found


def _row(shape: tuple[int, ...]) -> bool:
    """Whether it is a number a class, or a map a class with one position."""
    return len(shape) == 2 or (len(shape) == 4 and shape[2:] == (1, 1))


def pixels(trace: Trace, said: dict[str, str]) -> Live:
    """The input of the network proper, behind a scaling of pixels.

    Its mean and deviation are said for pixels from 0 to 1, and as `white` what the file has for a white one, 1 or 255.
    """
    channels = trace.input.shape[1]
    factor, shift = torch.ones(channels), torch.zeros(channels)
    found = trace.input
    while (record := _only_reader(trace, found)) is not None and record.op in SCALED:
        number = _per_channel(record, channels)
        if number is None or record.args[0] is not found:
            break
        word = record.op.split(".")[1]
        factor = factor * number if word == "mul" else factor / number if word == "div" else factor
        shift = {"mul": shift * number, "div": shift / number, "add": shift + number, "sub": shift - number}[word]
        found = record.out[0]
    if found is trace.input or not bool((factor > 0).all()):
        return trace.input
    std = 1 / factor
    scale = WHITE if float(std.max()) > PIXELS else 1.0
    mean = -shift * std / scale
    std = std / scale
    if not bool(torch.isfinite(torch.cat([mean, std])).all()):
        return trace.input
    said["normalisation"] = json.dumps({"mean": _short(mean), "std": _short(std), "white": scale})
    return found


def wrapped(trace: Trace) -> str:
    """The module that cnnviz's own export has around a network; "" for other files."""
    return "net" if "cnnviz" in trace.graph.notes else ""


def unwrapped(path: str, around: str) -> str:
    """A name without the module around it."""
    return path.removeprefix(f"{around}.") if around else path


def card(notes: Mapping[str, str]) -> dict[str, Any]:
    """What cnnviz's own export says of preprocessing and labels; nothing for other files."""
    try:
        found = json.loads(notes.get("cnnviz", "{}")[:10_000_000])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _only_reader(trace: Trace, value: Live) -> Record | None:
    """The step that alone reads a value."""
    found = [record for record in trace.records if any(one is value for one in record.args)]
    return found[0] if len(found) == 1 and trace.alone(value) else None


def _per_channel(record: Record, channels: int) -> Tensor | None:
    """The number for each channel that a step adds or multiplies with; None where it has others."""
    other = record.args[1]
    if isinstance(other, (int, float)):
        return torch.full((channels,), float(other)) if other or "div" not in record.op else None
    if not isinstance(other, Constant) or other.second is not None or not other.tensor.is_floating_point():
        return None
    shape = tuple(other.tensor.shape)
    if (
        len(shape) > 4
        or other.tensor.numel() not in (1, channels)
        or (other.tensor.numel() > 1 and shape[-3:] != (channels, 1, 1))
    ):
        return None
    return other.tensor.flatten().expand(channels)


def _short(numbers: Tensor) -> list[float]:
    return [float(f"{one:.6g}") for one in numbers.tolist()]
