"""A network read from a .pt2 file against the same network of torchvision, both in one process, in turn.

A question is a class activation map of a photo not seen before. Reading, also of .onnx, is from file to model.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.gradcam import _photos, weights
from cnnviz.models.load import load
from cnnviz.runtime.engine import Engine

NETS = ("resnet18", "squeezenet1_1", "mobilenet_v2")


@functools.cache
def _both(name: str) -> Engine:
    """An engine that has the net as torchvision's, with random weights, and as a file of torch.export.save."""
    folder = weights(name)
    engine = Engine(device="cpu", weights=folder)
    model = engine.model(name)
    path = folder / "whole.pt2"
    if not path.exists():
        torch.export.save(torch.export.export(model.net, (torch.randn(1, *model.input_size),)), path)
        path.with_suffix(".json").write_text(json.dumps({"preprocess": model.preprocess.card()}))
    return engine


def _question(name: str) -> dict[str, Callable[[], object]]:
    engine, photos = _both(name), _photos()
    return {
        "cnnviz": lambda: engine.heatmap("file/whole", next(photos)),
        "torchvision's": lambda: engine.heatmap(name, next(photos)),
    }


def _logits(name: str) -> dict[str, Callable[[], object]]:
    engine = _both(name)
    ours, theirs, x = engine.model("file/whole").net, engine.model(name).net, torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        apart = float((ours(x) - theirs(x)).abs().max())
    if apart > 1e-4:
        raise RuntimeError(f"The logits differ by {apart}")

    def run(net: torch.nn.Module) -> object:
        with torch.inference_mode():
            return net(x)

    return {"cnnviz": lambda: run(ours), "torchvision's": lambda: run(theirs)}


def _onnx(name: str) -> Path:
    """The same network by today's ONNX exporter."""
    engine = _both(name)
    path = Path(engine.weights or ".") / "open.onnx"
    if not path.exists():
        model = engine.model(name)
        example = (torch.randn(1, *model.input_size),)
        torch.onnx.export(model.net, example, path, dynamo=True, external_data=False, verbose=False)
    return path


def _reading(name: str, suffix: str) -> dict[str, Any]:
    path = _onnx(name) if suffix == ".onnx" else Path(_both(name).weights or ".") / "whole.pt2"
    size, taken = path.stat().st_size, []
    for _ in range(5):
        start = time.perf_counter()
        load(f"file/{path.stem}", path.parent)
        taken.append(time.perf_counter() - start)
    return {"MB": round(size / 1e6, 1), "seconds": round(min(taken), 3), "per 50 MB": round(min(taken) * 5e7 / size, 3)}


BENCHMARKS = {f"whole/{name}/question": functools.partial(_question, name) for name in NETS} | {
    f"whole/{name}/logits": functools.partial(_logits, name) for name in NETS
}
MEASURES = {
    f"whole/{name}/reading{suffix}": functools.partial(_reading, name, suffix)
    for name in NETS
    for suffix in (".pt2", ".onnx")
}
