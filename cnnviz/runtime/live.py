"""Networks of the program that an engine belongs to: handed over, asked under a key of their own, given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cnnviz.inference.live import LiveNet
from cnnviz.runtime.backend import Backend


def add(
    backend: Backend,
    net: object,
    name: str | None = None,
    labels: Iterable[str] | Mapping[int, str] | None = None,
    preprocess: object = None,
) -> str:
    """The key live/<name> under which a network of the program's own can be asked from now on.

    `net` is any `nn.Module` that takes one batch of images and gives logits (N, K), alone, first of a tuple, or under
    a usual name of a dictionary (`logits`, `out`); a softmax or sigmoid behind them is taken off in what is asked. It
    is never run, switched, hooked, pickled or deep-copied: each question is answered for the weights it has at that
    moment, in evaluation mode, so that it may be trained meanwhile.
    `name` is by default that of its class; a second network of a name takes the first one's place.
    `labels` are the names of its classes in order, or a mapping between names and numbers; `preprocess` a `Preprocess`,
    a torchvision transform, or a function from a photo to a tensor; without one it is guessed. Raises `RequestError`
    where the network cannot be asked.
    """
    made = LiveNet(net, name, labels, preprocess, backend._forget_net)
    remove(backend, made.key)
    backend.live[made.key] = made
    return made.key


def remove(backend: Backend, key: str) -> None:
    """Let go of a network that was handed over or uploaded, and of all that was computed for it.

    Without effect where it is not there.
    """
    if (gone := backend.live.pop(key, None)) is not None:
        gone.close()
    if (model := backend.uploads.pop(key, None)) is not None:
        backend._forget_net(model)
