"""What was pickled beside the weights becomes a placeholder; nothing in a file is imported or called."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import enum
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnviz.models import checkpoint, pickled
from cnnviz.models.checkpoint import CheckpointError

TENSOR = torch.arange(6.0).view(2, 3)


@dataclasses.dataclass
class Settings:
    classes: list[str]


class Colour(enum.Enum):
    RED = 1


class Attributes(dict):
    pass


class Slots:
    __slots__ = ("a",)

    def __init__(self) -> None:
        self.a = 1


def call(*arguments: object) -> object:
    """What a hostile file would call."""
    CALLED.append(arguments)
    return arguments


class Hostile:
    """Unpickling it calls a function."""

    def __reduce__(self):
        return call, (1, 2)


CALLED: list[object] = []
BESIDE = {
    "a Namespace": argparse.Namespace(lr=0.1),
    "a SimpleNamespace": types.SimpleNamespace(lr=0.1),
    "a NumPy number": np.float64(0.9),
    "a NumPy array": np.arange(4),
    "a path": Path("/data"),
    "a defaultdict": collections.defaultdict(list, {"loss": [1.0]}),
    "a deque": collections.deque([1, 2], maxlen=3),
    "a dataclass": Settings(["owl", "wren"]),
    "an enum": Colour.RED,
    "a class derived from dict": Attributes(lr=0.1),
    "an object with slots": Slots(),
    "a type": dict,
    "a function": call,
}


@pytest.mark.parametrize("old_format", [False, True])
@pytest.mark.parametrize("name", BESIDE)
def test_weights_are_read_beside(tmp_path, name, old_format):
    torch.save(
        {"state_dict": {"fc.weight": TENSOR}, "beside": BESIDE[name]},
        tmp_path / "net.pth",
        _use_new_zipfile_serialization=not old_format,
    )
    assert torch.equal(checkpoint.read(tmp_path / "net.pth")["fc.weight"], TENSOR)


@pytest.mark.parametrize("old_format", [False, True])
def test_nothing_is_called(tmp_path, old_format):
    torch.save(
        {"state_dict": {"fc.weight": TENSOR}, "beside": Hostile()},
        tmp_path / "net.pth",
        _use_new_zipfile_serialization=not old_format,
    )
    CALLED.clear()
    before = set(sys.modules)
    assert torch.equal(checkpoint.read(tmp_path / "net.pth")["fc.weight"], TENSOR)
    assert CALLED == []
    assert set(sys.modules) == before
    torch.load(tmp_path / "net.pth", weights_only=False)  # it would have been
    assert CALLED == [(1, 2)]


def test_names_in_an_object_of_ones_own_are_found(tmp_path):
    torch.save({"state_dict": {"fc.weight": TENSOR}, "config": Settings(["owl", "wren"])}, tmp_path / "net.pth")
    assert checkpoint.contents(tmp_path / "net.pth").labels == ("owl", "wren")


def test_torch_keeps_no_placeholder(tmp_path):
    torch.save({"state_dict": {"fc.weight": TENSOR}, "config": Settings([])}, tmp_path / "net.pth")
    before = torch.serialization.get_safe_globals()
    pickled.read(tmp_path / "net.pth")
    after = torch.serialization.get_safe_globals()
    assert (len(after), set(after)) == (len(before), set(before))  # torch keeps a set, whose order is not its own


@pytest.mark.parametrize("module", ["os", "posix", "sys"])
def test_what_reaches_the_system_is_refused(tmp_path, module):
    (tmp_path / "net.pth").write_bytes(f"\x80\x02c{module}\nsystem\nq\x00.".encode("latin1"))
    with pytest.raises(CheckpointError, match=r"program code|not a readable"):
        pickled.read(tmp_path / "net.pth")
