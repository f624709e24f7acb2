"""Gradients of class scores, refused in one sentence where a network has none."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from cnnviz.models.outputs import line
from cnnviz.options import RequestError

DETACHED = ("does not require grad", "not have been used", "numpy() on Tensor that requires grad")  # PyTorch's words
CURE = "choose Score-CAM, Ablation-CAM or occlusion, which need none"


class NoGradient(RequestError):
    """A class score cannot be differentiated here; the message says why."""


@contextmanager
def differentiated(what: str = "The class score", cure: str = CURE) -> Iterator[None]:
    """Whatever PyTorch cannot differentiate inside raises `NoGradient`."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        said = line(error)
        known = any(words in said for words in DETACHED)
        why = "something on the way detaches it: detach, no_grad, NumPy, argmax or rounding" if known else said
        raise NoGradient(f"{what} has no gradient here ({why}); {cure}.") from error


def of_input(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor | None:
    """The gradient of the sum of all logits with respect to an input, (N, C, H, W); None where there is none."""
    with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
        leaf = x.detach().clone().requires_grad_()
        try:
            warnings.simplefilter("ignore")  # of a number that a forward takes out of PyTorch
            (found,) = torch.autograd.grad(run(leaf.clone()).sum(), leaf, allow_unused=True)
        except RuntimeError:  # it leaves PyTorch, or was detached
            return None
    return found
