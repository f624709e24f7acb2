"""One operation of a module of its own as that very module of torch.nn: Conv2d, BatchNorm2d, Linear, ReLU, pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from cnnviz.models.foreign.graph import ForeignError, Step, Value
from cnnviz.models.foreign.operators import bound


@dataclass(frozen=True)
class Leaf:
    """A module to be made: its class, its arguments, its tensors by attribute, and the value it takes."""

    kind: type[nn.Module]
    arguments: tuple[tuple[str, Any], ...]
    tensors: tuple[tuple[str, str], ...]  # attribute, name in the file
    input: Value


def leaf_of(step: Step, path: str, kind: str, tensors: Mapping[str, Tensor], rank: int = 4) -> Leaf | None:
    """The module that a step is, at that path and of that class ("" where the file says none); None for no module.

    `rank` is the number of dimensions of what it takes.

    It is one where class and operation agree and its tensors are called as in that module.
    """
    row = _ROWS.get(step.op)
    if row is None:
        return None
    arguments = bound(step)
    names = list(row.classes)
    made = row.classes.get(kind) if kind else row.classes[names[0]]
    source = next(iter(arguments.values()))
    if made is None or not isinstance(source, Value) or source.name in tensors:
        return None
    owned = []
    for argument, attribute in row.tensors.items():
        value = arguments[argument]
        if value is not None:
            name = f"{path}.{attribute}" if path else attribute
            if not isinstance(value, Value) or value.name != name:
                return None
            owned.append((attribute, name))
    shapes = {attribute: tuple(tensors[name].shape) for attribute, name in owned}
    if made is nn.BatchNorm2d and rank != 4:
        made = nn.BatchNorm1d
    said = row.arguments(arguments, shapes)
    if made is nn.ReLU6 and said is not None:
        made, said = (nn.ReLU6, {}) if list(said.values()) in ([0, 6], []) else (nn.Hardtanh, said)
    if said is None or any(_moves(value) for value in said.values()):
        return None
    return Leaf(made, tuple(said.items()), tuple(owned), source)


def make(leaf: Leaf, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The module itself, frozen, with the file's tensors. Raises `ForeignError` where they do not fit."""
    weighted = {"device": "meta"} if leaf.tensors else {}
    try:
        module = leaf.kind(**dict(leaf.arguments), **weighted)
    except (TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError) as error:
        raise ForeignError(f"The file has an impossible {leaf.kind.__name__} ({error}); export it again.") from None
    for attribute, name in leaf.tensors:
        there = getattr(module, attribute, None)
        if there is None or there.shape != tensors[name].shape:
            raise ForeignError(f"The file's {name} does not fit its {leaf.kind.__name__}; export the network again.")
        if attribute in module._parameters:
            module._parameters[attribute] = nn.Parameter(tensors[name], requires_grad=False)
        else:
            module._buffers[attribute] = tensors[name]
    if isinstance(module, nn.modules.batchnorm._NormBase) and module.num_batches_tracked is not None:
        module.num_batches_tracked = module.num_batches_tracked.new_zeros((), device="cpu")
    return module


def _moves(value: Any) -> bool:
    """Whether an argument is only known when the net runs, which a module's is not."""
    return isinstance(value, Value) or (isinstance(value, tuple) and any(map(_moves, value)))


@dataclass(frozen=True)
class _Row:
    classes: Mapping[str, type[nn.Module]]  # the first is taken where the file names none
    arguments: Callable[[Mapping[str, Any], Mapping[str, tuple[int, ...]]], dict[str, Any] | None]
    tensors: Mapping[str, str]  # argument of the operation to attribute of the module


