"""A network's modules built anew around its tensors, or around others: nothing is pickled, deep-copied or hooked.

What else a module holds is kept as it is. Lists, dictionaries, bound methods, partials and closures are made anew where
they lead to modules or tensors, so that the new network never reaches into the one it was made from.
"""

from __future__ import annotations

import functools
import types
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

COMPUTES = "torch.nn.utils"  # weight norm, spectral norm and pruning compute a weight in a hook
EAGER = "_torchdynamo_orig_callable"  # where torch.compile keeps the function that it was given
PARTS = ("g", "v", "u", "orig", "mask")  # how that hook calls what it computes the weight from


def snapshot(net: nn.Module, tensor: Callable[[Tensor], Tensor] = lambda own: own) -> nn.Module:
    """The same modules in evaluation mode, unhooked, with `tensor(t)` in place of each tensor t of the network.

    A module or tensor that occurs several times does so in the new network. Weights that torch computes, in a hook or
    by a parametrization, are computed once and are parameters of the plain layer.
    """
    made: nn.Module = _Anew(tensor).of(net)
    return made


class _Anew:
    """What every object became."""

    def __init__(self, tensor: Callable[[Tensor], Tensor]) -> None:
        self._tensor = tensor
        self._done: dict[int, tuple[object, Any]] = {}  # with the original, whose id is its own while it lives

    def of(self, value: Any) -> Any:
        if id(value) in self._done:
            return self._done[id(value)][1]
        if isinstance(value, nn.Module):
            return self.module(value)
        if isinstance(value, Tensor):
            return self._note(value, self._tensor(value))
        if type(value) in (list, dict, OrderedDict):
            return self._filled(value)
        if type(value) in (tuple, set):
            return type(value)(map(self.of, value))
        return self._called(value) if callable(value) else value

    def module(self, part: nn.Module) -> Any:
        if type(part).__name__ == "OptimizedModule" and (plain := part._modules.get("_orig_mod")) is not None:
            return self.of(plain)  # what torch.compile was given
        made = self._note(part, object.__new__(type(part)))
        own = vars(made)
        for name, value in list(vars(part).items()):
            hooked = name.endswith(("_hooks", "_hooks_with_kwargs", "_hooks_always_called"))
            own[name] = OrderedDict() if hooked else self.of(value)
        own["training"] = False
        if isinstance(part, nn.DataParallel):
            own["device_ids"] = []  # it runs where its module is
        if (plain := getattr(type(part).forward, EAGER, None)) is not None and "forward" not in own:
            own["forward"] = types.MethodType(plain, made)
        if own.get("_compiled_call_impl") is not None:
            own["_compiled_call_impl"] = None
        for hook in part._forward_pre_hooks.values():
            if type(hook).__module__.startswith(COMPUTES):
                hook(made, ())
                _settled(made, getattr(hook, "name", getattr(hook, "_tensor_name", "weight")))
        if parametrize.is_parametrized(made):
            _unparametrized(made)
        return made

    def _note(self, value: object, made: Any) -> Any:
        self._done[id(value)] = value, made
        return made

    def _filled(self, value: Any) -> Any:
        """A list or dictionary, which may contain itself."""
        made = self._note(value, type(value)())
        if isinstance(value, list):
            made.extend(map(self.of, value))
        else:
            made.update({key: self.of(held) for key, held in value.items()})
        return made

    def _called(self, value: Any) -> Any:
        """A function with what it is bound to; what torch.compile was given, where it is one of its own."""
        if (plain := getattr(value, EAGER, None)) is not None:
            return self.of(plain)
        if isinstance(value, types.MethodType):
            owner = self.of(value.__self__)
            return value if owner is value.__self__ else types.MethodType(value.__func__, owner)
        if isinstance(value, functools.partial):
            return functools.partial(self.of(value.func), *map(self.of, value.args), **self.of(value.keywords))
        if isinstance(value, types.FunctionType) and (value.__closure__ or value.__defaults__):
            return self._closed(value)
        return value

    def _closed(self, function: types.FunctionType) -> types.FunctionType:
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        made = types.FunctionType(function.__code__, function.__globals__, function.__name__, None, cells or None)
        self._note(function, made)
        made.__defaults__ = self.of(function.__defaults__)
        made.__kwdefaults__ = self.of(function.__kwdefaults__)
        for cell, was in zip(cells, function.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self.of(was.cell_contents)
            except ValueError:  # a name that is not bound yet
                continue
        return made


def _settled(made: nn.Module, name: str) -> None:
    """A tensor that a hook has computed is a parameter; what it was computed from is gone."""
    value = vars(made).pop(name)
    for part in PARTS:
        made._parameters.pop(f"{name}_{part}", None)
        made._buffers.pop(f"{name}_{part}", None)
    made._parameters[name] = nn.Parameter(value.detach(), requires_grad=False)


def _unparametrized(made: nn.Module) -> None:
    """A layer of the class that it had before, with the tensors that its parametrizations compute."""
    lists = made._modules.pop("parametrizations")
    made.__class__ = type(made).__bases__[0]
    for name, steps in lists.named_children():  # type: ignore[union-attr]
        value = steps().detach()
        if any(True for _ in steps.parameters(recurse=False)):
            made._parameters[name] = nn.Parameter(value, requires_grad=False)
        else:
            made._buffers[name] = value
