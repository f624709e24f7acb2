"""The functions of the table against torch's own operations."""

from __future__ import annotations

import pytest
import torch

from cnnviz.models.foreign.graph import Step, Value
from cnnviz.models.foreign.operators import bound, known

X, V = torch.randn(2, 4, 6, 6), torch.rand(4) + 0.5
CASES = {
    "aten.batch_norm.default": (X, V, V, V, V, True, 0.1, 1e-3, False),
    "aten._native_batch_norm_legit_no_training.default": (X, V, V, V, V, 0.1, 1e-3),
    "aten.instance_norm.default": (X, V, V, None, None, True, 0.1, 1e-3, False),
    "aten.convolution.default": (X, torch.randn(4, 2, 3, 3), V, (2, 2), (1, 1), (1, 1), False, (0, 0), 2),
    "aten.conv_transpose2d.input": (X, torch.randn(4, 2, 3, 3), None, (2, 2), (1, 1), (1, 1), 2, (1, 1)),
    "aten.native_layer_norm.default": (X, (6,), None, None, 1e-3),
    "aten.native_group_norm.default": (X, V, V, 2, 4, 36, 2, 1e-3),
    "aten.max_pool2d_with_indices.default": (X, (3, 3), (2, 2), (1, 1)),
    "aten.avg_pool2d.default": (X, (3, 3), (), (1, 1), True, False),
    "aten.upsample_nearest2d.vec": (X, None, (2.0, 2.0)),
    "aten.upsample_bilinear2d.vec": (X, (9, 7), True, None),
    "aten.upsample_bicubic2d.vec": (X, None, False, (1.5, 1.5)),
    "aten.elu.default": (X, 1.5, 1.2, 0.7),
    "aten.hardtanh.default": (X, 0, 6),
    "aten.slice.Tensor": (X, -1, 1, 2**63 - 1, 2),
    "aten.index.Tensor": (X, (None, torch.tensor([2, 0]))),
    "aten.adaptive_max_pool2d.default": (X, (3, 2)),
    "aten.var.dim": (X, (2, 3), False, True),
    "aten.std.dim": (X, (1,)),
    "aten.var.correction": (X, (2, 3)),
    "aten.var_mean.correction": (X, (1,), 0, True),
    "aten.linalg_vector_norm.default": (X, 2, (1,), True),
    "aten.flatten.using_ints": (X, 1, 2),
    "aten.addmm.default": (V, X[0, 0], torch.randn(6, 4), 2, 0.5),
    "aten.softplus.default": (X, 2, 10),
    "aten.rsub.Scalar": (X, 1.5),
    "aten.add.Tensor": (X, X * 2, 3),
    "aten.full.default": ((2, 3), 1.5),
    "aten.arange.start": (2, 8),
    "aten.linspace.default": (0, 1, 5),
    "aten.masked_fill.Scalar": (X, X > 0, 2.0),
    "aten.constant_pad_nd.default": (X, (1, 2), 0.5),
    "aten.pad.default": (X, (1, 1, 1, 1), "reflect"),
    "aten.split_with_sizes.default": (X, (1, 3), 1),
    "aten.scaled_dot_product_attention.default": (X, X, X),
    "aten.roll.default": (X, (1, 2), (2, 3)),
    "aten.clamp.default": (X, None, 0.5),
    "aten.to.dtype": (X, torch.int64),
    "aten.mean.dim": (X, (2, 3), True),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operation_gives_what_torch_gives(name):
    _, op, overload = name.split(".")
    given = CASES[name]
    places = tuple(Value(f"v{at}") if isinstance(one, torch.Tensor) else one for at, one in enumerate(given))
    if name == "aten.index.Tensor":
        places = (Value("v0"), (None, Value("v1")))
    arguments = bound(Step(name, places, ("y",)))
    held = {Value(f"v{at}"): one for at, one in enumerate(given)} | {(None, Value("v1")): given[1]}
    run = known(name)
    found = run.run(*(held.get(one, one) if isinstance(one, (Value, tuple)) else one for one in arguments.values()))
    if name == "aten.batch_norm.default":  # training is never meant
        given = (*given[:5], False, *given[6:])
    torch_op = getattr(getattr(torch.ops.aten, op), overload)
    names = [argument.name for argument in torch_op._schema.arguments]
    wanted = torch_op(**dict(zip(names, given, strict=False)))
    for one, other in zip(found, wanted, strict=True) if run.several else [(found, wanted)]:
        if one is not None:
            torch.testing.assert_close(one, other)
