"""From a model key to a model: the weights found, the network built and filled, frozen for ever."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnviz import settings
from cnnviz.models import (
    build,
    catalog,
    checkpoint,
    described,
    file_kind,
    found,
    lecture,
    timm_load,
    timm_nets,
    understood,
    whole,
)
from cnnviz.models import weights as shelf
from cnnviz.models.described import Description
from cnnviz.models.foreign import files
from cnnviz.models.foreign.held import Held
from cnnviz.models.foreign.parts import Net
from cnnviz.models.preprocess import Preprocess
from cnnviz.models.understood import Understood
from cnnviz.options import RequestError

SEED = 0  # of the untrained lecture nets


@dataclass(frozen=True, eq=False)
class Model:
    """A network ready to be asked: frozen, in evaluation mode, with all that belongs to its weights."""

    key: str
    title: str
    net: nn.Module
    fingerprint: str  # of architecture, weights, preprocessing and labels
    labels: tuple[str, ...]
    preprocess: Preprocess
    input_size: tuple[int, int, int]  # (C, H, W)
    single_logit: bool  # one sigmoid output, the probability of labels[1]
    source: str  # where the weights came from
    known: Understood | None = None  # what was understood of its file, and from where each of it is


def load(
    key: str,
    weights: Path | str | None = None,
    runs: Path | str | None = None,
    progress: shelf.Progress | None = None,
) -> Model:
    """The model of a key; `progress` is called with (bytes so far, bytes in all) while its weights are downloaded.

    Raises `UnknownNet`, `WeightsError`, `DownloadError` or `CheckpointError`, each with one sentence.
    """
    kind, slash, name = key.partition("/")
    if not slash and (entry := catalog.entry(key)):
        return _torchvision(entry, shelf.folder(weights), progress)
    # Names are looked up among what is there and never joined to a path, so that no key leads out of a folder.
    if kind == "bundled" and (card := catalog.cards().get(name)):
        return _carded(key, card, card.with_suffix(".safetensors"), "bundled with cnnviz")
    if kind == "lecture" and name in lecture.NETS:
        return _lecture(key, lecture.NETS[name])
    if kind == "timm":
        return _timm(key, name, shelf.folder(weights), progress)
    if kind == "file" and (path := catalog.file_of(key, weights)):
        return _checkpoint(key, path)
    if kind == "run" and (folder := catalog.run_folders(settings.runs(runs)).get(name.partition("@")[0])):
        return _carded(
            key, folder / "card.json", shelf.snapshot(folder, name.partition("@")[2] or "best"), f"run {name}"
        )
    alone = kind == "file" and not shelf.sharing(name, shelf.folder(weights))
    if alone and (what := file_kind.in_its_place(shelf.folder(weights), name)):
        raise checkpoint.CheckpointError(what)
    raise catalog.unknown(key, weights, runs)


def uploaded(file: Held, card: Mapping[str, Any] | None = None) -> Model:
    """The model of a whole network that lies in memory; its key upload/<...> is made from the digest of file and card.

    Raises `RequestError` for a checkpoint, for what cannot be read, and for a card that does not fit.
    """
    if not files.whole(file):
        raise RequestError(
            f"{file.name} is no whole network; save it with torch.export.save as .pt2, or with torch.onnx.export as "
            ".onnx."
        )
    digest = hashlib.sha256(file.name.encode() + b"\0")  # the name is part of it, as it becomes the title
    digest.update(file.data)
    if card:
        digest.update(json.dumps(card, sort_keys=True).encode())
    key = f"{catalog.UPLOAD}{digest.hexdigest()[:16]}"
    read = whole.read(key, file, card)
    return _frozen(key, read.title, read.name, read.net, read.known, read.source)


def fingerprint(name: str, net: nn.Module, preprocess: Preprocess, labels: tuple[str, ...]) -> str:
    """A hash of everything an answer of the network depends on: architecture, weights, preprocessing, labels."""
    digest = hashlib.blake2b(repr((name, preprocess, labels)).encode(), digest_size=20)
    for key, tensor in net.state_dict().items():
        digest.update(f"{key} {tuple(tensor.shape)} {tensor.dtype};".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def blueprint(
    key: str, weights: Path | str | None = None, runs: Path | str | None = None
) -> tuple[nn.Module, tuple[int, int, int]]:
    """The network of a key and its input size (C, H, W); torchvision's and timm's lack weights that are not here."""
    entry = catalog.entry(key)
    if entry and not _here(entry, shelf.folder(weights)):
        return build.torchvision_net(key), understood.usual(key, "").preprocess.size
    kind, _, name = key.partition("/")
    if kind == "timm" and not _timm_here(name, shelf.folder(weights)):
        return timm_load.skeleton(name), timm_load.preprocess(name).size
    model = load(key, weights, runs, None)
    return model.net, model.input_size


def _here(entry: catalog.TorchvisionNet, place: Path | None) -> Path | None:
    """The file with a torchvision net's weights on this machine."""
    path = shelf.pick(entry.name, entry.file, shelf.checkpoints(place))
    if path is None and place is not None and place.is_file() and _tensors_of(entry.name, place):
        return place  # a single file, whatever it is called
    cached = shelf.cache() / f"{entry.file}.pth"
    return path or (cached if cached.is_file() else None)


