"""ONNX files as torch's two exporters write them."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.models.foreign import nets

FREE = {0: "n", 2: "h", 3: "w"}


def exported(
    net: nn.Module, size: tuple[int, ...], today: bool, free: bool = False, *, batch: int = 0, **more: Any
) -> bytes:
    """What torch.onnx.export writes of a net, as today's exporter does it or as the one of TorchScript."""
    torch.manual_seed(1)
    example = torch.randn(batch or (2 if free and today else 1), *size)
    if free:
        auto = torch.export.Dim.DYNAMIC
        more |= {"dynamic_shapes": (dict.fromkeys(FREE, auto),)} if today else {"dynamic_axes": {"x": FREE}}
    more |= {"external_data": False} if today else {"input_names": ["x"]}
    kept = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")  # the exporter talks about its own future
            path = Path(folder) / "net.onnx"
            torch.onnx.export(net, (example,), path, dynamo=today, **more)
            return path.read_bytes()
    finally:
        logging.disable(kept)


@functools.cache
def content(name: str, today: bool, free: bool = False) -> bytes:
    """The file of a net by name."""
    return exported(nets.made(name), nets.size_of(name), today, free)


def put(folder: Path, name: str, today: bool, free: bool = False) -> Path:
    """That file in a folder."""
    path = folder / f"{name}.onnx"
    path.write_bytes(content(name, today, free))
    return path


def named(name: str, labels: tuple[str, ...]) -> bytes:
    """An export of today with its class names among the file's notes, as people put them there."""
    import onnx

    made = onnx.ModelProto.FromString(content(name, True))
    made.metadata_props.add(key="names", value=str(dict(enumerate(labels))))
    return bytes(made.SerializeToString())
