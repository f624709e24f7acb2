"""Gradients at the pixels: how the score would change if a pixel did.

Every function is a generator: it yields the share done and returns an attribution of the input, (C, H, W), signed.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnnviz.attribution.faithfulness import blur
from cnnviz.attribution.forward import Forward
from cnnviz.inference.gradient import differentiated
from cnnviz.inference.predict import Target
from cnnviz.inference.relu_modes import Guided
from cnnviz.options import Options, RequestError, knob

Steps = Generator[float, None, Tensor]
BATCH = 4  # altered photos at once


@dataclass(frozen=True)
class Smoothing(Options):
    """How many noisy copies SmoothGrad averages over, and how noisy they are."""

    samples: int = knob(24, "How many noisy copies of the photo", low=2, high=200)
    noise: float = knob(
        0.15, "Standard deviation of the noise, as a share of the photo's range", low=0.01, high=1.0, step=0.01
    )
    seed: int = knob(0, "Seed of the noise", low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Path(Options):
    """From where, and in how many steps, integrated gradients walks to the photo."""

    steps: int = knob(32, "How many steps between the baseline and the photo", low=4, high=400)
    baseline: str = knob("mean colour", "The baseline image", choices=("mean colour", "blurred"))


def gradient(asked: Forward, goal: Target, x: Tensor) -> Tensor:
    """How each score changes with its own input, (N, C, H, W)."""
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad(), differentiated():
        (found,) = torch.autograd.grad(goal.score(asked.logits_of(leaf)).sum(), leaf)
    return found


def saliency(asked: Forward, goal: Target, options: None) -> Steps:
    """The gradient of the score. Simonyan, Vedaldi and Zisserman, 2013."""
    yield 0.0
    return gradient(asked, goal, asked.x)[0]


def smooth_grad(asked: Forward, goal: Target, options: Smoothing) -> Steps:
    """The mean gradient over noisy copies of the photo. Smilkov et al., 2017, SmoothGrad."""
    deviation = options.noise * float(asked.x.max() - asked.x.min())
    noises = torch.Generator().manual_seed(options.seed)
    total = torch.zeros_like(asked.x[0])
    for start in range(0, options.samples, BATCH):
        count = min(BATCH, options.samples - start)
        noise = torch.randn((count, *asked.x.shape[1:]), generator=noises).to(asked.x)
        total += gradient(asked, goal, asked.x + deviation * noise).sum(0)
        yield (start + count) / options.samples
    return total / options.samples


def integrated_gradients(asked: Forward, goal: Target, options: Path) -> Steps:
    """The gradient's mean on the way from a baseline to the photo, times that way. Sundararajan, Taly and Yan, 2017.

    It adds up to the score's difference between the two, up to the error of Gauss-Legendre integration.
    """
    base = torch.zeros_like(asked.x) if options.baseline == "mean colour" else blur(asked.x, asked.x.shape[-1] / 12)
    nodes, weights = np.polynomial.legendre.leggauss(options.steps)  # on -1..1
    total = torch.zeros_like(asked.x[0])
    for start in range(0, options.steps, BATCH):
        place = torch.from_numpy((nodes[start : start + BATCH] + 1) / 2).to(asked.x).view(-1, 1, 1, 1)
        share = torch.from_numpy(weights[start : start + BATCH] / 2).to(asked.x).view(-1, 1, 1, 1)
        total += (share * gradient(asked, goal, base + place * (asked.x - base))).sum(0)
        yield min(1.0, (start + BATCH) / options.steps)
    return total * (asked.x - base)[0]


def guided_backprop(asked: Forward, goal: Target, options: None) -> Steps:
    """The gradient, of which each ReLU passes back only the positive part. Springenberg et al., 2014.

    They have ReLU alone. ReLU6 is guided alike; other activations (SiLU, GELU, hard-swish) pass back all of it.

    Raises `RequestError` for a network without either.
    """
    yield 0.0
    with Guided() as mode:
        found = gradient(asked, goal, asked.x)[0]
    if not mode.met:
        raise RequestError(
            "This network has no ReLU or ReLU6, and guided backprop guides no other activation; choose saliency or "
            "SmoothGrad."
        )
    return found
