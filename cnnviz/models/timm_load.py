"""timm's CNNs, built and filled: their own size, crop, mean, deviation, interpolation and labels; weights from a file
in the weights folder, from timm's downloads, or random ones.

timm is an optional package: whatever needs it says in one sentence what to install.
"""

from __future__ import annotations

import difflib
import importlib
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.models import checkpoint, heads, timm_nets
from cnnviz.models import labels as class_names
from cnnviz.models import weights as shelf
from cnnviz.models.build import Weightless
from cnnviz.models.preprocess import Preprocess, of_config
from cnnviz.models.timm_nets import UNTRAINED, TimmError
from cnnviz.models.weights import DownloadError

SEED = 0  # of untrained networks


def package() -> Any:
    """Timm itself. Raises `TimmError` where it is not installed."""
    try:
        return importlib.import_module("timm")
    except ImportError:
        raise TimmError(f"The networks timm/... need the package timm; {timm_nets.INSTALL}.") from None


def config(name: str) -> Any:
    """Timm's `PretrainedCfg` of a name, with or without tag. Raises `TimmError` for what is no CNN of timm."""
    timm = package()
    bare, _, tag = name.removesuffix(UNTRAINED).partition(".")
    if not timm.is_model(bare):
        near = difflib.get_close_matches(bare, timm_nets.table(), n=3)
        hint = f"did you mean timm/{' or timm/'.join(near)}?" if near else "timm.list_models() lists those it has."
        raise TimmError(f"timm has no network {bare!r}; {hint}")
    family = timm.model_entrypoint(bare).__module__.rpartition(".")[2]
    if family not in timm_nets.FAMILIES or (bare not in timm_nets.table() and _attends(bare)):
        raise TimmError(f"timm's {bare} ({family}) is no CNN; choose one without attention, such as timm/resnet18.")
    try:
        return timm.get_pretrained_cfg(f"{bare}.{tag}" if tag else bare)
    except RuntimeError:
        tags = ", ".join(one.partition(".")[2] for one in timm.list_pretrained(f"{bare}.*")[:4]) or "none"
        raise TimmError(f"timm's {bare} has no weights {tag!r}; those it has are {tags}.") from None


