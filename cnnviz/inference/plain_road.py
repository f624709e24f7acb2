"""A network whose operations cannot be listed, cut at a layer by hooks: slower, for each image is run as a whole.

torch.fx follows no decision that depends on the numbers of the input. Which networks are of that kind is found by
comparing what was traced with what the network itself gives.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from cnnviz.inference.gradient import of_input
from cnnviz.inference.tap import LayerError, full, module
from cnnviz.inference.tracing import LOCK, Tracer

PLAIN: weakref.WeakSet[nn.Module] = weakref.WeakSet()  # networks that go this road

WRITTEN: weakref.WeakSet[nn.Module] = weakref.WeakSet()  # networks of somebody's own program


class Unlisted(LayerError):
    """What was asked needs the list of the operations."""


UNLISTED = "The operations of this network depend on its input and cannot be listed."


@dataclass(frozen=True)
class Road:
    """Whether a network has to go this road, and whether its logits have a gradient."""

    plain: bool
    gradient: bool


def settle(net: nn.Module, x: Tensor) -> Road:
    """A network goes this road where it cannot be traced, or the trace gives other logits or another gradient for x.

    The gradient is another one behind a `torch.autograd.Function`, whose own backward no trace has. Autocast is not
    traced either: there the trace, in float32, may differ by what is rounded.
    """
    with LOCK, torch.inference_mode(False), torch.no_grad():
        with _autocast(x) as rounded:
            wanted = net(fresh(x)).float()
        slope = of_input(net, x)
        near = 0.1 if rounded else 1e-3
        try:
            trace = fx.GraphModule(net, Tracer().trace(net))
            large = max(1.0, float(wanted.nan_to_num().abs().max())) if rounded else 1.0
            same = torch.allclose(trace(fresh(x)).float(), wanted, rtol=near, atol=near / 10 * large, equal_nan=True)
            same = same and (slope is None or _alike(of_input(trace, x), slope, 5 * near))
        except Exception:  # whatever a forward of somebody's own does to a placeholder
            same = False
    if not same:
        PLAIN.add(net)
    return Road(not same, slope is not None)


def _alike(found: Tensor | None, wanted: Tensor, near: float) -> bool:
    if found is None or not wanted.isfinite().all():
        return found is not None or not wanted.any()
    return float((found - wanted).norm()) <= near * float(wanted.norm())


@contextmanager
def _autocast(x: Tensor) -> Iterator[list[bool]]:
    """A list that is not empty once a module has run in autocast on this thread."""
    me, found = threading.get_ident(), list[bool]()

    def note(_: nn.Module, __: object) -> None:
        if threading.get_ident() == me and torch.is_autocast_enabled(x.device.type):
            found.append(True)

    hook = nn.modules.module.register_module_forward_pre_hook(note)
    try:
        yield found
    finally:
        hook.remove()


Halves = tuple[Callable[[Tensor], tuple[Tensor, Tensor, tuple[int, ...]]], Callable[..., Tensor]]


def halves(net: nn.Module, layer: str) -> Halves:
    """`trunk(x)`: the layer's map, x, and how often the layer ran for each image; `head(*trunk(x))`: the logits.

    The map is that of the layer's last run. Images are run one by one, as each may take another way.
    Raises `LayerError`, at once or later, for a layer that is unknown, does not run, or gives no tensor.
    """
    part = module(net, layer)

    def trunk(x: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        runs = [_run(net, part, one) for one in _each(x)]
        if any(count == 0 for _, count in runs):
            raise LayerError(f"Layer {layer!r} has no feature map for this input; choose another one.")
        return torch.cat([out for out, _ in runs]), x, tuple(count for _, count in runs)

    def head(maps: Tensor, x: Tensor, counts: tuple[int, ...], shift: Tensor | None = None) -> Tensor:
        return torch.cat([_with(net, part, *each) for each in zip(_each(maps), _each(x), counts, strict=True)])

    return trunk, head


def whole(net: nn.Module, x: Tensor) -> Tensor:
    """The logits (N, K) of images that are run one by one; no layer has to run for all of them."""
    return torch.cat([net(one) for one in _each(x)])


def asked_whole(net: nn.Module) -> Callable[..., Tensor]:
    """The logits (N, K) of images as a differentiable function; of one that goes this road, one by one."""
    return lambda x, shift=None: whole(net, x) if net in PLAIN else net(fresh(x))


def batched(run: Callable[[Tensor], Tensor], batch: Tensor, single: list[bool]) -> Tensor:
    """What `run` gives for a batch (N, ...), each image as it is alone.

    Where the network's operations are written for one image (`x.view(1, -1)`), or mix those of a batch
    (`x / x.max()`), they are run one by one; `single` holds which it is, once it was tried on two.
    """
    if len(batch) > 1 and alone(run, batch, single):
        return torch.cat([run(one) for one in _each(batch)])
    return run(fresh(batch))


def alone(run: Callable[[Tensor], Tensor], batch: Tensor, single: list[bool]) -> bool:
    """Whether the images of a batch (N, ...) have to be run one by one, as `batched` finds it out."""
    if not single:
        single.append(not _apart(run, batch))
    return single[0]


def single(net: nn.Module) -> list[bool]:
    """What `batched` knows of a network: nothing yet, or whether it has to be asked one image at a time."""
    return _SINGLE.setdefault(net, [])


def fresh(x: Tensor) -> Tensor:
    """A copy of a batch as a program's own loader would give it: a forward may write over it, and views fit."""
    return x.clone(memory_format=torch.contiguous_format)


