"""A network of the program that started cnnviz: asked as it is now, while the program keeps it and may train it.

What is asked is a snapshot: the same modules around the numbers that the weights have at that moment, in evaluation
mode, on the network's own device, float32. The network itself is never run, hooked, switched, pickled or deep-copied.
"""

from __future__ import annotations

import itertools
import operator
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.inference.plain_road import PLAIN, WRITTEN, Road, fresh, settle
from cnnviz.models import ending, outputs
from cnnviz.models.catalog import ModelInfo
from cnnviz.models.labels import handed
from cnnviz.models.load import Model
from cnnviz.models.pipeline import read
from cnnviz.models.preprocess import Preprocess
from cnnviz.models.probabilities import Ending
from cnnviz.models.snapshot import snapshot
from cnnviz.options import RequestError

PATIENCE = 5.0  # seconds until the weights keep still for a moment
SHARE = 100  # times what it takes to compare all numbers, until they are compared again


class LiveError(RequestError):
    """The network cannot be asked; the message says why."""


class LiveNet:
    """A network that was handed over, and the model of what its weights are now; safe to share between threads."""

    def __init__(
        self,
        net: object,
        name: str | None = None,
        labels: Iterable[str] | Mapping[int, str] | None = None,
        preprocess: object = None,
        dropped: Callable[[Model], None] = lambda _: None,
    ) -> None:
        """`dropped` hears of each model whose weights are no longer the network's; the rest is as in `Engine.add`."""
        self.net, self._dropped = _unwrapped(net), dropped
        self.title = name or type(self.net).__name__
        if not isinstance(self.title, str):
            raise LiveError(f"The name of a network is a text, not {type(name).__name__}; change it.")
        if not re.fullmatch(r"[\w.-]+", self.title):
            raise LiveError(f"The name {name!r} has other characters than letters, digits, dot, - and _; change it.")
        self.key = f"live/{self.title}"
        self._labels = tuple(labels) if isinstance(labels, Iterator) else labels  # asked again when the head changes
        self._given = preprocess
        self._id, self._lock = uuid.uuid4().hex, threading.RLock()
        self._preprocess: Preprocess | None = None
        self._said = ""
        self._made: Model | None = None
        self._mark = Mark(self.net)
        self._layout: list[object] = []
        self._outputs, self._road = 0, Road(plain=False, gradient=True)
        self._ending: Ending | None = None
        self._last = False  # whether it runs on maps that lie with channels last
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._settings: list[object] = []
        self._later = 0.0
        self.model()

    @property
    def row(self) -> ModelInfo:
        """Its line in the list of networks."""
        held = list(self.net.parameters())
        return ModelInfo(self.key, self.title, sum(p.numel() for p in held), sum(p.nbytes for p in held), "live")

    def model(self) -> Model:
        """The model of what the weights are now: the last one, unless they changed since.

        A change that PyTorch counts (an optimizer's step, `load_state_dict`, another module in place of one) is seen
        at once; one that it does not count (`.data`, NumPy, an attribute) when all numbers are compared again.
        Raises `LiveError` where the weights never keep still for a moment.
        """
        with self._lock, torch.inference_mode(False), torch.no_grad():
            if self._made is not None and self._mark.holds() and not self._altered():
                return self._made
            before, self._made = self._made, self._read()
            if before is not None:
                self._dropped(before)
            return self._made

    def close(self) -> None:
        """Let go of what was computed for it."""
        with self._lock:
            if self._made is not None:
                self._dropped(self._made)

    def _read(self) -> Model:
        """The model of a moment in which nothing changed."""
        began = time.monotonic()
        while True:
            self._mark = Mark(self.net)
            net, self._pairs = _now(self.net)
            if self._mark.holds():
                break
            if time.monotonic() > began + PATIENCE:
                raise LiveError(
                    f"The weights of {self.key} change faster than they can be read; ask again when they keep still."
                )
            time.sleep(0.001)  # whoever trains goes on
        self._settings, self._later = _settings(self.net), time.monotonic() + SHARE * (time.monotonic() - began)
        net.eval()
        WRITTEN.add(net)
        outputs.first(net)
        if self._preprocess is None:
            self._preprocess, self._said = read(self._given, net)
        changed = self._layout != (layout := [*_layout(self.net), *_switches(self._settings)])
        if changed:
            self._outputs = outputs.tried(net, self._preprocess.size, set(self.net.modules())).shape[1]
            noise = outputs.noise(net, self._preprocess.size)
            self._ending = ending.found(net, fresh(noise))
            self._last = _runs_last(net, noise, self._pairs)
        elif self._last:
            _lay(self._pairs, torch.channels_last)
        if self._ending:
            ending.take_off(net, self._ending)
        if changed:
            self._road, self._layout = settle(net, noise), layout
        elif self._road.plain:
            PLAIN.add(net)
        source = f"live in this program; input: {self._said}"
        if self._ending:
            source = f"{source}; {self._ending.said}"
        if not self._road.gradient:
            source = f"{source}; its logits have no gradient, so heat maps are by Score-CAM, Ablation-CAM or occlusion"
        if odd := outputs.damaged(net):
            source = f"{source}; NaN or infinity in {odd}, as after a training that diverged"
        if hooked := sum(bool(part._forward_hooks or part._forward_pre_hooks) for part in self.net.modules()):
            source = f"{source}; the hooks of {hooked} of its modules are not run"
        return Model(
            self.key,
            self.title,
            net,
            f"live {self._id} {uuid.uuid4().hex}",
            handed(self._labels, 2 if self._outputs == 1 else self._outputs),
            self._preprocess,
            self._preprocess.size,
            self._outputs == 1,
            source,
        )

    def _altered(self) -> bool:
        """Whether a number or a setting changed uncounted; compared at most a hundredth of the time."""
        if (began := time.monotonic()) < self._later:
            return False
        found = self._settings != _settings(self.net) or not all(_equal(own, kept) for own, kept in self._pairs)
        self._later = time.monotonic() + SHARE * (time.monotonic() - began)
        return found


