"""What the operations of the table do, written as a network's own source would call it.

Dropout and batch norm run as in evaluation; dtypes of lower or higher precision are float32, as the weights are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

FLOATS = (torch.float16, torch.bfloat16, torch.float64)


def real(dtype: torch.dtype | None) -> torch.dtype | None:
    """The dtype that a value has here: float32 for every floating one."""
    return torch.float32 if dtype in FLOATS else dtype


def batch_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, _: Any, momentum: Any, eps: Any, __: Any) -> Any:
    return F.batch_norm(x, mean, var, weight, bias, mean is None, momentum, eps)  # without statistics by its own


def frozen_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, momentum: Any, eps: Any) -> Any:
    return F.batch_norm(x, mean, var, weight, bias, False, momentum, eps), None, None


def instance_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, use_input: Any, momentum: Any, eps: Any, _: Any
) -> Any:
    return F.instance_norm(x, mean, var, weight, bias, use_input, momentum, eps)


def convolution(
    x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, transposed: Any, output_padding: Any, groups: Any
) -> Any:
    if transposed:
        return F.conv_transpose2d(x, w, b, stride, padding, output_padding, groups, dilation)
    return (F.conv1d if len(stride) == 1 else F.conv2d)(x, w, b, stride, padding, dilation, groups)


def layer_norm(x: Any, shape: Any, weight: Any, bias: Any, eps: Any, _: Any = None) -> Any:
    return F.layer_norm(x, list(shape) if isinstance(shape, tuple) else [shape], weight, bias, eps)


def max_pool(x: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil: Any) -> Any:
    return F.max_pool2d(x, size, stride or size, padding, dilation, ceil_mode=ceil)


def avg_pool(x: Any, size: Any, stride: Any, padding: Any, ceil: Any, count: Any, divisor: Any) -> Any:
    return F.avg_pool2d(x, size, stride or size, padding, ceil, count, divisor)


def interpolate(mode: str, corners: bool) -> Callable[..., Any]:
    def run(x: Any, size: Any, *more: Any) -> Any:
        scale = more[-1]
        size = None if size in (None, ()) else size
        return F.interpolate(x, size, scale if size is None else None, mode, more[0] if corners else None)

    return run


def gelu(x: Any, approximate: Any) -> Any:
    return F.gelu(x, approximate=approximate)


def divided(x: Any, other: Any, rounding: Any) -> Any:
    return torch.div(x, other, rounding_mode=rounding)


def added(x: Any, other: Any, alpha: Any) -> Any:
    return torch.add(x, other) if alpha == 1 else torch.add(x, other, alpha=alpha)


def less(x: Any, other: Any, alpha: Any) -> Any:
    return torch.sub(x, other) if alpha == 1 else torch.sub(x, other, alpha=alpha)


def cast(x: Any, dtype: Any, *_: Any) -> Any:
    return x if dtype is None else x.to(real(dtype))


def cast_to_device(x: Any, _: Any, dtype: Any, *__: Any) -> Any:
    return cast(x, dtype)


def same(x: Any, *_: Any) -> Any:
    return x


def kept(x: Any, *_: Any) -> Any:
    return x.clone()


def contiguous(x: Any, _: Any) -> Any:
    return x.contiguous()


def pad(x: Any, pad: Any, mode: Any, value: Any) -> Any:
    return F.pad(x, pad, mode, value)


def zero_pad(x: Any, pad: Any, value: Any) -> Any:
    return F.pad(x, pad, "constant", value)


def mean(x: Any, dim: Any, keepdim: Any, _: Any) -> Any:
    return torch.mean(x) if dim in (None, ()) else torch.mean(x, dim, keepdim=keepdim)


def sum(x: Any, dim: Any, keepdim: Any, _: Any) -> Any:
    return torch.sum(x) if dim in (None, ()) else torch.sum(x, dim, keepdim=keepdim)


def adaptive_max_pool_pair(x: Any, size: Any) -> Any:
    return F.adaptive_max_pool2d(x, size, return_indices=True)


def var(x: Any, dim: Any, correction: Any, keepdim: Any) -> Any:
    return torch.var(x, dim, correction=1 if correction is None else correction, keepdim=keepdim)


def std(x: Any, dim: Any, correction: Any, keepdim: Any) -> Any:
    return torch.std(x, dim, correction=1 if correction is None else correction, keepdim=keepdim)


def var_unbiased(x: Any, dim: Any, unbiased: Any, keepdim: Any) -> Any:
    return torch.var(x, dim, correction=int(unbiased), keepdim=keepdim)


def std_unbiased(x: Any, dim: Any, unbiased: Any, keepdim: Any) -> Any:
    return torch.std(x, dim, correction=int(unbiased), keepdim=keepdim)


def var_mean(x: Any, dim: Any, correction: Any, keepdim: Any) -> Any:
    return torch.var_mean(x, dim, correction=1 if correction is None else correction, keepdim=keepdim)


def norm(x: Any, order: Any, dim: Any, keepdim: Any, _: Any = None) -> Any:
    return torch.linalg.vector_norm(x, 2 if order is None else order, dim, keepdim=keepdim)


def sized(x: Any, dim: Any) -> Any:
    return x.size(dim)


def view(x: Any, size: Any) -> Any:
    return x.reshape(size)


def expand(x: Any, size: Any, _: Any) -> Any:
    return x.expand(size)


def repeat(x: Any, times: Any) -> Any:
    return x.repeat(times)


def permuted(x: Any, dims: Any) -> Any:
    return x.permute(dims)


def turned(x: Any, first: Any, second: Any) -> Any:
    return x.transpose(first, second)


def flat(x: Any, start: Any, end: Any) -> Any:
    return torch.flatten(x, start) if end == -1 else torch.flatten(x, start, end)


def squeezed(x: Any, dim: Any = None) -> Any:
    return x.squeeze() if dim is None else x.squeeze(dim)


def sliced(x: Any, dim: Any, start: Any, end: Any, step: Any) -> Any:
    whole: tuple[Any, ...] = (slice(None),) * dim if dim >= 0 else (Ellipsis,)
    after = () if dim >= 0 else (slice(None),) * (-dim - 1)
    end = None if isinstance(end, int) and end >= 2**62 else end
    return x[(*whole, slice(start, end, step), *after)]


def indexed(x: Any, indices: Any) -> Any:
    return x[tuple(slice(None) if one is None else one for one in indices)]


def zeros(size: Any, dtype: Any, *_: Any) -> Any:
    return torch.zeros(size, dtype=real(dtype))


def ones(size: Any, dtype: Any, *_: Any) -> Any:
    return torch.ones(size, dtype=real(dtype))


def full(size: Any, value: Any, dtype: Any, *_: Any) -> Any:
    return torch.full(size, value, dtype=real(dtype))


def like(fill: float) -> Callable[..., Any]:
    def run(x: Any, dtype: Any, *_: Any) -> Any:
        return torch.full_like(x, fill, dtype=real(dtype))

    return run


def full_like(x: Any, value: Any, dtype: Any, *_: Any) -> Any:
    return torch.full_like(x, value, dtype=real(dtype))


def new(fill: float) -> Callable[..., Any]:
    def run(x: Any, size: Any, dtype: Any, *_: Any) -> Any:
        return x.new_full(size, fill, dtype=real(dtype))

    return run


def scalar(value: Any, dtype: Any, *_: Any) -> Any:
    return torch.tensor(value, dtype=real(dtype))


def arange(end: Any, dtype: Any, *_: Any) -> Any:
    return torch.arange(end, dtype=real(dtype))


def arange_from(start: Any, end: Any, dtype: Any, *_: Any) -> Any:
    return torch.arange(start, end, dtype=real(dtype))


def linspace(start: Any, end: Any, steps: Any, dtype: Any, *_: Any) -> Any:
    return torch.linspace(start, end, steps, dtype=real(dtype))


def max_pool_pair(x: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil: Any) -> tuple[Any, Any]:
    return max_pool(x, size, stride, padding, dilation, ceil), None


def layer_norm_triple(x: Any, shape: Any, weight: Any, bias: Any, eps: Any) -> tuple[Any, Any, Any]:
    return layer_norm(x, shape, weight, bias, eps), None, None


def group_norm(x: Any, groups: Any, weight: Any, bias: Any, eps: Any, _: Any = None) -> Any:
    return F.group_norm(x, groups, weight, bias, eps)


def group_norm_triple(x: Any, w: Any, b: Any, _: Any, __: Any, ___: Any, groups: Any, eps: Any) -> Any:
    return F.group_norm(x, groups, w, b, eps), None, None


def attention(q: Any, k: Any, v: Any, mask: Any, _: Any, causal: Any, scale: Any, gqa: Any) -> Any:
    return F.scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale=scale, enable_gqa=gqa)


def softmax(x: Any, dim: Any, _: Any) -> Any:
    return F.softmax(x, dim)


def log_softmax(x: Any, dim: Any, _: Any) -> Any:
    return F.log_softmax(x, dim)


def dropped(x: Any, p: Any, _: Any) -> Any:
    return F.dropout(x, p, False)


def clamped(x: Any, low: Any, high: Any) -> Any:
    return torch.clamp(x, low, high)


def addmm(bias: Any, x: Any, weight: Any, beta: Any, alpha: Any) -> Any:
    return torch.addmm(bias, x, weight, beta=beta, alpha=alpha)


def softplus(x: Any, beta: Any, threshold: Any) -> Any:
    return F.softplus(x, beta, threshold)


def elu(x: Any, alpha: Any, scale: Any, input_scale: Any) -> Any:
    if scale == 1 and input_scale == 1:
        return F.elu(x, alpha)
    return torch.where(x > 0, scale * x, scale * alpha * torch.expm1(x * input_scale))


def hardtanh(x: Any, low: Any, high: Any) -> Any:
    return F.relu6(x) if (low, high) == (0, 6) else F.hardtanh(x, low, high)


def split(x: Any, size: Any, dim: Any) -> Any:
    return torch.split(x, list(size) if isinstance(size, tuple) else size, dim)