def _torchvision(entry: catalog.TorchvisionNet, place: Path | None, progress: shelf.Progress | None) -> Model:
    path = _here(entry, place) or shelf.fetch(entry.name, entry.file, progress)
    source = "torchvision" if path.parent == shelf.cache() else f"{path.name} in the weights folder"
    contents = checkpoint.contents(path)
    read = found.find(contents, path.name, Description(entry.name, of=entry.name))
    return _filled(entry.name, entry.title, read, source, path, contents)


def _timm(key: str, name: str, place: Path | None, progress: shelf.Progress | None) -> Model:
    if name.endswith(timm_nets.UNTRAINED):
        title = f"{name.removesuffix(timm_nets.UNTRAINED)} (timm)"
        return _untrained(key, title, key, timm_load.untrained(name))
    timm_load.config(name)
    path = _timm_here(name, place) or timm_load.fetch(name, progress)
    held = place is not None and path.is_relative_to(place)
    tagged = timm_nets.tag(name, path) if held else timm_load.tagged(name)
    contents = checkpoint.contents(path)
    source = f"{path.name} in the weights folder" if held else f"timm ({tagged})"
    read = found.find(contents, path.name, Description(f"timm/{tagged}", of=key))
    return _filled(key, f"{tagged} (timm)", read, source, path, contents)


def _timm_here(name: str, place: Path | None) -> Path | None:
    """The file with the weights of one of timm's networks on this machine."""
    path = timm_nets.here(name, shelf.checkpoints(place))
    if path is None and place is not None and place.is_file() and not timm_nets.named(shelf.stem(place)):
        shapes = {key: tuple(value.shape) for key, value in checkpoint.read(place).items()}
        return place if timm_nets.known(name) in timm_nets.alike(shapes) else None
    return path


def _checkpoint(key: str, path: Path) -> Model:
    """A checkpoint of unknown origin; a card may say what its tensors cannot: beside it, or in its own metadata."""
    if files.whole(path):
        read = whole.read(key, path)
        return _frozen(key, read.title, read.name, read.net, read.known, read.source)
    contents = checkpoint.contents(path)
    beside = catalog.card_of(path)
    card = catalog.read_card(beside, named=False) if beside.is_file() else contents.values.get("card")
    return _with_card(key, card if isinstance(card, dict) else {}, beside, contents, path, path.name, shelf.stem(path))


def _carded(key: str, card: Path, tensors: Path, source: str) -> Model:
    return _with_card(key, catalog.read_card(card), card, checkpoint.contents(tensors), tensors, source, key)


def _with_card(
    key: str, card: Mapping[str, Any], at: Path, contents: checkpoint.Contents, path: Path, source: str, title: str
) -> Model:
    read = found.find(contents, path.name, described.parse(card, at.name, key))
    return _filled(key, str(card.get("title") or title), read, source, path, contents, card)


