"""The ways in, a function each: a network goes in, and out come an engine on a device and the key it has there."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from cnnviz.models import weights
from cnnviz.models.preprocess import Preprocess
from cnnviz.models.torchvision_nets import TORCHVISION
from cnnviz.options import RequestError
from cnnviz.runtime.engine import Engine
from tests.zoo.nets import Entry

NEUTRAL = "somebody"  # a file's name that says nothing


class NotThere(Exception):
    """The way does not exist, or not for such a network; the words say why."""


def plain(entry: Entry) -> Preprocess:
    """The preprocessing for a network whose maker says nothing of it."""
    channels, side, _ = entry.size
    return Preprocess(side, side, (0.5,) * channels, (0.25,) * channels, channels=channels)


def by_key(entry: Entry, net: nn.Module, folder: Path, device: str) -> tuple[Engine, str]:
    """The key of torchvision or timm, its weights in the weights folder."""
    if not entry.key:
        raise NotThere("it has no key")
    file = folder / f"{entry.key.removeprefix('timm/')}.safetensors"
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, file)
    return Engine(device, weights=folder), entry.key


def by_checkpoint(entry: Entry, net: nn.Module, folder: Path, device: str) -> tuple[Engine, str]:
    """A bare state dict in a file whose name says nothing; where timm and torchvision have its tensors, with a card."""
    if not entry.key:
        raise NotThere("a state dict does not say what its network computes; write it as .pt2 or .onnx")
    torch.save({"state_dict": net.state_dict(), "epoch": 3}, folder / f"{NEUTRAL}.pth")
    if any(entry.key == f"timm/{other.name}" for other in TORCHVISION):
        (folder / f"{NEUTRAL}.json").write_text(json.dumps({"net": entry.key}))
    return Engine(device, weights=folder), f"file/{NEUTRAL}"


def fine_tuned(entry: Entry, net: nn.Module, folder: Path, device: str) -> tuple[Engine, str]:
    """The same beside an optimizer's state, in half precision, under the names of an attribute and DataParallel."""
    engine, key = by_checkpoint(entry, net, folder, device)
    state = {f"module.my_net.{name}": value for name, value in net.half().state_dict().items()}
    net.float()  # the rounded weights are what the answers are held against
    saved = {"epoch": 3, "optimizer": {"state": {}, "param_groups": []}, "best": {"weights": state}}
    torch.save(saved, folder / f"{NEUTRAL}.pth")
    return engine, key


def live(entry: Entry, net: nn.Module, folder: Path, device: str) -> tuple[Engine, str]:
    """The network itself, handed over."""
    engine = Engine(device, weights=folder)
    if not hasattr(engine, "add"):
        raise NotThere("not there yet")
    return engine, engine.add(net, name=NEUTRAL, preprocess=plain(entry))


def by_pt2(entry: Entry, net: nn.Module, folder: Path, device: str) -> tuple[Engine, str]:
    """A file of torch.export."""
    _there(".pt2")
    with quiet():
        try:
            program = torch.export.export(net, (torch.zeros(1, *entry.size),))
        except Exception as error:  # the exporter's own
            raise NotThere(f"torch.export refuses it ({type(error).__name__})") from None
        torch.export.save(program, folder / f"{NEUTRAL}.pt2")
    return _read(folder, device)


def by_onnx(entry: Entry, net: nn.Module, folder: Path, device: str) -> tuple[Engine, str]:
    """A file of torch.onnx.export."""
    _there(".onnx")
    with quiet():
        try:
            torch.onnx.export(
                net, (torch.zeros(1, *entry.size),), folder / f"{NEUTRAL}.onnx", dynamo=True, external_data=False,
                verbose=False,
            )  # fmt: skip
        except Exception as error:
            raise NotThere(f"torch.onnx refuses it ({type(error).__name__})") from None
    return _read(folder, device)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what the exporters print."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _there(suffix: str) -> None:
    if suffix not in weights.SUFFIXES:
        raise NotThere("not there yet")


def _read(folder: Path, device: str) -> tuple[Engine, str]:
    return Engine(device, weights=folder), f"file/{NEUTRAL}"


WAYS: dict[str, Callable[[Entry, nn.Module, Path, str], tuple[Engine, str]]] = {
    "key": by_key,
    "checkpoint": by_checkpoint,
    "training": fine_tuned,
    "live": live,
    "pt2": by_pt2,
    "onnx": by_onnx,
}
REFUSED = (NotThere, RequestError)
