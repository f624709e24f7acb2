"""Layers that exporters write out in several nodes, put together again."""

from __future__ import annotations

import math
from typing import Any

from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Known, Live, Record

GATES = {"aten.sigmoid.default": "aten.silu.default", "aten.hardsigmoid.default": "aten.hardswish.default"}


def activation(t: Trace, x: Known, gate: Known) -> Live | None:
    """SiLU, hardswish, Mish or GELU where x times the gate is one; None where it is not."""
    if not isinstance(x, Live):
        return None
    for op, whole in GATES.items():
        record = t.maker(gate, op)
        if record is not None and record.args[0] is x:
            return _instead(t, [record], whole, x)
    return _mish(t, x, gate) or _gelu(t, x, gate)


def hard_swish(t: Trace, x: Known, other: Known) -> Live | None:
    """Hardswish where x times clamp(x + 3, 0, 6) is divided by 6; None where it is not."""
    product = t.maker(x, "aten.mul.Tensor")
    if product is None or _number(other) != 6:
        return None
    for one, two in (product.args, product.args[::-1]):
        clamp = t.maker(two, "aten.hardtanh.default")
        added = clamp and clamp.args[1:] == (0.0, 6.0) and t.maker(clamp.args[0], "aten.add.Tensor")
        if clamp and added and added.args[0] is one and added.args[1] == 3.0:
            return _instead(t, [product, clamp, added], "aten.hardswish.default", one)
    return None


def affine(t: Trace, x: Known, other: Known, part: str) -> Known | None:
    """A group norm that is given its weight or bias afterwards, a number a channel; None where x is none."""
    record = t.maker(x, "aten.group_norm.default")
    at = 2 if part == "weight" else 3
    if record is None or not isinstance(other, Constant) or other.second is not None or record.args[at] is not None:
        return None
    shape = tuple(other.tensor.shape)
    channels = record.out[0].shape[1]
    rank = len(record.out[0].shape)
    if (
        other.tensor.numel() != channels
        or len(shape) < rank - 1
        or shape[-(rank - 1) :] != (channels, *(1,) * (rank - 2))
    ):
        return None
    if part == "weight" and record.args[3] is not None:
        return None
    return t.change(record, at, Constant(other.tensor.reshape(-1), other.name))


def group_norm(t: Trace, x: Live, shape: tuple[int, ...]) -> Live | None:
    """Group norm where a reshape takes back the instance norm of groups of channels; None where it is none."""
    norm = t.maker(x, "aten.instance_norm.default")
    if norm is None or len(x.shape) != 3 or not isinstance(norm.args[0], Live):
        return None
    joined = t.maker(norm.args[0], "aten.flatten.using_ints")
    divided = joined and t.maker(joined.args[0], "aten.unflatten.int")
    if not (joined and divided) or joined.args[1:] != (2, len(shape)) or divided.args[1] != 1:
        return None
    source = divided.args[0]
    if not isinstance(source, Live) or source.shape != shape:
        return None
    weight, bias = norm.args[1], norm.args[2]
    if not (isinstance(weight, Constant) and bool((weight.tensor == 1).all()) and not bool(bias.tensor.any())):
        return None
    return _instead(
        t, [norm, joined, divided], "aten.group_norm.default", source, x.shape[1], None, None, norm.args[7], False
    )


def _mish(t: Trace, x: Live, gate: Known) -> Live | None:
    tanh = t.maker(gate, "aten.tanh.default")
    soft = tanh and t.maker(tanh.args[0], "aten.softplus.default")
    return _instead(t, [tanh, soft], "aten.mish.default", x) if tanh and soft and soft.args[0] is x else None


def _gelu(t: Trace, x: Live, gate: Known) -> Live | None:
    """x, times a half, times erf(x / sqrt(2)) + 1; the half comes first, last, or in between."""
    if _number(gate) == 0.5:
        product = t.maker(x, "aten.mul.Tensor")
        found = product and (_erf(t, *product.args) or _erf(t, *product.args[::-1]))
        return _instead(t, [product, *found[1]], "aten.gelu.default", found[0], "none") if product and found else None
    half = t.maker(x, "aten.mul.Tensor")
    if half and half.args[1] == 0.5 and (found := _erf(t, half.args[0], gate)):
        return _instead(t, [half, *found[1]], "aten.gelu.default", found[0], "none")
    half = t.maker(gate, "aten.mul.Tensor")
    if half and half.args[1] == 0.5 and (found := _erf(t, x, half.args[0])):
        return _instead(t, [half, *found[1]], "aten.gelu.default", found[0], "none")
    return None


def _erf(t: Trace, x: Any, added: Any) -> tuple[Live, list[Record]] | None:
    """X and the steps between, where the other is erf(x / sqrt(2)) + 1."""
    one = t.maker(added, "aten.add.Tensor")
    erf = one and one.args[1] == 1.0 and t.maker(one.args[0], "aten.erf.default")
    scaled = erf and (t.maker(erf.args[0], "aten.div.Tensor") or t.maker(erf.args[0], "aten.mul.Tensor"))
    if not (one and erf and scaled) or scaled.args[0] is not x or not isinstance(scaled.args[1], float):
        return None
    factor = scaled.args[1] if "mul" in scaled.op else 1 / scaled.args[1]
    return (x, [one, erf, scaled]) if abs(factor - math.sqrt(0.5)) < 1e-5 else None


def _instead(t: Trace, records: list[Record], op: str, *args: Any) -> Live:
    """One step instead of several."""
    for record in records:
        t.drop(record)
    made: Live = t.emit(op, *args)
    return made


def _number(value: Known) -> float | None:
    if isinstance(value, Constant) and value.tensor.numel() == 1 and value.tensor.is_floating_point():
        return float(value.tensor)
    return None