def _conv(given: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    if "weight" not in shapes:
        return None
    out, into, *side = shapes["weight"]
    groups = given["groups"]
    if _moves(groups) or groups < 1:
        return None
    return {
        "in_channels": into * groups, "out_channels": out, "kernel_size": tuple(side), "stride": _one(given["stride"]),
        "padding": _one(given["padding"]), "dilation": _one(given["dilation"]), "groups": groups,
        "bias": "bias" in shapes,
    }  # fmt: skip


def _transposed(given: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    if "weight" not in shapes:
        return None
    into, out, *side = shapes["weight"]
    groups = given["groups"]
    if _moves(groups) or groups < 1:
        return None
    return {
        "in_channels": into, "out_channels": out * groups, "kernel_size": tuple(side), "stride": _one(given["stride"]),
        "padding": _one(given["padding"]), "output_padding": _one(given["output_padding"]), "groups": groups,
        "bias": "bias" in shapes, "dilation": _one(given["dilation"]),
    }  # fmt: skip


def _linear(_: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    if len(shapes.get("weight", ())) != 2:
        return None
    out, into = shapes["weight"]
    return {"in_features": into, "out_features": out, "bias": "bias" in shapes}


def _batch_norm(given: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    if not {"running_mean", "running_var"} <= set(shapes) or ("weight" in shapes) != ("bias" in shapes):
        return None
    features = shapes["running_mean"][0] if shapes["running_mean"] else 0
    return {
        "num_features": features, "eps": given["eps"], "momentum": given["momentum"], "affine": "weight" in shapes
    }  # fmt: skip


def _layer_norm(given: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    if "bias" in shapes and "weight" not in shapes:
        return None
    return {
        "normalized_shape": given["normalized_shape"], "eps": given["eps"],
        "elementwise_affine": "weight" in shapes, "bias": "bias" in shapes,
    }  # fmt: skip


def _group_norm(given: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    if ("weight" in shapes) != ("bias" in shapes) or not shapes:
        return None
    return {"num_groups": given["num_groups"], "num_channels": shapes["weight"][0], "eps": given["eps"]}


def _prelu(_: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    return {"num_parameters": shapes["weight"][0]} if len(shapes.get("weight", ())) == 1 else None


def _max_pool(given: Mapping[str, Any], _: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    names = ("kernel_size", "padding", "dilation", "ceil_mode")
    return {name: _one(given[name]) for name in names} | {"stride": _one(given["stride"]) or None}


def _avg_pool(given: Mapping[str, Any], _: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    names = ("kernel_size", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    return {name: _one(given[name]) for name in names} | {"stride": _one(given["stride"]) or None}


def _adaptive(given: Mapping[str, Any], _: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    return {"output_size": _one(given["output_size"])}


def _dropout(given: Mapping[str, Any], _: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    return {"p": given["p"]}


def _none(_: Mapping[str, Any], __: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    return {}


def _same(*names: str) -> Callable[[Mapping[str, Any], Mapping[str, tuple[int, ...]]], dict[str, Any]]:
    return lambda given, _: {name: given[name] for name in names}


def _slope(given: Mapping[str, Any], _: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    return {"negative_slope": given["negative_slope"]}


def _elu(given: Mapping[str, Any], _: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    return {"alpha": given["alpha"]} if given["scale"] == given["input_scale"] == 1 else None


def _flatten(given: Mapping[str, Any], _: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    return {"start_dim": given["start_dim"], "end_dim": given["end_dim"]}


def _upsample(mode: str) -> Callable[[Mapping[str, Any], Mapping[str, tuple[int, ...]]], dict[str, Any] | None]:
    def made(given: Mapping[str, Any], _: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
        corners = given.get("align_corners") if mode != "nearest" else None
        scale = given["scale_factors"]
        if scale is None or given["output_size"] not in (None, ()):
            return None
        return {"scale_factor": tuple(scale), "mode": mode, "align_corners": corners}

    return made


def _one(value: Any) -> Any:
    """(3, 3) as 3, which is how people write it and how it prints."""
    return value[0] if isinstance(value, tuple) and len(value) > 0 and len(set(value)) == 1 else value


def _named(*kinds: type[nn.Module]) -> dict[str, type[nn.Module]]:
    return {kind.__name__: kind for kind in kinds}


_WEIGHT = {"weight": "weight", "bias": "bias"}
_STATS = _WEIGHT | {"running_mean": "running_mean", "running_var": "running_var"}
_DROPOUTS = _named(nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.Dropout1d)
_ROWS: Mapping[str, _Row] = {
    "aten.conv2d.default": _Row(_named(nn.Conv2d), _conv, _WEIGHT),
    "aten.conv2d.padding": _Row(_named(nn.Conv2d), _conv, _WEIGHT),
    "aten.conv1d.default": _Row(_named(nn.Conv1d), _conv, _WEIGHT),
    "aten.conv_transpose2d.input": _Row(_named(nn.ConvTranspose2d), _transposed, _WEIGHT),
    "aten.linear.default": _Row(_named(nn.Linear), _linear, _WEIGHT),
    "aten.batch_norm.default": _Row(_named(nn.BatchNorm2d, nn.BatchNorm1d), _batch_norm, _STATS),
    "aten.layer_norm.default": _Row(_named(nn.LayerNorm), _layer_norm, _WEIGHT),
    "aten.group_norm.default": _Row(_named(nn.GroupNorm), _group_norm, _WEIGHT),
    "aten.prelu.default": _Row(_named(nn.PReLU), _prelu, {"weight": "weight"}),
    "aten.max_pool2d.default": _Row(_named(nn.MaxPool2d), _max_pool, {}),
    "aten.avg_pool2d.default": _Row(_named(nn.AvgPool2d), _avg_pool, {}),
    "aten.adaptive_avg_pool2d.default": _Row(_named(nn.AdaptiveAvgPool2d), _adaptive, {}),
    "aten.dropout.default": _Row(_DROPOUTS, _dropout, {}),
    "aten.feature_dropout.default": _Row(_DROPOUTS, _dropout, {}),
    "aten.alpha_dropout.default": _Row(_DROPOUTS, _dropout, {}),
    "aten.relu.default": _Row(_named(nn.ReLU), _none, {}),
    "aten.hardtanh.default": _Row(_named(nn.ReLU6, nn.Hardtanh), _same("min_val", "max_val"), {}),
    "aten.relu6.default": _Row(_named(nn.ReLU6), _none, {}),
    "aten.leaky_relu.default": _Row(_named(nn.LeakyReLU), _slope, {}),
    "aten.elu.default": _Row(_named(nn.ELU), _elu, {}),
    "aten.selu.default": _Row(_named(nn.SELU), _none, {}),
    "aten.celu.default": _Row(_named(nn.CELU), _same("alpha"), {}),
    "aten.gelu.default": _Row(_named(nn.GELU), _same("approximate"), {}),
    "aten.silu.default": _Row(_named(nn.SiLU), _none, {}),
    "aten.mish.default": _Row(_named(nn.Mish), _none, {}),
    "aten.hardswish.default": _Row(_named(nn.Hardswish), _none, {}),
    "aten.hardsigmoid.default": _Row(_named(nn.Hardsigmoid), _none, {}),
    "aten.sigmoid.default": _Row(_named(nn.Sigmoid), _none, {}),
    "aten.tanh.default": _Row(_named(nn.Tanh), _none, {}),
    "aten.softplus.default": _Row(_named(nn.Softplus), _same("beta", "threshold"), {}),
    "aten.softmax.int": _Row(_named(nn.Softmax), _same("dim"), {}),
    "aten.log_softmax.int": _Row(_named(nn.LogSoftmax), _same("dim"), {}),
    "aten.flatten.using_ints": _Row(_named(nn.Flatten), _flatten, {}),
    "aten.pixel_shuffle.default": _Row(_named(nn.PixelShuffle), _same("upscale_factor"), {}),
    "aten.pixel_unshuffle.default": _Row(_named(nn.PixelUnshuffle), _same("downscale_factor"), {}),
    "aten.upsample_nearest2d.vec": _Row(_named(nn.Upsample), _upsample("nearest"), {}),
    "aten.upsample_bilinear2d.vec": _Row(_named(nn.Upsample), _upsample("bilinear"), {}),
}
