"""A tensor's bytes are read as what they are, or refused where they do not fit what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.onnx.tensors import dtype, tensor
from tests.models.foreign.onnx.made import numbers, onnx

KINDS = ["float32", "float64", "float16", "int8", "uint8", "int32", "int64", "bool"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raw", [True, False])
def test_every_type_raw_and_in_its_field(kind, raw):
    array = (numbers(2, 3) * 50).clip(0, 100).astype(kind)
    proto = onnx.numpy_helper.from_array(array, "w")
    if not raw:
        proto = onnx.helper.make_tensor("w", proto.data_type, (2, 3), array.flatten().tolist())
    found = tensor(proto)
    assert found.dtype == (torch.float32 if array.dtype.kind == "f" else getattr(torch, kind))
    np.testing.assert_allclose(found.numpy(), array.astype(found.numpy().dtype), rtol=1e-6)


@pytest.mark.parametrize("raw", [True, False])
def test_bfloat16(raw):
    proto = onnx.helper.make_tensor("w", onnx.TensorProto.BFLOAT16, (2,), [1.0, -2.5])
    if raw:
        bits = np.array(list(proto.int32_data), np.uint16).tobytes()
        proto = onnx.TensorProto(name="w", data_type=16, dims=[2], raw_data=bits)
    assert tensor(proto).tolist() == [1.0, -2.5]


def test_large_tensors_are_not_copied_and_small_ones_own_their_numbers():
    large = tensor(onnx.numpy_helper.from_array(numbers(600, 600), "w"))
    assert large[0, 0] == numbers(600, 600)[0, 0]
    assert tensor(onnx.numpy_helper.from_array(np.zeros((0, 3), np.float32), "w")).shape == (0, 3)
    assert tensor(onnx.numpy_helper.from_array(np.array(2.0, np.float32), "w")).shape == ()


def made(**fields):
    return onnx.TensorProto(name="w", **({"data_type": 1, "dims": [2], "raw_data": bytes(8)} | fields))


@pytest.mark.parametrize(
    ("proto", "why"),
    [
        (made(dims=[2**40]), "more or fewer numbers"),
        (made(dims=[2**62, 2**62]), "more or fewer numbers"),
        (made(dims=[-2]), "impossible shape"),
        (made(dims=[1] * 9), "impossible shape"),
        (made(raw_data=bytes(7)), "more or fewer numbers"),
        (made(float_data=[1.0]), "in two ways"),
        (made(data_location=1), "in another file"),
        (made(external_data=[onnx.StringStringEntryProto(key="location", value="/etc/passwd")]), "in another file"),
        (made(data_type=8), "type that is not read"),
        (made(data_type=14), "type that is not read"),
        (onnx.TensorProto(name="w", data_type=1, dims=[3], float_data=[1.0]), "more or fewer numbers"),
        (onnx.TensorProto(name="w", data_type=1, dims=[1], int64_data=[1]), "in two ways"),
    ],
)
def test_what_does_not_fit_is_refused(proto, why):
    with pytest.raises(ForeignError, match=why):
        tensor(proto)


def test_a_type_by_its_number():
    assert dtype(7, "w") is torch.int64
    with pytest.raises(ForeignError, match="number 99"):
        dtype(99, "w")