def _unwrapped(net: object) -> nn.Module:
    """The network inside what parallel training and compilers put around it; refused where it cannot be asked."""
    if not isinstance(net, nn.Module):
        raise LiveError(f"A network is a torch.nn.Module, not {type(net).__name__}; hand over the module itself.")
    while type(net).__name__ in ("DataParallel", "DistributedDataParallel", "OptimizedModule"):
        net = next(iter(net.children()))
    if any(isinstance(part, torch.jit.ScriptModule) for part in net.modules()):
        raise LiveError("TorchScript hides its operations; hand over the nn.Module that it was made from.")
    if any(".quantized" in type(part).__module__ for part in net.modules()):
        raise LiveError("A quantised network has no gradients; hand over the one in float32 that it was made from.")
    held = [*net.parameters(), *net.buffers()]
    if any(nn.parameter.is_lazy(own) for own in held):
        raise LiveError("This network has layers without weights yet; run it once on a batch, then hand it over.")
    if any(own.is_meta for own in held):
        raise LiveError("This network has no weights, as it is on the meta device; load them, then hand it over.")
    if len(places := {str(own.device) for own in held}) > 1:
        raise LiveError(f"This network lies on {' and '.join(sorted(places))}; move it to one device.")
    return net


def _now(net: nn.Module) -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    """The network's modules around the numbers of now, and each of its tensors with these."""
    pairs: list[tuple[Tensor, Tensor]] = []

    def numbers(own: Tensor) -> Tensor:
        kept = own.detach().clone()
        if kept.is_floating_point():
            kept = kept.float()
        kept = nn.Parameter(kept, requires_grad=False) if isinstance(own, nn.Parameter) else kept
        pairs.append((own, kept))
        return kept

    return snapshot(net, numbers), pairs


def _runs_last(net: nn.Module, x: Tensor, pairs: Sequence[tuple[Tensor, Tensor]]) -> bool:
    """Whether the network gives the same with maps that lie with channels last, as convolutions are quickest.

    Its weights are left so if it does. A forward that takes such maps by `view` does not run.
    """
    wanted = net(fresh(x))
    _lay(pairs, torch.channels_last)
    try:
        same = torch.allclose(net(fresh(x)), wanted, rtol=1e-3, atol=1e-4, equal_nan=True)
    except Exception:  # whatever a forward of somebody's own does
        same = False
    if not same:
        _lay(pairs, torch.contiguous_format)
    return same


def _lay(pairs: Sequence[tuple[Tensor, Tensor]], form: torch.memory_format) -> None:
    for _, kept in pairs:
        if kept.ndim == 4:
            kept.data = kept.data.contiguous(memory_format=form)


class Mark:
    """What a network's modules hold, and for each tensor where its numbers lie and how often PyTorch wrote them."""

    def __init__(self, net: nn.Module) -> None:
        self._held: list[Mapping[str, object]] = [
            held for part in net.modules() for held in (part._modules, part._parameters, part._buffers)
        ]
        self._objects = self._now()
        self._tensors = [one for one in self._objects if isinstance(one, Tensor)]
        self._counts = self._counted()

    def holds(self) -> bool:
        """Whether all of that is as it was: a few microseconds, for it is asked before every answer."""
        now = self._now()
        same = len(now) == len(self._objects) and all(map(operator.is_, now, self._objects))
        return same and self._counts == self._counted()

    def _now(self) -> list[object]:
        return [*itertools.chain.from_iterable(held.values() for held in self._held)]

    def _counted(self) -> list[int]:
        return [
            count for own in self._tensors for count in (own.data_ptr(), -1 if own.is_inference() else own._version)
        ]


def _layout(net: nn.Module) -> list[object]:
    """The kinds of the modules and the shapes of the tensors."""
    return [*(type(part) for part in net.modules()), *(own.shape for own in net.parameters())]


def _equal(own: Tensor, kept: Tensor) -> bool:
    now = own.detach()
    if now.dtype != kept.dtype:
        now = now.to(kept.dtype)
    if now.shape != kept.shape:
        return False
    return torch.equal(now, kept) or bool(((now == kept) | (now.isnan() & kept.isnan())).all())


def _settings(net: nn.Module) -> list[object]:
    """The plain values that modules hold, such as a stride, but for whether they train."""
    return [
        value
        for part in net.modules()
        for name, value in list(vars(part).items())
        if name != "training" and isinstance(value, (bool, int, float, str, tuple)) and _plain(value)
    ]


def _switches(settings: list[object]) -> list[object]:
    """Those that may choose another way through a forward; numbers may count its steps."""
    return [value for value in settings if isinstance(value, (bool, str))]


def _plain(value: Any) -> bool:
    return not isinstance(value, tuple) or all(isinstance(one, (bool, int, float, str)) for one in value)
