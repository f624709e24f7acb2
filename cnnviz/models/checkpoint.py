"""Untrusted checkpoint files in, plain tensors out; nothing in the file is ever executed."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from cnnviz.models import labels
from cnnviz.models import weights as shelf
from cnnviz.options import RequestError

LARGEST = 8 << 30  # bytes; the largest torchvision CNN has 2.4 GiB
WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model_ema",
    "ema_state_dict",
    "ema",
    "model",
    "net",
    "weights",
)
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "ema.")
# DenseNet's own downloads still carry names from before dots were forbidden in module names.
OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")


class CheckpointError(RequestError):
    """A checkpoint cannot be read, or does not fit the network."""


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, as `contents` gives them."""
    return contents(path)[0]


def contents(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of a checkpoint by name, on the CPU, without wrappers and their prefixes; class names beside them.

    Raises `CheckpointError` for anything but a .safetensors file or a torch file that holds tensors and plain values.
    """
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
    with path.open("rb") as file:
        kind = shelf.kind(file.read(9), size)
    safe = kind == "safetensors" or (kind != "torch" and path.suffix.lower() == ".safetensors")
    found = _safetensors(path) if safe else _torch(path, size)
    state, names = _unwrap(found), labels.named(_metadata(path) if safe else found)
    if not state:
        raise CheckpointError(f"{path.name} has no weights; save it with torch.save(net.state_dict(), ...).")
    _refuse_odd(state, path.name)
    if sum(4 * tensor.numel() for tensor in state.values()) > LARGEST:  # as float32, which `fit` makes of them
        raise CheckpointError(f"{path.name} unpacks to more than {LARGEST >> 30} GiB; choose a smaller one.")
    return state, names


def fit(net: nn.Module, state: Mapping[str, Tensor], name: str = "the checkpoint") -> nn.Module:
    """The network itself (which may be on the meta device) with the weights of a state, as float32.

    Raises `CheckpointError` naming the layers that are missing, unknown, of another shape, or not finite.
    """
    _refuse_odd(state, name)
    wanted = net.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    lacking = [key for key in wanted if key not in state and key not in counters]
    unknown = [key for key in state if key not in wanted]
    shapes = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    if lacking or unknown or shapes:
        first = next((key for key in shapes), None)
        detail = f"{first} is {_size(state[first])} and should be {_size(wanted[first])}" if first else ""
        faults = (_some("lacks", lacking), _some("has no place for", unknown), _some("differs in", shapes), detail)
        raise CheckpointError(
            f"{name} does not fit {type(net).__name__}: it {'; it '.join(filter(None, faults))}. "
            "Choose the network it was saved from."
        )
    values = {key: state[key] if key in state else torch.zeros((), dtype=torch.long) for key in wanted}
    values = {key: value.float() if value.is_floating_point() else value for key, value in values.items()}
    if broken := next((key for key, value in values.items() if not _finite(value)), None):
        raise CheckpointError(
            f"{name} has NaN or infinite weights (in {broken}), so its training diverged; save an earlier one."
        )
    with torch.no_grad():
        for key, value in values.items():
            _put(net, key, value.detach().contiguous())
    return net


def _refuse_odd(state: Mapping[str, Tensor], name: str) -> None:
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
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path.name} is not a readable safetensors file ({error}); save it again.") from None


def _metadata(path: Path) -> Mapping[str, object]:
    """The words beside a safetensors file's tensors, read as JSON where they are."""
    with safe_open(path, "pt") as file:
        said = file.metadata() or {}
    read: dict[str, object] = {}
    for key, value in said.items():
        with contextlib.suppress(ValueError, RecursionError):
            read[key] = json.loads(value)
    return read


def _torch(path: Path, size: int) -> object:
    if zipfile.is_zipfile(path):
        _refuse_zip_bomb(path, size)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if re.search("Unsupported (global|class)|GLOBAL", str(error)):
            raise CheckpointError(
                f"{path.name} contains program code, not only weights, and was not opened; "
                "save it with torch.save(net.state_dict(), ...) or as .safetensors."
            ) from None
        raise CheckpointError(f"{path.name} is not a readable checkpoint; save or download it again.") from None
    except Exception:  # torch.load answers damaged files with whatever its parser stumbled over
        raise CheckpointError(f"{path.name} is not a readable checkpoint; save or download it again.") from None


def _refuse_zip_bomb(path: Path, size: int) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        raise CheckpointError(f"{path.name} is not a readable checkpoint; save or download it again.") from None
    if unpacked > min(LARGEST, 2 * size + 1_000_000):  # torch stores its tensors uncompressed
        raise CheckpointError(f"{path.name} unpacks to {unpacked} bytes, which no checkpoint does; save it again.")


def _unwrap(found: object) -> dict[str, Tensor]:
    """The state dict inside what a training script saved: wrappers taken off, common prefixes cut."""
    for _ in range(4):
        inner = next((found[key] for key in WRAPPERS if isinstance(found, Mapping) and _holds(found.get(key))), None)
        if inner is None:
            break
        found = inner
    if not isinstance(found, Mapping):
        return {}
    state = {_line(key): value for key, value in found.items() if isinstance(value, Tensor)}
    while state:
        prefix = next((p for p in PREFIXES if all(key.startswith(p) for key in state)), None)
        if prefix is None and state.keys() == {"n_averaged"} | {k for k in state if k.startswith("module.")}:
            state.pop("n_averaged", None)  # torch.optim.swa_utils.AveragedModel counts its updates
            continue
        if prefix is None:
            break
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return {OLD_DENSENET.sub(r"\1\2", key): value for key, value in state.items()}


def _line(key: object) -> str:
    """A tensor's name, in one line wherever it is told."""
    name = str(key)
    return name if name.isprintable() else ascii(name)


def _holds(value: object) -> bool:
    return isinstance(value, Mapping) and any(isinstance(v, (Tensor, Mapping)) for v in value.values())


def _some(what: str, keys: list[str]) -> str:
    layers = list(dict.fromkeys(key.rpartition(".")[0] or key for key in keys))
    rest = f" and {len(layers) - 4} more layers" if len(layers) > 4 else ""
    return f"{what} {', '.join(layers[:4])}{rest}" if layers else ""


def _size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"
