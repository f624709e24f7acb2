"""What a convolution or linear layer multiplied to make one number."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from cnnviz.attribution.positions import Place
from cnnviz.inference.recording import Operation, Value
from cnnviz.options import RequestError

Operands = tuple[Tensor, Tensor, list[int], float]  # patch and weights (C, k, k), channels of the input (C,), bias


def operands(by: Operation, at: Place) -> Operands:
    """Patch and weights, (C, k, k) both, the channels of the input that they are of, and the bias.

    A linear layer is a convolution of 1 x 1. Raises `RequestError` for convolutions that are not over an image.
    """
    return _convolution(by, at) if by.name == "convolution" else _linear(by, at)


def reads_photo(by: Operation) -> bool:
    """Whether the input of a convolution is the network's own, perhaps padded."""
    value = by.inputs[0]
    while value.by is not None and value.by.name.endswith(("_pad2d", "_pad_nd")):
        value = value.by.inputs[0]
    return value.by is None


def _convolution(by: Operation, at: Place) -> Operands:
    maps, weight = _numbers(by.given["input"])[at[0]], _numbers(by.given["weight"])[at[1]]  # (C, H, W), (C / g, k, k)
    if by.given["transposed"] or maps.ndim != 3:
        raise RequestError("Only convolutions over an image can be spelled out; choose the layer before this one.")
    (above, beside), (down, across), (step_y, step_x) = (by.given[key] for key in ("padding", "stride", "dilation"))
    padded = F.pad(maps, (beside, beside, above, above))  # (C, H + p, W + p)
    per = weight.shape[0]
    first = at[1] // (len(_numbers(by.given["weight"])) // by.given["groups"]) * per
    ys = [at[2] * down + k * step_y for k in range(weight.shape[1])]
    xs = [at[3] * across + k * step_x for k in range(weight.shape[2])]
    patch = padded[first : first + per][:, ys][:, :, xs]  # (C / g, k, k)
    bias = by.given["bias"]
    return patch, weight, list(range(first, first + per)), 0.0 if bias is None else float(_numbers(bias)[at[1]])


def _linear(by: Operation, at: Place) -> Operands:
    names = ("mat1", "mat2") if by.name == "addmm" else ("self", "mat2")
    left, right = (_numbers(by.given[name]) for name in names)  # (..., n, K), (..., K, m)
    row, column = left[at[:-1]], right[at[:-2]][:, at[-1]]  # (K,)
    bias = 0.0
    if by.name == "addmm":
        constant = _numbers(by.given["self"]).expand(left.shape[0], right.shape[1])
        bias = float(constant[at]) * float(by.given["beta"])
        column = column * by.given["alpha"]
    if isinstance(by.given[names[1]], Value) and not isinstance(by.given[names[0]], Value):
        row, column = column, row
    return row[:, None, None], column[:, None, None], list(range(len(row))), bias


def _numbers(value: Any) -> Tensor:
    found: Tensor = value.numbers if isinstance(value, Value) else value.detach()
    return found
