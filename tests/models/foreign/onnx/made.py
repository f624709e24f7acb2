"""Small ONNX files, written by hand, and what onnxruntime answers to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnviz.models.foreign import onnx as reader
from cnnviz.models.foreign.graph import Program
from cnnviz.models.foreign.rebuild import rebuild

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
node = onnx.helper.make_node
SHAPE = (2, 3, 8, 8)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Random numbers of a standard normal distribution, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def whole(*values: int) -> np.ndarray:
    """Whole numbers as a shape or a list of axes has them."""
    return np.array(values, np.int64)


def model(
    nodes: Sequence[Any],
    tensors: Mapping[str, np.ndarray] | None = None,
    shape: Sequence[int | str] = SHAPE,
    opset: int = 20,
    kind: int = 1,
    **more: Any,
) -> Any:
    """A model from "x" of that shape to "y", of any shape."""
    held = [onnx.numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()]
    source = onnx.helper.make_tensor_value_info("x", kind, shape)
    graph = onnx.helper.make_graph(nodes, "net", [source], [onnx.ValueInfoProto(name="y")], held)
    opsets = [onnx.helper.make_opsetid("", opset)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9 if opset < 25 else 13, **more)


def flat(*nodes: Any) -> list[Any]:
    """Nodes that end in "m", and one that makes a row of each image's numbers."""
    return [*nodes, node("Flatten", ["m"], ["y"])]


def saved(folder: Path, made: Any, name: str = "net.onnx") -> Path:
    """The file of a model."""
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def answers(path: Path, x: np.ndarray) -> np.ndarray:
    """What onnxruntime gives for x (N, C, H, W)."""
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 4
    typed = runtime.InferenceSession(str(path), quiet, providers=["CPUExecutionProvider"])
    outputs: list[np.ndarray] = typed.run(None, {typed.get_inputs()[0].name: x})
    return outputs[0]


def net(path: Path) -> nn.Module:
    """The network of a file, rebuilt."""
    return rebuild(reader.read(path))


def same(folder: Path, made: Any, *sizes: tuple[int, int, int, int], atol: float = 1e-5) -> nn.Module:
    """The network of a model, after its answers were held against onnxruntime's at these sizes."""
    path = saved(folder, made)
    program = reader.read(path)
    found = rebuild(program)
    for at, size in enumerate(sizes or (SHAPE,)):
        x = numbers(*size, seed=at + 1)
        answer = given(found, scaled(program, x))
        np.testing.assert_allclose(answer, answers(path, x).reshape(len(x), -1), atol=atol, rtol=1e-4)
    return found


def scaled(program: Program, x: np.ndarray) -> np.ndarray:
    """The input of the network proper for that of the file."""
    said = json.loads(program.said.get("normalisation", '{"mean": [0], "std": [1], "white": 1}'))
    mean, std = (np.array(said[word], np.float32).reshape(-1, 1, 1) for word in ("mean", "std"))
    return (x / said["white"] - mean) / std


def given(found: nn.Module, x: np.ndarray | Tensor) -> np.ndarray:
    """The network's answer to x (N, C, H, W)."""
    with torch.inference_mode():
        answer: np.ndarray = found(torch.as_tensor(x)).numpy()
    return answer


def leaf(found: nn.Module) -> nn.Module:
    """The first module without any inside."""
    return next(part for part in found.modules() if not list(part.children()))
