"""The device that networks run on: the one that is named, or the fastest there is."""

from __future__ import annotations

import torch

from cnnviz.options import RequestError


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


def in_words(device: torch.device) -> str:
    """The device in words: "CPU, 2 threads", or the name of the GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
