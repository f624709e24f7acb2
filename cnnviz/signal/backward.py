"""The backward pass of one filter: gradient descent on a kernel, in numbers that can be followed by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnnviz.script import script
from cnnviz.signal import pictures

DIVERGED = 1e100  # a loss from which on no step is taken any more
SIDE = 5  # px of an input: every number of a step fits on one screen


@dataclass(frozen=True)
class Step:
    """One step of gradient descent, all float64: the kernel before and after it, and what lies between.

    `kernel`, `d_kernel` and `after` are (k, k), `output`, `target` and `d_output` (h, w); `loss` is the mean squared
    error before the step, `after_loss` the one after it.
    """

    kernel: np.ndarray
    output: np.ndarray
    target: np.ndarray
    loss: float
    d_output: np.ndarray
    d_kernel: np.ndarray
    after: np.ndarray
    after_loss: float


def correlate(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Cross-correlation without padding, float64 (H - k + 1, W - k + 1)."""
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(image, np.float64), kernel.shape)
    output: np.ndarray = np.einsum("hwij,ij->hw", windows, np.asarray(kernel, np.float64))
    return output


def step(image: np.ndarray, kernel: np.ndarray, target: np.ndarray, rate: float) -> Step:
    """One step on a kernel (k, k) towards a target (h, w), for the mean squared error at a learning rate.

    The gradient of the loss with respect to the kernel is the cross-correlation of the input with the gradient with
    respect to the output (Goodfellow et al., Deep Learning, 2016, 9.5).
    """
    output = correlate(image, kernel)
    d_output = 2 * (output - target) / output.size
    d_kernel = correlate(image, d_output)
    after = kernel - rate * d_kernel
    losses = (float(((made - target) ** 2).mean()) for made in (output, correlate(image, after)))
    return Step(np.asarray(kernel, np.float64), output, target, next(losses), d_output, d_kernel, after, next(losses))


def descent(image: np.ndarray, kernel: np.ndarray, target: np.ndarray, rate: float, count: int) -> list[Step]:
    """So many steps, one after the other, and the one that comes next: `count` + 1 in all.

    At a rate that is too high numbers grow without end: the steps stop before they are too large to be written.
    """
    taken = [step(image, kernel, target, rate)]
    for _ in range(count):
        if taken[-1].after_loss > DIVERGED:
            break
        taken.append(step(image, taken[-1].after, target, rate))
    return taken


def as_pytorch(image: np.ndarray, kernel: np.ndarray, goal: np.ndarray, rate: float, count: int) -> str:
    """A script in which autograd computes the same: `gradient` of the last of `count` + 1 steps, and all `kernels`."""
    return script(
        f"x = torch.tensor({_literal(image)})[None, None]  # (1, 1, {image.shape[0]}, {image.shape[1]})",
        f"kernel = torch.tensor({_literal(kernel)})[None, None].requires_grad_()",
        f"target = F.conv2d(x, torch.tensor({_literal(goal)})[None, None])",
        "kernels = [kernel.detach()[0, 0].clone()]",
        f"for step in range({count + 1}):",
        "    loss = F.mse_loss(F.conv2d(x, kernel), target)",
        "    (grad,) = torch.autograd.grad(loss, kernel)",
        "    with torch.no_grad():",
        f"        kernel -= {rate:g} * grad",
        "    kernels.append(kernel.detach()[0, 0].clone())",
        "loss = F.mse_loss(F.conv2d(x, kernel), target)",
        f"gradient, kernels = grad[0, 0], torch.stack(kernels)  # (3, 3), ({count + 2}, 3, 3)",
        "print(gradient, kernels[-1], loss.item())",
        imports=("import torch", "import torch.nn.functional as F"),
    )


def _literal(values: np.ndarray) -> str:
    return f"{np.asarray(values, np.float64).tolist()}, dtype=torch.float64"


def _noise() -> np.ndarray:
    """Grays without a pattern, each a tenth, (SIDE, SIDE): every entry of a kernel can be told from them."""
    return np.random.default_rng(2).integers(0, 11, (SIDE, SIDE)) / 10


def _corner() -> np.ndarray:
    """A bright square in a corner, (SIDE, SIDE)."""
    out = np.zeros((SIDE, SIDE))
    out[2:, 2:] = 1
    return out


# Name -> (title, function that makes an input of values from 0 to 1).
IMAGES: dict[str, tuple[str, Callable[[], np.ndarray]]] = {
    "noise": ("Random grays", _noise),
    "corner": ("A corner", _corner),
    "steps": ("Gray steps", lambda: np.round(pictures.steps(SIDE) / 255, 2)),
}
