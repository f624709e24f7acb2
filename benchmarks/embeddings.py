"""Features computed once: the pass over the pictures, and what an epoch costs afterwards.

Weights are random: time does not depend on them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.data.loader import Features
from cnnviz.inference.cut import cut
from cnnviz.models import build
from cnnviz.models.preprocess import Preprocess
from cnnviz.train import loop, module
from cnnviz.train.evaluate import Loss
from cnnviz.train.plan import Plan
from cnnviz.train.setup import features

SIDES = {"squeezenet1_1": 224, "resnet18": 150}
BATCH, PICTURES = 32, 2000


def _trunk(name: str) -> tuple[nn.Module, str]:
    """A pretrained net's shape with random weights, that ends before its head, and where that sat."""
    from torchvision.models import get_model

    torch.manual_seed(0)
    net = get_model(name, weights=None).eval()
    place = build.graft(net, name, build.Head(size=SIDES[name]))
    net.set_submodule(place, nn.Identity())
    return net.requires_grad_(False), place


def _pixels(name: str) -> Tensor:
    return torch.randint(0, 256, (BATCH, 3, SIDES[name], SIDES[name]), dtype=torch.uint8)


def _tutorial(net: nn.Module, pixels: Tensor) -> Tensor:
    """As transfer-learning tutorials run a frozen backbone."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        return net((pixels.float() / 255 - mean) / std).flatten(1)


def _pass(name: str) -> dict[str, Callable[[], object]]:
    net, place = _trunk(name)
    pixels, preprocess, run = _pixels(name), Preprocess(), cut(net, place).trunk

    def ours() -> Tensor:
        with torch.no_grad():
            return features(run, pixels, preprocess)

    torch.testing.assert_close(ours(), _tutorial(net, pixels), atol=1e-3, rtol=1e-3)
    return {"cnnviz": ours, "tutorial": lambda: _tutorial(net, pixels)}


def _epoch(name: str) -> dict[str, Any]:
    """Microseconds a picture: an epoch of the head on cached features, and the backbone run again."""
    net, place = _trunk(name)
    pixels, preprocess, run = _pixels(name), Preprocess(), cut(net, place).trunk
    width = _tutorial(net, pixels).shape[1]
    slow, fast = [], []
    with torch.no_grad():
        for _ in range(5):
            slow.append(_seconds(lambda: _tutorial(net, pixels)) / BATCH)
            fast.append(_seconds(lambda: features(run, pixels, preprocess)) / BATCH)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as training does for a head alone
    seconds = _head_epochs(width)
    torch.set_num_threads(threads)
    head, again, folded = (1e6 * statistics.median(t) for t in ([s / PICTURES for s in seconds[1:]], slow, fast))
    return {
        "head_us": round(head, 1),
        "tutorial_us": round(again),
        "folded_us": round(folded),
        "ratio_tutorial": round(again / head),
        "ratio_folded": round(folded / head),
    }


def _head_epochs(width: int) -> list[float]:
    """Seconds of each epoch of a linear head on PICTURES cached features, by the real training loop."""
    torch.manual_seed(0)
    values, others = torch.randn(PICTURES, width), torch.randn(PICTURES // 2, width)
    head = nn.Sequential()
    head.add_module("out", nn.Linear(width, 1))
    task: Any = SimpleNamespace(
        plan=Plan("x", net="squeezenet1_1", recipe="features", epochs=10, batch=64),
        train=Features(values, (values[:, 0] > 0).long()),
        val=Features(others, (others[:, 0] > 0).long()),
        learner=head,
        groups=((("out.weight", "out.bias"), 1.0),),
        resting=(),
        device=torch.device("cpu"),
        wide=4096,
        input=lambda features, step=None: features,
        loss=lambda: Loss(single=True),
    )

    def nothing(*_: Any, **__: Any) -> None:
        return None

    keeper: Any = SimpleNamespace(resumed={}, due=set(), best=nothing, save=nothing, snapshot=nothing)
    seconds: list[float] = []
    log: Any = lambda kind, **values: seconds.append(values["seconds"]) if kind == "epoch" else None  # noqa: E731
    loop._train(task.plan, module.Fitting(task, keeper, log, lambda: False), Path("."))
    return seconds


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


BENCHMARKS = {f"embeddings/{name}/pass": lambda name=name: _pass(name) for name in SIDES}
MEASURES = {f"embeddings/{name}/epoch": lambda name=name: _epoch(name) for name in SIDES}