def _filled(
    key: str,
    title: str,
    read: found.Found,
    source: str,
    path: Path,
    contents: checkpoint.Contents,
    card: Mapping[str, Any] | None = None,
) -> Model:
    stored = {str(value.dtype).removeprefix("torch.") for value in read.state.values() if value.is_floating_point()}
    timm = read.name.removeprefix("timm/") if read.name.startswith("timm/") else ""
    net = read.made.net if timm else checkpoint.fit(read.made.net, read.state, path.name)
    said = card or any(name.rpartition("/")[2] == timm for name in contents.called)
    if timm and not said and key.startswith("file/") and (others := timm_nets.twins(timm)):
        source = (
            f"{source}, taken for {read.name}; {', '.join(others)} has the same tensors: "
            f'{"arch"!r} in the file or "net" in its card says which'
        )
    outputs = _outputs(net)
    known = understood.of(read, contents, card or {}, path, key, _inputs(net), 2 if outputs == 1 else outputs)
    odd = sorted(stored - {"float32"})
    notes = (*read.notes, *read.made.notes, *(f"stored as {kind}, computed as float32" for kind in odd))
    settled = key == read.name and outputs == shelf.CLASSES  # torchvision's own weights
    assumptions = () if settled else read.made.assumed
    unsure = "; ".join(one.words for one in assumptions if not one.stated)
    name = read.name + "".join(f" {one.words}" for one in assumptions if one.stated)
    source = f"{source} (assumed: {unsure})" if unsure else source
    return _frozen(key, title, name, net, dataclasses.replace(known, notes=notes, assumed=assumptions), source)


def _lecture(key: str, spec: lecture.LectureNet) -> Model:
    net = build.lecture_net(spec).to_empty(device="cpu")
    _initialise(net, SEED)
    return _untrained(key, spec.title, key, net)


def _untrained(key: str, title: str, name: str, net: nn.Module) -> Model:
    return _frozen(key, title, name, net, understood.usual(name, "", _inputs(net)), f"untrained, seed {SEED}")


def _frozen(key: str, title: str, name: str, net: nn.Module, known: Understood, source: str) -> Model:
    net.eval().requires_grad_(False)
    mark = fingerprint(name, net, known.preprocess, known.labels)
    size, single = known.preprocess.size, _outputs(net) == 1
    return Model(key, title, net, mark, known.labels, known.preprocess, size, single, source, known)


def _inputs(net: nn.Module) -> int:
    """The number of channels of the net's input."""
    if hasattr(net, "pretrained_cfg"):
        return timm_load.channels(net)
    return next(part for part in net.modules() if isinstance(part, nn.Conv2d)).in_channels


def _outputs(net: nn.Module) -> int:
    """The number of logits; 0 for a net that ends in maps."""
    if isinstance(net, Net):
        return net.classes
    if hasattr(net, "pretrained_cfg") and isinstance(classes := getattr(net, "num_classes", None), int):
        return classes  # timm says it; its last layer need not be the output
    last = [part for part in net.modules() if isinstance(part, (nn.Linear, nn.Conv2d))][-1]
    if isinstance(last, nn.Linear):
        return last.out_features
    return 0 if isinstance(net, nn.Sequential) else last.out_channels  # SqueezeNet ends in a convolution


@torch.no_grad()
def _initialise(net: nn.Module, seed: int) -> None:
    """The first weights torch gives, drawn from a generator of our own; no global state is touched."""
    generator = torch.Generator().manual_seed(seed)
    for part in net.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            bound = 1 / math.sqrt(part.weight[0].numel())
            part.weight.uniform_(-bound, bound, generator=generator)
            if part.bias is not None:
                part.bias.uniform_(-bound, bound, generator=generator)
        elif isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()


def _tensors_of(name: str, path: Path) -> bool:
    """Whether the file holds weights of that torchvision net; another net's name on it is believed unread."""
    if any(shelf.pick(net.name, net.file, [path]) for net in catalog.TORCHVISION):
        return False
    try:
        return found.find(checkpoint.contents(path), path.name, Description()).name == name
    except checkpoint.CheckpointError:
        return False
