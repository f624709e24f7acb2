"""The device: chosen in one place, a GPU where there is one, refused in a sentence where it is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from cnnviz.inference import device

PACKAGE = Path(__file__).resolve().parents[2] / "cnnviz"


def test_a_device_is_chosen_in_one_place():
    asked = re.compile(r"\b(cuda|mps)\.is_available\(")
    asks = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if asked.search(path.read_text())]
    assert asks == [Path("inference/device.py")]


@pytest.mark.parametrize(
    ("cuda", "mps", "name"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_automatic_is_a_gpu_where_there_is_one(monkeypatch, cuda, mps, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert device.resolve("auto") == name
    assert device.resolve("cuda:1") == "cuda:1"


@pytest.mark.parametrize("wrong", ["cuda:99", "abacus", ""])
def test_a_device_that_is_not_there_is_refused_by_its_name(wrong):
    with pytest.raises(device.DeviceError, match=f"no device '{wrong}' here; use auto or cpu"):
        device.choose(wrong)


def test_a_processor_is_told_with_its_threads(monkeypatch):
    for threads, words in ((1, "CPU, 1 thread"), (2, "CPU, 2 threads")):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert device.in_words(device.choose("cpu")) == words


def test_full_precision_is_set_for_a_while_and_only_for_a_gpu():
    parts = (torch.backends.cudnn.conv, torch.backends.cudnn.rnn)
    before = [part.fp32_precision for part in parts]
    with device.exactly(torch.device("cuda")):
        assert [part.fp32_precision for part in parts] == ["ieee", "ieee"]
        assert not torch.backends.cudnn.allow_tf32  # the older name can still be read
        assert not device.rounds(torch.device("cuda"))
    assert [part.fp32_precision for part in parts] == before == ["tf32", "tf32"]
    assert torch.backends.cudnn.allow_tf32
    assert device.rounds(torch.device("cuda"))
    with device.exactly(torch.device("cpu")):
        assert torch.backends.cudnn.conv.fp32_precision == "tf32"
    assert not device.rounds(torch.device("cpu"))
