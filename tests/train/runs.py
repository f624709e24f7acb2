"""Runs trained on the spot."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from cnnviz.train import run
from cnnviz.train.loop import fit


def trained(plan, runs, name=None):
    folder = run.create(plan, runs, name)
    fit(folder)
    return run.read(folder)


def same(one, other) -> bool:
    a, b = load_file(one), load_file(other)
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
