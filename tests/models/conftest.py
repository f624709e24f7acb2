"""Folders of weights and of runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import save_file

from cnnviz.models import build, lecture, load


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "weights"
    place.mkdir()
    return place


@pytest.fixture
def run(tmp_path) -> Path:
    """A folder of runs with one run in it: the cats net, and snapshots after steps 10 and 200."""
    made = tmp_path / "runs" / "2026-cats"
    (made / "snapshots").mkdir(parents=True)
    spec = lecture.NETS["mnist_gap"]
    card = {"title": "My run", "net": "lecture/mnist_gap", "labels": list("abcdefghij"), "preprocess": {
        "resize": 28, "crop": 28, "mean": [0.5], "std": [0.5], "channels": 1}}  # fmt: skip
    (made / "card.json").write_text(json.dumps(card))
    for file, seed in (("best", 0), ("snapshots/10", 1), ("snapshots/0000200", 2)):
        net = build.lecture_net(spec).to_empty(device="cpu")
        load._initialise(net, seed)
        save_file(net.state_dict(), made / f"{file}.safetensors")
    return made.parent
