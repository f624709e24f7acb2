"""The device that networks run on: the one that is named, or the fastest there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from cnnviz.options import RequestError

_CUDNN: Any = torch.backends.cudnn  # torch gives its switches no types


class DeviceError(RequestError):
    """The device is not there, or its memory does not suffice."""


def resolve(wanted: str) -> str:
    """The name of a device with "auto" decided: a GPU where there is one, else the CPU."""
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def choose(wanted: str) -> torch.device:
    """The device of that name ("auto", "cpu", "cuda", "cuda:1", "mps"). Raises `DeviceError` where it is not there."""
    name = resolve(wanted)
    try:
        found = torch.device(name)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(f"There is no device {name!r} here; use auto or cpu.") from error
    return found


@contextmanager
def within_memory() -> Iterator[None]:
    """Running out of a GPU's memory becomes one clear sentence, a `DeviceError`."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise DeviceError(
            "The GPU has too little free memory for this; choose a smaller network, or start with device cpu."
        ) from error


@contextmanager
def exactly(device: torch.device) -> Iterator[None]:
    """Convolutions in full float32 on a GPU of NVIDIA, as on the CPU.

    cuDNN takes TF32 by default: 10 bits of each factor's fraction instead of 23, so that maps differ by up to some
    percent. The setting is the process's; it is as before afterwards.
    """
    if device.type != "cuda":
        yield
        return
    parts, before = (_CUDNN.conv, _CUDNN.rnn), _CUDNN.allow_tf32
    each = [part.fp32_precision for part in parts]
    try:
        _CUDNN.allow_tf32 = False  # the older name for it, that may be read meanwhile
        for part in parts:
            part.fp32_precision = "ieee"
        yield
    finally:
        _CUDNN.allow_tf32 = before
        for part, was in zip(parts, each, strict=True):
            part.fp32_precision = was


def rounds(device: torch.device) -> bool:
    """Whether the process lets that device round the factors of float32 products to TF32."""
    parts = (_CUDNN.conv, torch.backends.cuda.matmul)
    return device.type == "cuda" and any(part.fp32_precision == "tf32" for part in parts)


def in_words(device: torch.device) -> str:
    """The device in words: "CPU, 2 threads", or the name of the GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
