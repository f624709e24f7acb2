"""The logits among what a network puts out: a tensor, the first of several, or the one under a usual name."""

from __future__ import annotations

import threading
import types
import weakref
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils._python_dispatch import TorchDispatchMode

from cnnviz.options import RequestError

NAMES = ("logits", "out", "output", "outputs", "scores", "score", "preds", "pred", "predictions", "prediction", "y")


class OutputError(RequestError):
    """What a network puts out are no logits, or it does not run at all."""


def logits(out: Any) -> Any:
    """The logits in what a network put out, also while it is traced; the thing itself where none are found."""
    if isinstance(out, (Tensor, fx.Proxy)):
        return out
    if isinstance(out, Mapping):
        named = next((out[name] for name in NAMES if name in out), None)
        return out if named is None else logits(named)
    if (named := next((held for name in NAMES if (held := getattr(out, name, None)) is not None), None)) is not None:
        return logits(named)
    return logits(out[0]) if isinstance(out, (tuple, list)) and out else out


def first(net: nn.Module) -> None:
    """Makes a network give its logits alone, in place: of its own class still, so that layers keep their names."""
    kind = type(net)
    if (own := vars(net).pop("forward", None)) is not None:
        vars(net)["_own_forward"] = own  # where a snapshot of this one finds it

    def forward(self: nn.Module, x: Tensor) -> Any:
        own = vars(self).get("_own_forward")
        found = logits(kind.forward(self, x) if own is None else own(x))
        half = isinstance(found, Tensor) and found.dtype in (torch.float16, torch.bfloat16)  # of autocast
        return found.float() if half else found

    instead(net, forward)


def instead(net: nn.Module, forward: Callable[[nn.Module, Any], Any]) -> None:
    """Has a network run another forward, in place: its class is an heir of the same name and module."""
    kind = type(net)
    about = {"forward": forward, "__module__": kind.__module__}
    heir = types.new_class(kind.__name__, (kind,), exec_body=lambda own: own.update(about))
    object.__setattr__(net, "__class__", heir)


class Certain(TorchDispatchMode):
    """Refuses, on this thread, whatever would draw from a global generator of random numbers, before it draws."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, kinds: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in func.tags and _draws(func, args, kwargs):
            raise RandomError("random numbers are drawn")
        return func(*args, **kwargs)


def _draws(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether an operator that may draw from a global generator does; not without dropout, as attention evaluated."""
    given = {one.name: one.default_value for one in func._schema.arguments if one.has_default_value()}
    given |= dict(zip((one.name for one in func._schema.arguments), args, strict=False)) | dict(kwargs)
    spared = any(given.get(name) is False for name in ("train", "training"))
    return (
        given.get("generator") is None and not spared and all(given.get(name) != 0 for name in ("dropout_p", "dropout"))
    )


class RandomError(Exception):
    """A global generator of random numbers would have been drawn from."""


def tried(net: nn.Module, size: tuple[int, int, int], foreign: Collection[nn.Module] = ()) -> Tensor:
    """The logits (1, K) of noise of that size (C, H, W).

    Raises `OutputError` where the network does not run, gives no logits (1, K), draws random numbers, or runs one of
    the `foreign` modules.
    """
    x, reached, me, kind = noise(net, size), [], threading.get_ident(), type(net).__name__

    def note(part: nn.Module, _: object) -> None:
        if threading.get_ident() == me:
            reached.append(part)

    hook = nn.modules.module.register_module_forward_pre_hook(note)
    try:
        with torch.no_grad(), Certain():
            out = net(x)
    except RandomError:
        raise OutputError(
            f"{kind} draws random numbers in evaluation mode, so it has no one answer; let its dropout depend on "
            "self.training."
        ) from None
    except Exception as error:  # whatever a forward of somebody's own does
        shape, said = " x ".join(map(str, size)), line(error)
        raise OutputError(f"{kind} does not run on an image of {shape} ({said}); {_cure(net, error)}.") from error
    finally:
        hook.remove()
    if any(part in foreign for part in reached):
        raise OutputError(f"{kind} runs modules inside objects of other classes; make them attributes of the network.")
    if not isinstance(out, Tensor) or out.ndim != 2 or len(out) != 1 or not out.is_floating_point():
        raise OutputError(no_logits(kind, out))
    return out


def no_logits(kind: str, out: object) -> str:
    """The sentence for what a network of that kind puts out for one image instead of logits (1, K)."""
    if not isinstance(out, Tensor):
        return (
            f"{kind} gives a {type(out).__name__} for one image; a classifier gives logits (1, K), alone, first of a "
            "tuple or under the name logits."
        )
    cure = "a classifier gives logits (1, K), alone, first of a tuple or under the name logits"
    if out.shape == (1,):
        cure = "give logits (1, 1) by .unsqueeze(1)"
    elif out.ndim > 2 and out.shape == (1, out.shape[1], *[1] * (out.ndim - 2)):
        cure = "give logits (1, K) by .flatten(1)"
    elif out.ndim == 4 and len(out) == 1:
        cure = "for a class at each place, give the mean over the places, logits (1, K) by .mean((2, 3))"
    elif out.ndim == 2 and len(out) == 1:
        cure = "give logits as floating-point numbers"
    return f"{kind} gives a tensor {tuple(out.shape)} for one image; {cure}."


def of_classes(kind: str, logits: Tensor) -> Tensor:
    """The same logits (N, K). Raises `RequestError` where a network of that kind gives anything else."""
    if logits.ndim == 1 or (logits.ndim > 2 and max(logits.shape[2:]) == 1):
        raise RequestError(no_logits(kind, logits))
    if logits.ndim != 2:
        raise RequestError(f"{kind} has feature maps and no classes; choose a network with a head.")
    return logits


def _cure(net: nn.Module, error: Exception) -> str:
    """What to do about a network that does not run."""
    wrap = "wrap it in a module that takes a batch of images (N, C, H, W) and gives logits (N, K)"
    conv = next((part for part in net.modules() if isinstance(part, _ConvNd)), None)
    other = conv is not None and not isinstance(conv, nn.Conv2d)
    hopeless = other or isinstance(error, (TypeError, KeyError, AttributeError, IndexError))  # no input (N, C, H, W)
    return wrap if hopeless else f"give the preprocess that belongs to it, or {wrap}"


def noise(net: nn.Module, size: tuple[int, int, int]) -> Tensor:
    """The same noise (1, C, H, W) each time, where the network is; no global random numbers are drawn."""
    place = next((own.device for own in net.parameters()), torch.device("cpu"))
    return torch.randn(1, *size, generator=torch.Generator().manual_seed(0)).to(place)


def damaged(net: nn.Module) -> str:
    """The name of the first weight or buffer with NaN or infinity; "" where all are numbers. It is looked for once."""
    if net not in _DAMAGED:
        held = (*net.named_parameters(), *net.named_buffers())
        _DAMAGED[net] = next((name for name, own in held if not own.sum().isfinite()), "")
    return _DAMAGED[net]


_DAMAGED: weakref.WeakKeyDictionary[nn.Module, str] = weakref.WeakKeyDictionary()


def line(error: Exception) -> str:
    """The first line of what an error says, without its full stop."""
    said = str(error).strip().split("\n")[0][:200].rstrip(".")
    return said or type(error).__name__
