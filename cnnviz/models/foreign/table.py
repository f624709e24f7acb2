"""The table of `operators`: one row an operation, with what it takes and the function that does it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import functional as F

from cnnviz.models.foreign import does

Row = tuple[str, str, Callable[..., Any], dict[str, bool]]
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
        does.convolution,
    ),
    ("aten.linear.default", "input:T weight:T bias:T?=None", F.linear),
    ("aten.addmm.default", "self:T mat1:T mat2:T beta:n=1 alpha:n=1", does.addmm),
    ("aten.mm.default", "self:T mat2:T", torch.mm),
    ("aten.bmm.default", "self:T mat2:T", torch.bmm),
    ("aten.matmul.default", "self:T other:T", torch.matmul),
    (
        "aten.batch_norm.default",
        f"input:T {_NORM} training:b=False momentum:f=0.1 eps:f=1e-05 cudnn_enabled:b=False",
        does.batch_norm,
    ),
    (
        "aten.instance_norm.default",
        f"input:T {_NORM} use_input_stats:b=True momentum:f=0.1 eps:f=1e-05 cudnn_enabled:b=False",
        does.instance_norm,
    ),
    (
        "aten.layer_norm.default",
        "input:T normalized_shape:I weight:T?=None bias:T?=None eps:f=1e-05 cudnn_enable:b=True",
        does.layer_norm,
    ),
    (
        "aten.group_norm.default",
        "input:T num_groups:i weight:T?=None bias:T?=None eps:f=1e-05 cudnn_enabled:b=True",
        does.group_norm,
    ),
    (
        "aten.scaled_dot_product_attention.default",
        "query:T key:T value:T attn_mask:T?=None dropout_p:f=0.0 is_causal:b=False scale:f?=None enable_gqa:b=False",
        does.attention,
    ),
    ("aten.prelu.default", "self:T weight:T", F.prelu),
]
_POOLS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.max_pool2d.default", f"self:T {_POOL}", does.max_pool),
    (
        "aten.avg_pool2d.default",
        "self:T kernel_size:I stride:I=() padding:I=0 ceil_mode:b=False count_include_pad:b=True "
        "divisor_override:i?=None",
        does.avg_pool,
    ),
    ("aten.adaptive_avg_pool2d.default", "self:T output_size:I", F.adaptive_avg_pool2d),
    ("aten._adaptive_avg_pool2d.default", "self:T output_size:I", F.adaptive_avg_pool2d),
    ("aten.adaptive_avg_pool1d.default", "self:T output_size:I", F.adaptive_avg_pool1d),
    (
        "aten.upsample_nearest2d.vec",
        "input:T output_size:I?=None scale_factors:F?=None",
        does.interpolate("nearest", False),
    ),
    ("aten.upsample_bilinear2d.vec", f"input:T {_UP}", does.interpolate("bilinear", True)),
    ("aten.upsample_bicubic2d.vec", f"input:T {_UP}", does.interpolate("bicubic", True)),
    ("aten.pixel_shuffle.default", "self:T upscale_factor:i", F.pixel_shuffle),
    ("aten.channel_shuffle.default", "self:T groups:i", torch.channel_shuffle),
    ("aten.pixel_unshuffle.default", "self:T downscale_factor:i", F.pixel_unshuffle),
    ("aten.pad.default", "self:T pad:I mode:s=constant value:f?=None", does.pad),
    ("aten.constant_pad_nd.default", "self:T pad:I value:n=0", does.zero_pad),
    ("aten.im2col.default", "self:T kernel_size:I dilation:I padding:I stride:I", F.unfold),
]
_ACTIVATIONS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.relu.default", "self:T", F.relu),
    ("aten.relu6.default", "self:T", F.relu6),
    ("aten.hardtanh.default", "self:T min_val:n=-1 max_val:n=1", does.hardtanh),
    ("aten.leaky_relu.default", "self:T negative_slope:n=0.01", F.leaky_relu),
    ("aten.elu.default", "self:T alpha:n=1 scale:n=1 input_scale:n=1", does.elu),
    ("aten.selu.default", "self:T", F.selu),
    ("aten.celu.default", "self:T alpha:n=1.0", F.celu),
    ("aten.gelu.default", "self:T approximate:s=none", does.gelu),
    ("aten.silu.default", "self:T", F.silu),
    ("aten.mish.default", "self:T", F.mish),
    ("aten.hardswish.default", "self:T", F.hardswish),
    ("aten.hardsigmoid.default", "self:T", F.hardsigmoid),
    ("aten.sigmoid.default", "self:T", torch.sigmoid),
    ("aten.special_expit.default", "self:T", torch.sigmoid),
    ("aten.log_sigmoid.default", "self:T", F.logsigmoid),
    ("aten.tanh.default", "self:T", torch.tanh),
    ("aten.softplus.default", "self:T beta:n=1 threshold:n=20", does.softplus),
    ("aten.softmax.int", "self:T dim:i dtype:d?=None", does.softmax),
    ("aten._softmax.default", "self:T dim:i half_to_float:b", does.softmax),
    ("aten.log_softmax.int", "self:T dim:i dtype:d?=None", does.log_softmax),
    ("aten._log_softmax.default", "self:T dim:i half_to_float:b", does.log_softmax),
    ("aten.dropout.default", "input:T p:f train:b", does.dropped),
    ("aten.feature_dropout.default", "input:T p:f train:b", does.dropped),
    ("aten.alpha_dropout.default", "input:T p:f train:b", does.dropped),
]
_NUMBERS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.add.Tensor", "self:T other:n alpha:n=1", does.added),
    ("aten.add.Scalar", "self:T other:n alpha:n=1", does.added),
    ("aten.sub.Tensor", "self:T other:n alpha:n=1", does.less),
    ("aten.sub.Scalar", "self:T other:n alpha:n=1", does.less),
    ("aten.rsub.Scalar", "self:T other:n alpha:n=1", torch.rsub),
    ("aten.rsub.Tensor", "self:T other:T alpha:n=1", torch.rsub),
    ("aten.mul.Tensor", "self:T other:n", torch.mul),
    ("aten.mul.Scalar", "self:T other:n", torch.mul),
    ("aten.div.Tensor", "self:T other:n", torch.div),
    ("aten.div.Scalar", "self:T other:n", torch.div),
    ("aten.div.Tensor_mode", "self:T other:n rounding_mode:s?", does.divided),
    ("aten.div.Scalar_mode", "self:T other:n rounding_mode:s?", does.divided),
    ("aten.pow.Tensor_Scalar", "self:T exponent:n", torch.pow),
    ("aten.pow.Tensor_Tensor", "self:T exponent:T", torch.pow),
    ("aten.clamp.default", "self:T min:n?=None max:n?=None", does.clamped),
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
    ("aten.where.self", "condition:T self:T other:T", torch.where),
    ("aten.masked_fill.Scalar", "self:T mask:T value:n", torch.masked_fill),
    *((f"aten.{name}.{kind}", "self:T other:n", getattr(torch, name))
      for name in ("gt", "ge", "lt", "le", "eq", "ne") for kind in ("Scalar", "Tensor")),
    ("aten.logical_not.default", "self:T", torch.logical_not),
    ("aten.logical_and.default", "self:T other:T", torch.logical_and),
]  # fmt: skip
_REDUCTIONS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.mean.dim", "self:T dim:I? keepdim:b=False dtype:d?=None", does.mean),
    ("aten.mean.default", "self:T dtype:d?=None", lambda x, _: torch.mean(x)),
    ("aten.sum.dim_IntList", "self:T dim:I? keepdim:b=False dtype:d?=None", does.sum),
    ("aten.sum.default", "self:T dtype:d?=None", lambda x, _: torch.sum(x)),
    ("aten.amax.default", "self:T dim:I=() keepdim:b=False", torch.amax),
    ("aten.amin.default", "self:T dim:I=() keepdim:b=False", torch.amin),
    ("aten.max.default", "self:T", torch.max),
    ("aten.min.default", "self:T", torch.min),
    ("aten.var.dim", "self:T dim:I? unbiased:b=True keepdim:b=False", does.var_unbiased),
    ("aten.std.dim", "self:T dim:I? unbiased:b=True keepdim:b=False", does.std_unbiased),
    ("aten.var.correction", "self:T dim:I?=None correction:n?=None keepdim:b=False", does.var),
    ("aten.std.correction", "self:T dim:I?=None correction:n?=None keepdim:b=False", does.std),
    ("aten.linalg_vector_norm.default", "self:T ord:n=2 dim:I?=None keepdim:b=False dtype:d?=None", does.norm),
    ("aten.cosine_similarity.default", "x1:T x2:T dim:i=1 eps:f=1e-08", F.cosine_similarity),
    ("aten.norm.ScalarOpt_dim", "self:T p:n? dim:I keepdim:b=False", does.norm),
    ("aten.argmax.default", "self:T dim:i?=None keepdim:b=False", torch.argmax),
    ("aten.cumsum.default", "self:T dim:i dtype:d?=None", lambda x, dim, _: torch.cumsum(x, dim)),
]
_VIEWS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.view.default", "self:T size:I", does.view),
    ("aten._unsafe_view.default", "self:T size:I", does.view),
    ("aten.reshape.default", "self:T shape:I", does.view),
    ("aten.flatten.using_ints", "self:T start_dim:i=0 end_dim:i=-1", does.flat),
    ("aten.unflatten.int", "self:T dim:i sizes:I", lambda x, dim, sizes: x.unflatten(dim, sizes)),
    ("aten.permute.default", "self:T dims:I", does.permuted),
    ("aten.transpose.int", "self:T dim0:i dim1:i", does.turned),
    ("aten.t.default", "self:T", lambda x: x.t()),
    ("aten.numpy_T.default", "self:T", lambda x: x.t()),
    ("aten.squeeze.dim", "self:T dim:i", does.squeezed),
    ("aten.squeeze.dims", "self:T dim:I", does.squeezed),
    ("aten.squeeze.default", "self:T", does.squeezed),
    ("aten.unsqueeze.default", "self:T dim:i", torch.unsqueeze),
    ("aten.expand.default", "self:T size:I implicit:b=False", does.expand),
    ("aten.expand_as.default", "self:T other:T", lambda x, other: x.expand_as(other)),
    ("aten.view_as.default", "self:T other:T", lambda x, other: x.reshape(other.shape)),
    ("aten.reshape_as.default", "self:T other:T", lambda x, other: x.reshape(other.shape)),
    ("aten.slice.Tensor", "self:T dim:i=0 start:i?=None end:i?=None step:i=1", does.sliced),
    ("aten.select.int", "self:T dim:i index:i", torch.select),
    ("aten.narrow.default", "self:T dim:i start:i length:i", torch.narrow),
    ("aten.contiguous.default", "self:T memory_format:o?=None", does.contiguous),
    ("aten.detach.default", "self:T", does.same),
    ("aten.detach_.default", "self:T", does.same),
    ("aten.alias.default", "self:T", does.same),
    ("aten.lift_fresh_copy.default", "self:T", does.same),
    ("aten.lift_fresh.default", "self:T", does.same),
    ("aten.to.dtype", "self:T dtype:d non_blocking:o=False copy:o=False memory_format:o?=None", does.cast),
    ("aten.to.dtype_layout", f"self:T {_TF} non_blocking:o=False copy:o=False memory_format:o?=None", does.cast),
    ("aten.to.device", "self:T device:o? dtype:d non_blocking:o=False copy:o=False memory_format:o?=None",
     does.cast_to_device),
    ("aten.type_as.default", "self:T other:T", does.same),
]  # fmt: skip
_MAKING: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.clone.default", "self:T memory_format:o?=None", does.kept),
    ("aten._to_copy.default", f"self:T {_TF} non_blocking:o=False memory_format:o?=None", does.cast),
    ("aten.cat.default", "tensors:Ts dim:i=0", torch.cat),
    ("aten.concat.default", "tensors:Ts dim:i=0", torch.cat),
    ("aten.stack.default", "tensors:Ts dim:i=0", torch.stack),
    ("aten.repeat.default", "self:T repeats:I", does.repeat),
    ("aten.repeat_interleave.self_int", "self:T repeats:i dim:i?=None output_size:i?=None",
     lambda x, times, dim, _: torch.repeat_interleave(x, times, dim)),
    ("aten.roll.default", "self:T shifts:I dims:I=()", torch.roll),
    ("aten.flip.default", "self:T dims:I", torch.flip),
    ("aten.index.Tensor", "self:T indices:Ts0", does.indexed),
    ("aten.index_select.default", "self:T dim:i index:T", torch.index_select),
    ("aten.gather.default", "self:T dim:i index:T sparse_grad:b=False",
     lambda x, dim, index, _: torch.gather(x, dim, index)),
    ("aten.zeros.default", f"size:I {_TF}", does.zeros),
    ("aten.ones.default", f"size:I {_TF}", does.ones),
    ("aten.full.default", f"size:I fill_value:n {_TF}", does.full),
    ("aten.zeros_like.default", f"self:T {_TF} memory_format:o?=None", does.like(0)),
    ("aten.ones_like.default", f"self:T {_TF} memory_format:o?=None", does.like(1)),
    ("aten.full_like.default", f"self:T fill_value:n {_TF} memory_format:o?=None", does.full_like),
    ("aten.new_zeros.default", f"self:T size:I {_TF}", does.new(0)),
    ("aten.new_ones.default", f"self:T size:I {_TF}", does.new(1)),
    ("aten.scalar_tensor.default", f"s:n {_TF}", does.scalar),
    ("aten.arange.default", f"end:n {_TF}", does.arange),
    ("aten.arange.start", f"start:n end:n {_TF}", does.arange_from),
    ("aten.linspace.default", f"start:n end:n steps:i {_TF}", does.linspace),
]  # fmt: skip
_LISTS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.chunk.default", "self:T chunks:i dim:i=0", torch.chunk),
    ("aten.split.Tensor", "self:T split_size:i dim:i=0", does.split),
    ("aten.split.sizes", "self:T split_size:I dim:i=0", does.split),
    ("aten.split_with_sizes.default", "self:T split_sizes:I dim:i=0", does.split),
    ("aten.unbind.int", "self:T dim:i=0", torch.unbind),
]
_PAIRS: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.max_pool2d_with_indices.default", f"self:T {_POOL}", does.max_pool_pair),
    ("aten.adaptive_max_pool2d.default", "self:T output_size:I", does.adaptive_max_pool_pair),
    ("aten.var_mean.correction", "self:T dim:I?=None correction:n?=None keepdim:b=False", does.var_mean),
    ("aten.max.dim", "self:T dim:i keepdim:b=False", torch.max),
    ("aten.native_layer_norm.default", "input:T normalized_shape:I weight:T? bias:T? eps:f", does.layer_norm_triple),
    ("aten.native_group_norm.default", "input:T weight:T? bias:T? N:i C:i HxW:i group:i eps:f", does.group_norm_triple),
    (
        "aten._native_batch_norm_legit_no_training.default",
        "input:T weight:T? bias:T? running_mean:T running_var:T momentum:f eps:f",
        does.frozen_norm,
    ),
]
_SIZES: list[tuple[str, str, Callable[..., Any]]] = [
    ("aten.sym_size.int", "self:T dim:i", does.sized),
    *((f"operator.{name}", "a:n b:n", getattr(operator, name))
      for name in ("add", "sub", "mul", "floordiv", "mod", "truediv")),
    ("operator.neg", "a:n", operator.neg),
    ("operator.min", "a:n b:n", torch.sym_min),
    ("operator.max", "a:n b:n", torch.sym_max),
    ("operator.ceil", "a:n", math.ceil),
    ("operator.int", "a:n", torch.sym_int),
    ("operator.float", "a:n", torch.sym_float),
]  # fmt: skip
