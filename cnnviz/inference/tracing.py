"""A tracer that keeps to its own thread.

While torch.fx traces a network it patches `nn.Module` for the whole process: the networks that other threads are
running in that moment would be written into the trace, or get placeholders where their weights should be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from cnnviz.models.snapshot import snapshot

LOCK = threading.RLock()  # one trace at a time


class Tracer(fx.Tracer):
    """Traces a network's operations while other threads run networks undisturbed."""

    def trace(self, root: nn.Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> fx.Graph:
        """As `torch.fx.Tracer.trace`, of a copy around the same tensors.

        What a forward keeps in its modules (a cache, running statistics) would otherwise be a placeholder ever after.
        """
        with LOCK:
            self._thread = threading.get_ident()
            if not isinstance(root, nn.Module):
                return super().trace(root, concrete_args)
            copy = snapshot(root)
            own = {*vars(copy), *copy._parameters, *copy._buffers, *copy._modules}
            graph = super().trace(copy, concrete_args)
            for node in graph.find_nodes(op="get_attr"):
                if str(node.target).partition(".")[0] not in own:  # a constant, which the tracer put beside the weights
                    setattr(root, str(node.target), getattr(copy, str(node.target)))
            for node in graph.find_nodes(op="call_method", target="view"):
                if not any(isinstance(one, torch.dtype) for one in (*node.args, *node.kwargs.values())):
                    node.target = "reshape"  # the same, also of maps that lie with channels last
            return graph

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """As torch has it, but for what lies in an `nn.DataParallel` inside a network."""
        return not isinstance(m, nn.DataParallel) and super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Recorded on the thread that traces, run on any other."""
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return self.record(m, forward, args, kwargs)

    def record(self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A submodule's run on the thread that traces: its output, into the trace."""
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """A placeholder on the thread that traces, the weights themselves on any other."""
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)
