"""Reading a network's maps while it runs: the only place that touches hooks.

`tap` runs a network and keeps the output of the wanted layers. It survives in-place ReLU (each map is kept and a clone
continues through the network), other threads using the same network (a hook only listens to the thread that set it),
and exceptions (no hook outlives the call). Gradients start at the tapped maps, never at the weights.
"""

from __future__ import annotations

import difflib
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cnnviz.options import RequestError


class LayerError(RequestError):
    """The network has no such layer, or the layer never ran or gave no tensor."""


class _Reached(BaseException):
    """The last wanted layer has run; carries the forward out of the net."""


def module(net: nn.Module, layer: str) -> nn.Module:
    """The submodule called `layer`; `LayerError` with the closest names where there is none."""
    if layer:
        try:
            return net.get_submodule(layer)
        except AttributeError:
            pass
    names = [name for name, _ in net.named_modules() if name]
    near = difflib.get_close_matches(layer, names, n=3, cutoff=0.3) or names[-3:]
    raise LayerError(f"This network has no layer {layer!r}; the closest are {', '.join(near)}.")


def tap(
    net: nn.Module, x: Tensor, layers: Sequence[str], *, stop: bool = False
) -> tuple[Tensor | None, dict[str, Tensor]]:
    """The logits (N, K) of `net` for `x` (N, C, H, W), and each wanted layer's output, in the order asked for.

    With gradients enabled every map can be differentiated to: one that no gradient would reach becomes a leaf.
    With `stop` the forward ends at the last wanted layer and the logits are None. A layer that runs several times
    gives its last output. Raises `LayerError` for a layer that is unknown, never ran, or gave no tensor.
    """
    modules = {name: module(net, name) for name in dict.fromkeys(layers)}
    runs = _RUNS.setdefault(net, {})
    known = all(name in runs for name in modules)
    kept: dict[str, Tensor] = {}
    counts: Counter[str] = Counter()
    logits = None
    try:
        with _listening(modules, kept, counts, runs if stop and known else None):
            logits = net(x)
        runs.update({name: counts[name] for name in modules})
    except _Reached:
        pass
    if missing := [name for name in modules if name not in kept]:
        raise LayerError(f"Layer {missing[0]!r} has no feature map for this input; choose another one.")
    return None if stop else logits, {name: kept[name] for name in modules}


_RUNS: weakref.WeakKeyDictionary[nn.Module, dict[str, int]] = (
    weakref.WeakKeyDictionary()
)  # net -> layer -> runs a forward


def full(maps: Tensor) -> Tensor:
    """Maps in float32 where autocast made them half as precise; others as they are."""
    return maps.float() if maps.dtype in (torch.float16, torch.bfloat16) else maps


@contextmanager
def _listening(
    modules: dict[str, nn.Module], kept: dict[str, Tensor], counts: Counter[str], stop_after: dict[str, int] | None
) -> Iterator[None]:
    """Hooks that keep outputs of this thread's forwards, gone when the block ends."""
    me = threading.get_ident()

    def listen(name: str) -> Callable[[nn.Module, object, object], Tensor | None]:
        def hook(_: nn.Module, __: object, out: object) -> Tensor | None:
            if threading.get_ident() != me:
                return None
            counts[name] += 1
            kind = out.dtype if isinstance(out, Tensor) else None
            if isinstance(out, Tensor):
                out = full(out)
                if torch.is_grad_enabled() and out.is_floating_point() and not out.requires_grad:
                    out = out.detach().requires_grad_()
                kept[name] = out
            if stop_after is not None and all(counts[wanted] >= stop_after[wanted] for wanted in modules):
                raise _Reached
            return out.clone().to(kind) if isinstance(out, Tensor) else None  # for an in-place ReLU that may follow

        return hook

    handles = [part.register_forward_hook(listen(name)) for name, part in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def following(
    net: nn.Module, enter: Callable[[str], None], leave: Callable[[nn.Module, object], None]
) -> Iterator[None]:
    """Tells of every module that begins, by its path, and that ends, with its output, in this thread's forwards."""
    me = threading.get_ident()

    def begin(name: str) -> Callable[[nn.Module, object], None]:
        return lambda _, __: enter(name) if threading.get_ident() == me else None

    def end(part: nn.Module, _: object, out: object) -> None:
        if threading.get_ident() == me:
            leave(part, out)

    handles = []
    try:
        for name, part in net.named_modules():
            handles += [part.register_forward_pre_hook(begin(name)), part.register_forward_hook(end)]
        yield
    finally:
        for handle in handles:
            handle.remove()