_SINGLE: weakref.WeakKeyDictionary[nn.Module, list[bool]] = weakref.WeakKeyDictionary()


@torch.no_grad()
def _apart(run: Callable[[Tensor], Tensor], batch: Tensor) -> bool:
    """Whether two images at once give what each gives alone."""
    one = batch[:1].detach()
    pair = (one, 3 * one)
    try:
        found = run(torch.cat(pair))
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # the sizes do not fit; what is wrong otherwise comes again
        return False
    wanted = torch.cat([run(fresh(each)) for each in pair])
    near = 1e-3 * float(wanted.nan_to_num().abs().max())
    return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-2, atol=near, equal_nan=True)


def _each(x: Tensor) -> tuple[Tensor, ...]:
    """The images of a batch as batches of one, each `fresh`."""
    return tuple(map(fresh, torch.split(x, 1)))


def _run(net: nn.Module, part: nn.Module, x: Tensor) -> tuple[Tensor, int]:
    """What a layer gives in its last run for one image, and how often it ran; 0 where that is no tensor."""
    kept: list[Tensor] = []

    def keep(out: object) -> None:
        kept.extend([full(out.clone())] if isinstance(out, Tensor) else [])

    with _heard(part, keep):
        net(x)
    return (kept[-1], len(kept)) if kept else (x, 0)


def _with(net: nn.Module, part: nn.Module, given: Tensor, x: Tensor, count: int) -> Tensor:
    """The logits (1, K) of one image with a map in place of what a layer gives in its last run."""
    runs = 0

    def swap(out: object) -> object:
        nonlocal runs
        runs += 1
        if runs != count or not isinstance(out, Tensor):
            return None
        return given.clone().to(out.dtype)  # a clone, for what follows may write in place

    with _heard(part, swap):
        logits: Tensor = net(x)
    return logits


@contextmanager
def _heard(part: nn.Module, tell: Callable[[object], object]) -> Iterator[None]:
    """`tell` hears what a module puts out on this thread, and what it returns goes on instead."""
    me = threading.get_ident()
    handle = part.register_forward_hook(lambda _, __, out: tell(out) if threading.get_ident() == me else None)
    try:
        yield
    finally:
        handle.remove()