def skeleton(name: str, state: Mapping[str, Tensor] | None = None, activation: str = "ReLU") -> nn.Module:
    """That network, its parameters on the meta device, with the classes, head and input channels that a state shows."""
    timm, bare, given = package(), name.removesuffix(UNTRAINED), dict(state or {})
    said, wanted = config(name), {}
    if (output := given.get(f"{_paths(said.classifier)[0]}.weight")) is not None:
        wanted["num_classes"] = output.shape[0]
    first = given.get(f"{_paths(said.first_conv)[0]}.weight")
    with Weightless():
        net: nn.Module = timm.create_model(bare, **wanted)
        own = net.state_dict().get(f"{_paths(said.first_conv)[0]}.weight")
        if first is not None and own is not None and first.shape[1] != own.shape[1]:
            net = timm.create_model(bare, in_chans=first.shape[1] * said.input_size[0] // own.shape[1], **wanted)
    kept = set(net.state_dict())
    if any(buffer.is_meta for key, buffer in net.named_buffers() if key not in kept):  # what no file holds: computed
        net = _drawn(bare, in_chans=channels(net), **wanted)
    if output is None and given:
        _headed(net, _paths(said.classifier)[0], {key: tuple(value.shape) for key, value in given.items()}, activation)
    return net


def _headed(net: nn.Module, place: str, shapes: heads.Shapes, activation: str) -> None:
    """Puts the head of a state in place of the output layer, where it is one that can be rebuilt."""
    head = heads.rebuilt(shapes, place, activation)
    if head is not None:
        net.set_submodule(place, head)
        net.num_classes = head.get_submodule(heads.output_layer(head)).out_features


def filled(name: str, state: Mapping[str, Tensor], file: str, activation: str = "ReLU") -> nn.Module:
    """The network with the weights of a state, also of a layout that timm itself rewrites as it loads it.

    Raises `CheckpointError` where they do not fit.
    """
    if not timm_nets.installed():
        raise TimmError(f"{file} has the weights of timm's {name}; {timm_nets.INSTALL}.")
    try:
        return checkpoint.fit(skeleton(name, state, activation), state, file)
    except checkpoint.CheckpointError:
        rewritten = _rewritten(name, state)
        if rewritten is None:
            raise
        return checkpoint.fit(skeleton(name, rewritten), rewritten, file)


def untrained(name: str) -> nn.Module:
    """The network with the random weights timm gives it, the same each time."""
    config(name)
    return _drawn(name.removesuffix(UNTRAINED))


def preprocess(name: str, takes: int = 3) -> Preprocess:
    """The preprocessing of a name's weights; for a network that takes one channel, their mean over the colours."""
    return of_config(vars(config(name)), takes)


def labels(name: str) -> tuple[str, ...]:
    """The class names of a name's weights; none where timm does not say which classes they are."""
    said = config(name)
    if said.label_names:
        told = said.label_descriptions or {}
        return tuple(str(told.get(label, label)) for label in said.label_names)
    if said.num_classes == shelf.CLASSES:
        return class_names.imagenet()
    data = importlib.import_module("timm.data")
    subset = data.infer_imagenet_subset(said.to_dict())
    return tuple(data.ImageNetInfo(subset).label_descriptions()) if subset else ()


def channels(net: nn.Module) -> int:
    """The channels that a network of timm takes."""
    said: dict[str, Any] = getattr(net, "pretrained_cfg")  # noqa: B009  # nn.Module says it is a tensor
    path = _paths(said["first_conv"])[0]
    usual, takes = said["input_size"][0], net.get_submodule(path).in_channels
    if not isinstance(takes, int):
        return int(usual)
    if takes <= 4:
        return takes
    return int(usual) if takes % usual == 0 else 1  # a stem that folds pixels into channels, of all colours or of gray


def tagged(name: str) -> str:
    """The name with the tag of the weights that timm takes for it."""
    said = config(name)
    return name if "." in name or not said.tag else f"{name}.{said.tag}"


def fetch(name: str, progress: shelf.Progress | None = None) -> Path:
    """The file of a name's weights where timm keeps it, after its download by huggingface_hub if it is not there yet.

    Raises `DownloadError`, which says which file to put where.
    """
    said, hub = config(name), importlib.import_module("huggingface_hub")
    if not said.hf_hub_id or not said.num_classes:
        raise DownloadError(f"timm has no weights with classes for {name}; {_without(name)}.")
    if kept := timm_nets.downloaded().get(tagged(name)):
        return kept
    shelf.refuse_strangers(name)
    reason = "there is no such file"
    for file in (said.hf_hub_filename,) if said.hf_hub_filename else timm_nets.HUB_FILES:
        try:
            _reachable(hub.hf_hub_url(said.hf_hub_id, file))
            return Path(hub.hf_hub_download(said.hf_hub_id, file, tqdm_class=_told(progress)))
        except (OSError, ValueError, hub.errors.EntryNotFoundError) as error:
            reason = (str(getattr(error, "reason", error)) or type(error).__name__).strip().split("\n")[0]
            if getattr(error, "code", None) != 404:
                break
    raise DownloadError(
        f"No weights for timm/{name}: {said.hf_hub_id} cannot be downloaded ({reason}); {_without(name)}."
    )


def _without(name: str) -> str:
    return f"put {name}.safetensors in a weights folder, or ask for timm/{name}{UNTRAINED} with random weights"


def _reachable(url: str) -> None:
    """Raises `OSError` at once where there is no connection; huggingface_hub would try for a minute."""
    asked = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "cnnviz"})
    with urllib.request.urlopen(asked, timeout=shelf.PATIENCE):
        pass


def _told(progress: shelf.Progress | None) -> type:
    """A progress bar that draws nothing and tells the bytes so far."""
    bar = importlib.import_module("tqdm").tqdm

    class Told(bar):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **how: Any) -> None:
            how.pop("name", None)
            super().__init__(*args, **{**how, "disable": True})
            self.done, self.all = int(how.get("initial") or 0), int(how.get("total") or 0)

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            if progress is not None:
                progress(self.done, max(self.all, self.done))

    return Told


def _drawn(name: str, **how: Any) -> nn.Module:
    """A network built with all its values, random weights from a seed; torch's generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        net: nn.Module = package().create_model(name, **how)
    return net


def _rewritten(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The state as timm's own loading makes it; None where that refuses it, too."""
    timm, bare = package(), name.removesuffix(UNTRAINED)
    with torch.random.fork_rng(devices=[]):
        try:
            net: nn.Module = timm.create_model(
                bare, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(state)}
            )
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, AssertionError):
            return None
    return dict(net.state_dict())


def _attends(bare: str) -> bool:
    """Whether a network that the table does not know has attention between positions."""
    with Weightless():
        net = package().create_model(bare)
    return bool({type(part).__name__ for part in net.modules()} & timm_nets.ATTENTION)


def _paths(said: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said or ("",))
