"""A trained network for other programs: ONNX, with its labels and its normalisation inside."""

from __future__ import annotations

import copy
import json
import logging
import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from cnnviz.models.load import Model


class Whole(nn.Module):
    """A network that takes pixels as they are, 0..255, and returns a probability for each class."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: Model, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.net, self.single = copy.deepcopy(model.net).cpu(), model.single_logit
        self.register_buffer("mean", torch.tensor(model.preprocess.mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(model.preprocess.std).view(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities (N, K) for pixels float32 0..255 (N, C, H, W)."""
        logits = self.net((pixels / 255 - self.mean) / self.std)
        if self.temperature != 1:
            logits = logits / self.temperature
        if self.single:
            return torch.cat([torch.sigmoid(-logits), torch.sigmoid(logits)], dim=1)
        return torch.softmax(logits, dim=1)


def onnx(model: Model, temperature: float = 1.0) -> bytes:
    """The network as an ONNX file: "pixels" float32 0..255 (N, C, H, W) in, "probabilities" (N, K) out.

    Its logits are divided by `temperature` (see `calibration`).

    The image has to be resized and cropped before; `description` says how, and so do the file's own notes.
    """
    whole = Whole(model, temperature).eval()
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        warnings.simplefilter("ignore")  # the exporter talks about its own future
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            whole,
            (torch.zeros(1, *model.input_size),),
            path,
            input_names=["pixels"],
            output_names=["probabilities"],
            dynamic_axes={"pixels": {0: "n"}, "probabilities": {0: "n"}},
            dynamo=False,
        )
        return path.read_bytes() + _note("cnnviz", description(model)) + _note("labels", json.dumps(model.labels))


def _note(key: str, text: str) -> bytes:
    """An entry of ONNX's metadata_props as protobuf writes it, to be put behind a model."""
    entry = b"".join(tag + _length(part) + part for tag, part in ((b"\n", key.encode()), (b"\x12", text.encode())))
    return b"r" + _length(entry) + entry


def _length(content: bytes) -> bytes:
    """How long it is, in seven bits a byte."""
    count, found = len(content), []
    while count > 127:
        found.append(count & 127 | 128)
        count >>= 7
    return bytes([*found, count])


def description(model: Model) -> str:
    """What a program needs to know beside the ONNX file, as JSON: labels, and how to resize and crop."""
    return json.dumps({"labels": list(model.labels), "preprocess": model.preprocess.card()}, indent=2) + "\n"
