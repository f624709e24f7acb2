"""PyTorch's own operators by what they do to numbers, in the names of "aten", those in place as the plain ones."""

from __future__ import annotations

from collections.abc import Sequence

STALE = "in-place change"  # the operation of a tensor that another one with the same memory wrote over

# Each number of the output is one of the input's.
MOVES = (
    "view", "_unsafe_view", "reshape", "_reshape_alias", "permute", "transpose", "t", "expand", "unsqueeze", "squeeze",
    "slice", "select", "split", "split_with_sizes", "unsafe_split", "unbind", "cat", "stack", "clone", "alias", "copy",
    "detach", "_to_copy", "contiguous", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle",
    "constant_pad_nd", "reflection_pad2d", "replication_pad2d", "roll", "flip", "upsample_nearest2d", "index",
    "index_select", "unfold", "im2col", "repeat", "lift_fresh", "diagonal", "as_strided",
)  # fmt: skip
# Each number of the output is made of the one at its own place.
ELEMENTWISE = (
    "relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "silu", "gelu", "sigmoid", "tanh", "elu", "leaky_relu",
    "mish", "softplus", "clamp", "clamp_min", "clamp_max", "threshold", "exp", "sqrt", "rsqrt", "square", "abs", "neg",
    "log_sigmoid_forward", "erf", "log", "log1p", "reciprocal",
)  # fmt: skip
NORMS = (
    "native_batch_norm", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit", "cudnn_batch_norm",
    "miopen_batch_norm", "native_layer_norm", "native_group_norm",
)  # fmt: skip
# What a number is a sum of products in.
SOURCES = ("convolution", "addmm", "mm", "bmm")
# The functions of torch behind operators of other names.
FUNCTIONS = {
    "convolution": "conv2d", "addmm": "linear", "mm": "linear", "bmm": "matmul", "native_batch_norm": "batch_norm",
    "_native_batch_norm_legit_no_training": "batch_norm", "_native_batch_norm_legit": "batch_norm",
    "cudnn_batch_norm": "batch_norm", "native_layer_norm": "layer_norm", "native_group_norm": "group_norm",
    "max_pool2d_with_indices": "max_pool2d", "_adaptive_avg_pool2d": "adaptive_avg_pool2d", "_softmax": "softmax",
    "miopen_batch_norm": "batch_norm", "_prelu_kernel": "prelu",
    **dict.fromkeys((
        "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention",
    ), "scaled_dot_product_attention"),
}  # fmt: skip


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """A size along both sides."""
    both = [size] if isinstance(size, int) else list(size)
    return int(both[0]), int(both[-1])
