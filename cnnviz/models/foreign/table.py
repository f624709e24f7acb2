"""The table of `operators`: one row an operation, written as a network's own source would call it.

Dropout and batch norm run as in evaluation; dtypes of lower or higher precision are float32, as the weights are.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import functional as F

Row = tuple[str, str, Callable[..., Any], dict[str, bool]]
FLOATS = (torch.float16, torch.bfloat16, torch.float64)
VIEW = {"view": True}
SEVERAL = {"several": True}


def rows() -> Iterator[Row]:
    """Name, signature, function and marks of each operation."""
    for name, signature, run in _WEIGHTS + _POOLS + _ACTIVATIONS + _NUMBERS + _REDUCTIONS + _MAKING + _SIZES:
        yield name, signature, run, {}
    for name, signature, run in _VIEWS:
        yield name, signature, run, VIEW
    for name, signature, run in _LISTS:
        yield name, signature, run, SEVERAL | VIEW
    for name, signature, run in _PAIRS:
        yield name, signature, run, SEVERAL


def real(dtype: torch.dtype | None) -> torch.dtype | None:
    """The dtype that a value has here: float32 for every floating one."""
    return torch.float32 if dtype in FLOATS else dtype


def _batch_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, _: Any, momentum: Any, eps: Any, __: Any) -> Any:
    return F.batch_norm(x, mean, var, weight, bias, False, momentum, eps)


def _frozen_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, momentum: Any, eps: Any) -> Any:
    return F.batch_norm(x, mean, var, weight, bias, False, momentum, eps), None, None


def _instance_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, use_input: Any, momentum: Any, eps: Any, _: Any
) -> Any:
    return F.instance_norm(x, mean, var, weight, bias, use_input, momentum, eps)


def _convolution(
    x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, transposed: Any, output_padding: Any, groups: Any
) -> Any:
    if transposed:
        return F.conv_transpose2d(x, w, b, stride, padding, output_padding, groups, dilation)
    return (F.conv1d if len(stride) == 1 else F.conv2d)(x, w, b, stride, padding, dilation, groups)


def _layer_norm(x: Any, shape: Any, weight: Any, bias: Any, eps: Any, _: Any = None) -> Any:
    return F.layer_norm(x, list(shape) if isinstance(shape, tuple) else [shape], weight, bias, eps)


def _max_pool(x: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil: Any) -> Any:
    return F.max_pool2d(x, size, stride or size, padding, dilation, ceil_mode=ceil)


def _avg_pool(x: Any, size: Any, stride: Any, padding: Any, ceil: Any, count: Any, divisor: Any) -> Any:
    return F.avg_pool2d(x, size, stride or size, padding, ceil, count, divisor)


def _interpolate(mode: str, corners: bool) -> Callable[..., Any]:
    def run(x: Any, size: Any, *more: Any) -> Any:
        scale = more[-1]
        size = None if size in (None, ()) else size
        return F.interpolate(x, size, scale if size is None else None, mode, more[0] if corners else None)

    return run


def _gelu(x: Any, approximate: Any) -> Any:
    return F.gelu(x, approximate=approximate)


def _divided(x: Any, other: Any, rounding: Any) -> Any:
    return torch.div(x, other, rounding_mode=rounding)


def _added(x: Any, other: Any, alpha: Any) -> Any:
    return torch.add(x, other) if alpha == 1 else torch.add(x, other, alpha=alpha)


def _less(x: Any, other: Any, alpha: Any) -> Any:
    return torch.sub(x, other) if alpha == 1 else torch.sub(x, other, alpha=alpha)


def _cast(x: Any, dtype: Any, *_: Any) -> Any:
    return x if dtype is None else x.to(real(dtype))


def _cast_to_device(x: Any, _: Any, dtype: Any, *__: Any) -> Any:
    return _cast(x, dtype)


def _same(x: Any, *_: Any) -> Any:
    return x


def _kept(x: Any, *_: Any) -> Any:
    return x.clone()


def _contiguous(x: Any, _: Any) -> Any:
    return x.contiguous()


def _pad(x: Any, pad: Any, mode: Any, value: Any) -> Any:
    return F.pad(x, pad, mode, value)


def _zero_pad(x: Any, pad: Any, value: Any) -> Any:
    return F.pad(x, pad, "constant", value)


def _mean(x: Any, dim: Any, keepdim: Any, _: Any) -> Any:
    return torch.mean(x) if dim in (None, ()) else torch.mean(x, dim, keepdim=keepdim)


def _sum(x: Any, dim: Any, keepdim: Any, _: Any) -> Any:
    return torch.sum(x) if dim in (None, ()) else torch.sum(x, dim, keepdim=keepdim)


def _var(x: Any, dim: Any, correction: Any, keepdim: Any) -> Any:
    return torch.var(x, dim, correction=1 if correction is None else correction, keepdim=keepdim)


def _std(x: Any, dim: Any, correction: Any, keepdim: Any) -> Any:
    return torch.std(x, dim, correction=1 if correction is None else correction, keepdim=keepdim)


def _var_mean(x: Any, dim: Any, correction: Any, keepdim: Any) -> Any:
    return torch.var_mean(x, dim, correction=1 if correction is None else correction, keepdim=keepdim)


def _norm(x: Any, order: Any, dim: Any, keepdim: Any, _: Any) -> Any:
    return torch.linalg.vector_norm(x, 2 if order is None else order, dim, keepdim=keepdim)


def _sized(x: Any, dim: Any) -> Any:
    return x.size(dim)


def _view(x: Any, size: Any) -> Any:
    return x.reshape(size)


def _expand(x: Any, size: Any, _: Any) -> Any:
    return x.expand(size)


def _repeat(x: Any, times: Any) -> Any:
    return x.repeat(times)


def _permuted(x: Any, dims: Any) -> Any:
    return x.permute(dims)


def _turned(x: Any, first: Any, second: Any) -> Any:
    return x.transpose(first, second)


def _flat(x: Any, start: Any, end: Any) -> Any:
    return torch.flatten(x, start) if end == -1 else torch.flatten(x, start, end)


def _squeezed(x: Any, dim: Any = None) -> Any:
    return x.squeeze() if dim is None else x.squeeze(dim)


def _sliced(x: Any, dim: Any, start: Any, end: Any, step: Any) -> Any:
    whole: tuple[Any, ...] = (slice(None),) * dim if dim >= 0 else (Ellipsis,)
    after = () if dim >= 0 else (slice(None),) * (-dim - 1)
    end = None if isinstance(end, int) and end >= 2**62 else end
    return x[(*whole, slice(start, end, step), *after)]


def _indexed(x: Any, indices: Any) -> Any:
    return x[tuple(slice(None) if one is None else one for one in indices)]


def _zeros(size: Any, dtype: Any, *_: Any) -> Any:
    return torch.zeros(size, dtype=real(dtype))


def _ones(size: Any, dtype: Any, *_: Any) -> Any:
    return torch.ones(size, dtype=real(dtype))


def _full(size: Any, value: Any, dtype: Any, *_: Any) -> Any:
    return torch.full(size, value, dtype=real(dtype))


def _like(fill: float) -> Callable[..., Any]:
    def run(x: Any, dtype: Any, *_: Any) -> Any:
        return torch.full_like(x, fill, dtype=real(dtype))

    return run


def _full_like(x: Any, value: Any, dtype: Any, *_: Any) -> Any:
    return torch.full_like(x, value, dtype=real(dtype))


def _new(fill: float) -> Callable[..., Any]:
    def run(x: Any, size: Any, dtype: Any, *_: Any) -> Any:
        return x.new_full(size, fill, dtype=real(dtype))

    return run


def _scalar(value: Any, dtype: Any, *_: Any) -> Any:
    return torch.tensor(value, dtype=real(dtype))


def _arange(end: Any, dtype: Any, *_: Any) -> Any:
    return torch.arange(end, dtype=real(dtype))


def _arange_from(start: Any, end: Any, dtype: Any, *_: Any) -> Any:
    return torch.arange(start, end, dtype=real(dtype))


def _linspace(start: Any, end: Any, steps: Any, dtype: Any, *_: Any) -> Any:
    return torch.linspace(start, end, steps, dtype=real(dtype))


def _max_pool_pair(x: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil: Any) -> tuple[Any, Any]:
    return _max_pool(x, size, stride, padding, dilation, ceil), None


def _layer_norm_triple(x: Any, shape: Any, weight: Any, bias: Any, eps: Any) -> tuple[Any, Any, Any]:
    return _layer_norm(x, shape, weight, bias, eps), None, None


def _group_norm(x: Any, groups: Any, weight: Any, bias: Any, eps: Any, _: Any = None) -> Any:
    return F.group_norm(x, groups, weight, bias, eps)


def _group_norm_triple(x: Any, w: Any, b: Any, _: Any, __: Any, ___: Any, groups: Any, eps: Any) -> Any:
    return F.group_norm(x, groups, w, b, eps), None, None


def _attention(q: Any, k: Any, v: Any, mask: Any, _: Any, causal: Any, scale: Any, gqa: Any) -> Any:
    return F.scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale=scale, enable_gqa=gqa)


def _softmax(x: Any, dim: Any, _: Any) -> Any:
    return F.softmax(x, dim)


def _log_softmax(x: Any, dim: Any, _: Any) -> Any:
    return F.log_softmax(x, dim)


def _shuffled(x: Any, factor: Any) -> Any:
    return F.pixel_shuffle(x, factor)


def _dropped(x: Any, p: Any, _: Any) -> Any:
    return F.dropout(x, p, False)


def _clamped(x: Any, low: Any, high: Any) -> Any:
    return torch.clamp(x, low, high)


def _powered(x: Any, exponent: Any) -> Any:
    return torch.pow(x, exponent)


def _addmm(bias: Any, x: Any, weight: Any, beta: Any, alpha: Any) -> Any:
    return torch.addmm(bias, x, weight, beta=beta, alpha=alpha)


def _softplus(x: Any, beta: Any, threshold: Any) -> Any:
    return F.softplus(x, beta, threshold)


def _elu(x: Any, alpha: Any, scale: Any, input_scale: Any) -> Any:
    if scale == 1 and input_scale == 1:
        return F.elu(x, alpha)
    return torch.where(x > 0, scale * x, scale * alpha * torch.expm1(x * input_scale))


def _hardtanh(x: Any, low: Any, high: Any) -> Any:
    return F.relu6(x) if (low, high) == (0, 6) else F.hardtanh(x, low, high)


def _masked(x: Any, mask: Any, value: Any) -> Any:
    return x.masked_fill(mask, value)


def _split(x: Any, size: Any, dim: Any) -> Any:
    return torch.split(x, list(size) if isinstance(size, tuple) else size, dim)


def _where(condition: Any, x: Any, other: Any) -> Any:
    return torch.where(condition, x, other)


_TF = "dtype:d?=None layout:o?=None device:o?=None pin_memory:o?=None"
_CONV = "weight:T bias:T?=None stride:I=1 padding:I=0 dilation:I=1 groups:i=1"
_UP = "output_size:I?=None align_corners:b=False scale_factors:F?=None"
_UP_PLAIN = "output_size:I?=None scale_factors:F?=None"
_NORM = "weight:T?=None bias:T?=None running_mean:T?=None running_var:T?=None"
_POOL = "kernel_size:I stride:I=() padding:I=0 dilation:I=1 ceil_mode:b=False"

_WEIGHTS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.conv1d.default", f"input:T {_CONV}", F.conv1d),
    ("aten.conv2d.default", f"input:T {_CONV}", F.conv2d),
    ("aten.conv2d.padding", f"input:T {_CONV.replace('padding:I=0', 'padding:s=valid')}", F.conv2d),
    ("aten.conv1d.padding", f"input:T {_CONV.replace('padding:I=0', 'padding:s=valid')}", F.conv1d),
    (
        "aten.conv_transpose2d.input",
        "input:T weight:T bias:T?=None stride:I=1 padding:I=0 output_padding:I=0 groups:i=1 dilation:I=1",
        F.conv_transpose2d,
    ),
    (
        "aten.convolution.default",
        "input:T weight:T bias:T? stride:I padding:I dilation:I transposed:b output_padding:I groups:i",
        _convolution,
    ),
    ("aten.linear.default", "input:T weight:T bias:T?=None", F.linear),
    ("aten.addmm.default", "self:T mat1:T mat2:T beta:n=1 alpha:n=1", _addmm),
    ("aten.mm.default", "self:T mat2:T", torch.mm),
    ("aten.bmm.default", "self:T mat2:T", torch.bmm),
    ("aten.matmul.default", "self:T other:T", torch.matmul),
    (
        "aten.batch_norm.default",
        f"input:T {_NORM} training:b=False momentum:f=0.1 eps:f=1e-05 cudnn_enabled:b=False",
        _batch_norm,
    ),
    (
        "aten.instance_norm.default",
        f"input:T {_NORM} use_input_stats:b=True momentum:f=0.1 eps:f=1e-05 cudnn_enabled:b=False",
        _instance_norm,
    ),
    (
        "aten.layer_norm.default",
        "input:T normalized_shape:I weight:T?=None bias:T?=None eps:f=1e-05 cudnn_enable:b=True",
        _layer_norm,
    ),
    (
        "aten.group_norm.default",
        "input:T num_groups:i weight:T?=None bias:T?=None eps:f=1e-05 cudnn_enabled:b=True",
        _group_norm,
    ),
    (
        "aten.scaled_dot_product_attention.default",
        "query:T key:T value:T attn_mask:T?=None dropout_p:f=0.0 is_causal:b=False scale:f?=None enable_gqa:b=False",
        _attention,
    ),
    ("aten.prelu.default", "self:T weight:T", F.prelu),
]
_POOLS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.max_pool2d.default", f"self:T {_POOL}", _max_pool),
    (
        "aten.avg_pool2d.default",
        "self:T kernel_size:I stride:I=() padding:I=0 ceil_mode:b=False count_include_pad:b=True "
        "divisor_override:i?=None",
        _avg_pool,
    ),
    ("aten.adaptive_avg_pool2d.default", "self:T output_size:I", F.adaptive_avg_pool2d),
    ("aten._adaptive_avg_pool2d.default", "self:T output_size:I", F.adaptive_avg_pool2d),
    ("aten.adaptive_avg_pool1d.default", "self:T output_size:I", F.adaptive_avg_pool1d),
    (
        "aten.upsample_nearest2d.vec",
        "input:T output_size:I?=None scale_factors:F?=None",
        _interpolate("nearest", False),
    ),
    ("aten.upsample_bilinear2d.vec", f"input:T {_UP}", _interpolate("bilinear", True)),
    ("aten.upsample_bicubic2d.vec", f"input:T {_UP}", _interpolate("bicubic", True)),
    ("aten.pixel_shuffle.default", "self:T upscale_factor:i", _shuffled),
    ("aten.channel_shuffle.default", "self:T groups:i", torch.channel_shuffle),
    ("aten.pixel_unshuffle.default", "self:T downscale_factor:i", F.pixel_unshuffle),
    ("aten.pad.default", "self:T pad:I mode:s=constant value:f?=None", _pad),
    ("aten.constant_pad_nd.default", "self:T pad:I value:n=0", _zero_pad),
    ("aten.im2col.default", "self:T kernel_size:I dilation:I padding:I stride:I", F.unfold),
]
_ACTIVATIONS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.relu.default", "self:T", F.relu),
    ("aten.relu6.default", "self:T", F.relu6),
    ("aten.hardtanh.default", "self:T min_val:n=-1 max_val:n=1", _hardtanh),
    ("aten.leaky_relu.default", "self:T negative_slope:n=0.01", F.leaky_relu),
    ("aten.elu.default", "self:T alpha:n=1 scale:n=1 input_scale:n=1", _elu),
    ("aten.selu.default", "self:T", F.selu),
    ("aten.celu.default", "self:T alpha:n=1.0", F.celu),
    ("aten.gelu.default", "self:T approximate:s=none", _gelu),
    ("aten.silu.default", "self:T", F.silu),
    ("aten.mish.default", "self:T", F.mish),
    ("aten.hardswish.default", "self:T", F.hardswish),
    ("aten.hardsigmoid.default", "self:T", F.hardsigmoid),
    ("aten.sigmoid.default", "self:T", torch.sigmoid),
    ("aten.log_sigmoid.default", "self:T", F.logsigmoid),
    ("aten.tanh.default", "self:T", torch.tanh),
    ("aten.softplus.default", "self:T beta:n=1 threshold:n=20", _softplus),
    ("aten.softmax.int", "self:T dim:i dtype:d?=None", _softmax),
    ("aten._softmax.default", "self:T dim:i half_to_float:b", _softmax),
    ("aten.log_softmax.int", "self:T dim:i dtype:d?=None", _log_softmax),
    ("aten._log_softmax.default", "self:T dim:i half_to_float:b", _log_softmax),
    ("aten.dropout.default", "input:T p:f train:b", _dropped),
    ("aten.feature_dropout.default", "input:T p:f train:b", _dropped),
    ("aten.alpha_dropout.default", "input:T p:f train:b", _dropped),
]
_NUMBERS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.add.Tensor", "self:T other:n alpha:n=1", _added),
    ("aten.add.Scalar", "self:T other:n alpha:n=1", _added),
    ("aten.sub.Tensor", "self:T other:n alpha:n=1", _less),
    ("aten.sub.Scalar", "self:T other:n alpha:n=1", _less),
    ("aten.rsub.Scalar", "self:T other:n alpha:n=1", torch.rsub),
    ("aten.rsub.Tensor", "self:T other:T alpha:n=1", torch.rsub),
    ("aten.mul.Tensor", "self:T other:n", torch.mul),
    ("aten.mul.Scalar", "self:T other:n", torch.mul),
    ("aten.div.Tensor", "self:T other:n", torch.div),
    ("aten.div.Scalar", "self:T other:n", torch.div),
    ("aten.div.Tensor_mode", "self:T other:n rounding_mode:s?", _divided),
    ("aten.div.Scalar_mode", "self:T other:n rounding_mode:s?", _divided),
    ("aten.pow.Tensor_Scalar", "self:T exponent:n", _powered),
    ("aten.pow.Tensor_Tensor", "self:T exponent:T", _powered),
    ("aten.clamp.default", "self:T min:n?=None max:n?=None", _clamped),
    ("aten.clamp_min.default", "self:T min:n", torch.clamp_min),
    ("aten.clamp_max.default", "self:T max:n", torch.clamp_max),
    ("aten.maximum.default", "self:T other:T", torch.maximum),
    ("aten.minimum.default", "self:T other:T", torch.minimum),
    ("aten.max.other", "self:T other:T", torch.maximum),
    ("aten.min.other", "self:T other:T", torch.minimum),
    ("aten.neg.default", "self:T", torch.neg),
    ("aten.abs.default", "self:T", torch.abs),
    ("aten.exp.default", "self:T", torch.exp),
    ("aten.log.default", "self:T", torch.log),
    ("aten.sqrt.default", "self:T", torch.sqrt),
    ("aten.rsqrt.default", "self:T", torch.rsqrt),
    ("aten.reciprocal.default", "self:T", torch.reciprocal),
    ("aten.square.default", "self:T", torch.square),
    ("aten.erf.default", "self:T", torch.erf),
    ("aten.sin.default", "self:T", torch.sin),
    ("aten.cos.default", "self:T", torch.cos),
    ("aten.floor.default", "self:T", torch.floor),
    ("aten.ceil.default", "self:T", torch.ceil),
    ("aten.round.default", "self:T", torch.round),
    ("aten.sign.default", "self:T", torch.sign),
    ("aten.where.self", "condition:T self:T other:T", _where),
    ("aten.masked_fill.Scalar", "self:T mask:T value:n", _masked),
    *((f"aten.{name}.{kind}", "self:T other:n", getattr(torch, name))
      for name in ("gt", "ge", "lt", "le", "eq", "ne") for kind in ("Scalar", "Tensor")),
    ("aten.logical_not.default", "self:T", torch.logical_not),
    ("aten.logical_and.default", "self:T other:T", torch.logical_and),
]  # fmt: skip
_REDUCTIONS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.mean.dim", "self:T dim:I? keepdim:b=False dtype:d?=None", _mean),
    ("aten.mean.default", "self:T dtype:d?=None", lambda x, _: torch.mean(x)),
    ("aten.sum.dim_IntList", "self:T dim:I? keepdim:b=False dtype:d?=None", _sum),
    ("aten.sum.default", "self:T dtype:d?=None", lambda x, _: torch.sum(x)),
    ("aten.amax.default", "self:T dim:I=() keepdim:b=False", torch.amax),
    ("aten.amin.default", "self:T dim:I=() keepdim:b=False", torch.amin),
    ("aten.max.default", "self:T", torch.max),
    ("aten.min.default", "self:T", torch.min),
    ("aten.var.correction", "self:T dim:I?=None correction:n?=None keepdim:b=False", _var),
    ("aten.std.correction", "self:T dim:I?=None correction:n?=None keepdim:b=False", _std),
    ("aten.linalg_vector_norm.default", "self:T ord:n=2 dim:I?=None keepdim:b=False dtype:d?=None", _norm),
    ("aten.norm.ScalarOpt_dim", "self:T p:n? dim:I keepdim:b=False dtype:d?=None", _norm),
    ("aten.argmax.default", "self:T dim:i?=None keepdim:b=False", torch.argmax),
    ("aten.cumsum.default", "self:T dim:i dtype:d?=None", lambda x, dim, _: torch.cumsum(x, dim)),
]
_VIEWS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.view.default", "self:T size:I", _view),
    ("aten._unsafe_view.default", "self:T size:I", _view),
    ("aten.reshape.default", "self:T shape:I", _view),
    ("aten.flatten.using_ints", "self:T start_dim:i=0 end_dim:i=-1", _flat),
    ("aten.unflatten.int", "self:T dim:i sizes:I", lambda x, dim, sizes: x.unflatten(dim, sizes)),
    ("aten.permute.default", "self:T dims:I", _permuted),
    ("aten.transpose.int", "self:T dim0:i dim1:i", _turned),
    ("aten.t.default", "self:T", lambda x: x.t()),
    ("aten.numpy_T.default", "self:T", lambda x: x.t()),
    ("aten.squeeze.dim", "self:T dim:i", _squeezed),
    ("aten.squeeze.dims", "self:T dim:I", _squeezed),
    ("aten.squeeze.default", "self:T", _squeezed),
    ("aten.unsqueeze.default", "self:T dim:i", torch.unsqueeze),
    ("aten.expand.default", "self:T size:I implicit:b=False", _expand),
    ("aten.expand_as.default", "self:T other:T", lambda x, other: x.expand_as(other)),
    ("aten.view_as.default", "self:T other:T", lambda x, other: x.reshape(other.shape)),
    ("aten.slice.Tensor", "self:T dim:i=0 start:i?=None end:i?=None step:i=1", _sliced),
    ("aten.select.int", "self:T dim:i index:i", torch.select),
    ("aten.narrow.default", "self:T dim:i start:i length:i", torch.narrow),
    ("aten.contiguous.default", "self:T memory_format:o?=None", _contiguous),
    ("aten.detach.default", "self:T", _same),
    ("aten.detach_.default", "self:T", _same),
    ("aten.alias.default", "self:T", _same),
    ("aten.lift_fresh_copy.default", "self:T", _same),
    ("aten.lift_fresh.default", "self:T", _same),
    ("aten.to.dtype", "self:T dtype:d non_blocking:o=False copy:o=False memory_format:o?=None", _cast),
    ("aten.to.dtype_layout", f"self:T {_TF} non_blocking:o=False copy:o=False memory_format:o?=None", _cast),
    ("aten.to.device", "self:T device:o? dtype:d non_blocking:o=False copy:o=False memory_format:o?=None",
     _cast_to_device),
    ("aten.type_as.default", "self:T other:T", _same),
]  # fmt: skip
_MAKING: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.clone.default", "self:T memory_format:o?=None", _kept),
    ("aten._to_copy.default", f"self:T {_TF} non_blocking:o=False memory_format:o?=None", _cast),
    ("aten.cat.default", "tensors:Ts dim:i=0", torch.cat),
    ("aten.concat.default", "tensors:Ts dim:i=0", torch.cat),
    ("aten.stack.default", "tensors:Ts dim:i=0", torch.stack),
    ("aten.repeat.default", "self:T repeats:I", _repeat),
    ("aten.repeat_interleave.self_int", "self:T repeats:i dim:i?=None output_size:i?=None",
     lambda x, times, dim, _: torch.repeat_interleave(x, times, dim)),
    ("aten.roll.default", "self:T shifts:I dims:I=()", torch.roll),
    ("aten.flip.default", "self:T dims:I", torch.flip),
    ("aten.index.Tensor", "self:T indices:Ts0", _indexed),
    ("aten.index_select.default", "self:T dim:i index:T", torch.index_select),
    ("aten.gather.default", "self:T dim:i index:T sparse_grad:b=False",
     lambda x, dim, index, _: torch.gather(x, dim, index)),
    ("aten.zeros.default", f"size:I {_TF}", _zeros),
    ("aten.ones.default", f"size:I {_TF}", _ones),
    ("aten.full.default", f"size:I fill_value:n {_TF}", _full),
    ("aten.zeros_like.default", f"self:T {_TF} memory_format:o?=None", _like(0)),
    ("aten.ones_like.default", f"self:T {_TF} memory_format:o?=None", _like(1)),
    ("aten.full_like.default", f"self:T fill_value:n {_TF} memory_format:o?=None", _full_like),
    ("aten.new_zeros.default", f"self:T size:I {_TF}", _new(0)),
    ("aten.new_ones.default", f"self:T size:I {_TF}", _new(1)),
    ("aten.scalar_tensor.default", f"s:n {_TF}", _scalar),
    ("aten.arange.default", f"end:n {_TF}", _arange),
    ("aten.arange.start", f"start:n end:n {_TF}", _arange_from),
    ("aten.linspace.default", f"start:n end:n steps:i {_TF}", _linspace),
]  # fmt: skip
_LISTS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.chunk.default", "self:T chunks:i dim:i=0", torch.chunk),
    ("aten.split.Tensor", "self:T split_size:i dim:i=0", _split),
    ("aten.split.sizes", "self:T split_size:I dim:i=0", _split),
    ("aten.split_with_sizes.default", "self:T split_sizes:I dim:i=0", _split),
    ("aten.unbind.int", "self:T dim:i=0", torch.unbind),
]
_PAIRS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.max_pool2d_with_indices.default", f"self:T {_POOL}", _max_pool_pair),
    ("aten.var_mean.correction", "self:T dim:I?=None correction:n?=None keepdim:b=False", _var_mean),
    ("aten.max.dim", "self:T dim:i keepdim:b=False", torch.max),
    ("aten.native_layer_norm.default", "input:T normalized_shape:I weight:T? bias:T? eps:f", _layer_norm_triple),
    ("aten.native_group_norm.default", "input:T weight:T? bias:T? N:i C:i HxW:i group:i eps:f", _group_norm_triple),
    (
        "aten._native_batch_norm_legit_no_training.default",
        "input:T weight:T? bias:T? running_mean:T running_var:T momentum:f eps:f",
        _frozen_norm,
    ),
]
_SIZES: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.sym_size.int", "self:T dim:i", _sized),
    *((f"operator.{name}", "a:n b:n", getattr(operator, name))
      for name in ("add", "sub", "mul", "floordiv", "mod", "truediv")),
    ("operator.neg", "a:n", operator.neg),
    ("operator.min", "a:n b:n", min),
    ("operator.max", "a:n b:n", max),
    ("operator.ceil", "a:n", math.ceil),
    ("operator.int", "a:n", int),
    ("operator.float", "a:n", float),
]  # fmt: skip
