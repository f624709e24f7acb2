"""Untrusted checkpoint files in, plain tensors out; nothing in the file is ever executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cnnviz.models import file_kind, labels, layout, pickled, safetensors_file, shards
from cnnviz.models import weights as shelf
from cnnviz.models.pickled import LARGEST
from cnnviz.models.pickled import CheckpointError as CheckpointError

LINE = 64  # bytes of a line of a processor's cache


@dataclass(frozen=True)
class Contents:
    """What a checkpoint holds: the tensors of each network in it, the likeliest first, and plain values beside them.

    called  what the file calls its network, such as the `arch` of a training script
    """

    states: tuple[layout.State, ...]
    values: Mapping[str, object]
    labels: tuple[str, ...] = ()
    called: tuple[str, ...] = ()


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint's first network by name, on the CPU, without wrappers and their prefixes.

    Raises `CheckpointError` as `contents` does.
    """
    return checked(dict(contents(path).states[0].unwrapped().tensors), path.name)


def contents(path: Path) -> Contents:
    """What a checkpoint holds, on the CPU; of one in several parts what all of them hold.

    Raises `CheckpointError` for anything but a .safetensors file or a torch file that holds tensors and plain values.
    """
    opened = [_opened(part) for part in shards.whole(path)]
    found, values, classes = opened[0]
    if len(opened) > 1:
        found = {key: value for part, *_ in opened if isinstance(part, Mapping) for key, value in part.items()}
    states = layout.states(found)
    if not states:
        raise CheckpointError(f"{path.name} {file_kind.pickled(classes)}.")
    said = values if isinstance(values, Mapping) else {}
    return Contents(states, said, labels.named(said), labels.called(said))


def _opened(path: Path) -> tuple[object, object, tuple[str, ...]]:
    """What one file holds, the plain values in it, and the names of the classes it has objects of."""
    try:
        size = path.stat().st_size
    except OSError:
        raise CheckpointError(f"There is no checkpoint {path.name}; check the name and the weights folder.") from None
    if size == 0:
        raise CheckpointError(f"{path.name} is empty; download or save it again.")
    if size > LARGEST:
        raise CheckpointError(
            f"{path.name} is {size / 2**30:.1f} GiB, more than {LARGEST >> 30} GiB; choose a smaller one."
        )
    if what := file_kind.foreign(path):
        raise CheckpointError(f"{path.name} is {what}.")
    with path.open("rb") as file:
        kind = shelf.kind(file.read(9), size)
    if kind == "safetensors" or (kind != "torch" and path.suffix.lower() == ".safetensors"):
        return _safetensors(path), shelf.metadata(path), ()
    values, classes = pickled.values(path)
    return values, values, classes


def checked(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The state itself. Raises `CheckpointError` for tensors that no network computes with, and for too many."""
    refuse_odd(state, name)
    if sum(4 * tensor.numel() for tensor in state.values()) > LARGEST:  # as float32, which `fit` makes of them
        raise CheckpointError(f"{name} unpacks to more than {LARGEST >> 30} GiB; choose a smaller one.")
    return state


def fit(net: nn.Module, state: Mapping[str, Tensor], name: str = "the checkpoint") -> nn.Module:
    """The network itself (which may be on the meta device) with the weights of a state, as float32.

    Raises `CheckpointError` naming the layers that are missing, unknown, of another shape, or not finite.
    """
    refuse_odd(state, name)
    wanted = net.state_dict()
    refuse_unfit(net, state, name)
    values = {key: state[key] if key in state else torch.zeros((), dtype=torch.long) for key in wanted}
    values = {key: value.float() if value.is_floating_point() else value for key, value in values.items()}
    if broken := next((key for key, value in values.items() if not _finite(value)), None):
        raise CheckpointError(
            f"{name} has NaN or infinite weights (in {broken}), so its training diverged; save an earlier one."
        )
    with torch.no_grad():
        for key, value in values.items():
            _put(net, key, _aligned(value.detach().contiguous()))
    return net


def _aligned(value: Tensor) -> Tensor:
    """The same at the beginning of a cache line, as torch lays its own: what lies in a mapped file begins anywhere.

    BLAS adds up in another order there, so that a network read from its file would differ in the last digit.
    """
    return value.clone() if value.data_ptr() % LINE else value


def refuse_unfit(net: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Raises `CheckpointError` naming the layers of a state that are missing, unknown, or of another shape."""
    wanted = net.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    lacking = [key for key in wanted if key not in state and key not in counters]
    unknown = [key for key in state if key not in wanted]
    shapes = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    if lacking or unknown or shapes:
        first = next((key for key in shapes), None)
        detail = f"{first} is {size(state[first].shape)} and should be {size(wanted[first].shape)}" if first else ""
        faults = (_some("lacks", lacking), _some("has no place for", unknown), _some("differs in", shapes), detail)
        raise CheckpointError(
            f"{name} does not fit {type(net).__name__}: it {'; it '.join(filter(None, faults))}. "
            "Choose the network it was saved from."
        )


def refuse_odd(state: Mapping[str, Tensor], name: str) -> None:
    """Lets pass what a net computes with: dense floating tensors, and single integers that count."""
    for key, tensor in state.items():
        if tensor.is_meta:
            odd = "a tensor without values"
        elif tensor.layout is not torch.strided or tensor.is_nested:
            odd = "a sparse or nested tensor"
        elif tensor.is_quantized or not (tensor.is_floating_point() or _counts(tensor)):
            odd = f"of type {str(tensor.dtype).removeprefix('torch.')}"
        elif tensor.numel() == 0:
            odd = "empty"
        elif tensor.untyped_storage().nbytes() < tensor.nbytes:
            odd = "one value many times over"
        else:
            continue
        raise CheckpointError(f"{name} cannot be used: {key} is {odd}; save it as plain float32 tensors.")


def _counts(tensor: Tensor) -> bool:
    return tensor.dim() == 0 and not tensor.is_complex()


def _finite(tensor: Tensor) -> bool:
    """One sum is several times faster than asking each number; only a sum that overflows needs that."""
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def _put(net: nn.Module, key: str, value: Tensor) -> None:
    """Replaces one parameter or buffer. Not load_state_dict: MNASNet's refuses a state without version metadata."""
    path, _, leaf = key.rpartition(".")
    part = net.get_submodule(path)
    if leaf in part._parameters:
        part._parameters[leaf] = nn.Parameter(value, requires_grad=False)
    else:
        part._buffers[leaf] = value


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors_file.read(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path.name} is not a readable safetensors file ({error}); save it again.") from None


def _some(what: str, keys: list[str]) -> str:
    layers = list(dict.fromkeys(key.rpartition(".")[0] or key for key in keys))
    rest = f" and {len(layers) - 4} more layers" if len(layers) > 4 else ""
    return f"{what} {', '.join(layers[:4])}{rest}" if layers else ""


def size(shape: Sequence[int]) -> str:
    """A tensor's shape in words: 64 x 3 x 7 x 7."""
    return " x ".join(map(str, shape)) or "a single number"
