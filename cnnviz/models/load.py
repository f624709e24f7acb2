"""From a model key to a model: the weights found, the network built and filled, frozen for ever."""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz import settings
from cnnviz.models import build, catalog, checkpoint, identify, lecture, timm_load, timm_nets, whole
from cnnviz.models import weights as shelf
from cnnviz.models.foreign import files
from cnnviz.models.foreign.parts import Net
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError

DIGITS = tuple("0123456789")
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
    if kind == "file" and (path := _file(name, shelf.checkpoints(shelf.folder(weights)))):
        return _checkpoint(key, path)
    if kind == "run" and (folder := catalog.run_folders(settings.runs(runs)).get(name.partition("@")[0])):
        return _carded(
            key, folder / "card.json", shelf.snapshot(folder, name.partition("@")[2] or "best"), f"run {name}"
        )
    raise catalog.unknown(key, weights, runs)


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
        return build.torchvision_net(key), _defaults(key, "")[0].size
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
    state, names = checkpoint.contents(path)
    return _filled(entry.name, entry.title, entry.name, state, source, path, names=names)


def _timm(key: str, name: str, place: Path | None, progress: shelf.Progress | None) -> Model:
    if name.endswith(timm_nets.UNTRAINED):
        title = f"{name.removesuffix(timm_nets.UNTRAINED)} (timm)"
        return _untrained(key, title, key, timm_load.untrained(name))
    timm_load.config(name)
    path = _timm_here(name, place) or timm_load.fetch(name, progress)
    held = place is not None and path.is_relative_to(place)
    tagged = timm_nets.tag(name, path) if held else timm_load.tagged(name)
    state, names = checkpoint.contents(path)
    source = f"{path.name} in the weights folder" if held else f"timm ({tagged})"
    return _filled(key, f"{tagged} (timm)", f"timm/{tagged}", state, source, path, names=names)


def _timm_here(name: str, place: Path | None) -> Path | None:
    """The file with the weights of one of timm's networks on this machine."""
    path = timm_nets.here(name, shelf.checkpoints(place))
    if path is None and place is not None and place.is_file() and not timm_nets.named(shelf.stem(place)):
        shapes = {key: tuple(value.shape) for key, value in checkpoint.read(place).items()}
        return place if timm_nets.known(name) in timm_nets.alike(shapes) else None
    return path


def _checkpoint(key: str, path: Path) -> Model:
    """A checkpoint of unknown origin; a card beside it (same name, .json) may say what its tensors cannot."""
    if files.whole(path):
        read = whole.read(key, path)
        return _frozen(key, read.title, read.name, read.net, read.preprocess, read.labels, read.source)
    card = path.with_suffix(".json")
    if card.is_file():
        return _carded(key, card, path, path.name)
    state, names = checkpoint.contents(path)
    name = identify.name_of(state, path.name)
    others = timm_nets.twins(name.removeprefix("timm/")) if name.startswith("timm/") else ()
    said = f"{path.name}, taken for {name}; {', '.join(others)} has the same tensors" if others else path.name
    return _filled(key, shelf.stem(path), name, state, said, path, names=names)


def _carded(key: str, card: Path, tensors: Path, source: str) -> Model:
    said = catalog.read_card(card)
    known = [entry.name for entry in catalog.TORCHVISION] + [f"lecture/{name}" for name in lecture.NETS]
    timm = said["net"].startswith("timm/") and timm_nets.known(said["net"].removeprefix("timm/"))
    if said["net"] not in known and not timm:
        near = difflib.get_close_matches(said["net"], known, n=1)
        hint = f"write {near[0]}" if near else "correct it"
        raise RequestError(f"The card {card.name} names the network {said['net']!r}, which is unknown; {hint}.")
    return _filled(key, str(said.get("title") or key), said["net"], checkpoint.read(tensors), source, tensors, said)


def _filled(
    key: str,
    title: str,
    name: str,
    state: Mapping[str, Tensor],
    source: str,
    path: Path,
    card: Mapping[str, Any] | None = None,
    names: tuple[str, ...] = (),
) -> Model:
    card = card or {}
    state = identify.trimmed(state)
    described = isinstance(card.get("spec"), dict)
    if name.startswith("timm/"):
        net = timm_load.filled(name.removeprefix("timm/"), state, path.name)
    else:
        skeleton = _described(name, card["spec"], key) if described else identify.skeleton(name, state)
        net = checkpoint.fit(skeleton, state, path.name)
    if any("relu_before_" in part for part, _ in net.named_modules()):
        source = f"{source}, whose head is taken to have a ReLU between its linear layers"
    preprocess, labels = _defaults(name, path.stem, net)
    if "preprocess" in card:
        preprocess = Preprocess.parse(card["preprocess"])
        if preprocess.channels != (takes := _inputs(net)):
            raise RequestError(
                f"The card of {key} gives {preprocess.channels} channels to a network of {takes}; correct it."
            )
    outputs = _outputs(net)
    wanted = 2 if outputs == 1 else outputs
    if len(names) == wanted:
        labels = names
    if "labels" in card:
        labels = tuple(map(str, card["labels"])) if isinstance(card["labels"], list) else ()
        if len(labels) != wanted:
            raise RequestError(f"The card of {key} has {len(labels)} labels for {wanted} classes; correct it.")
    if len(labels) != wanted:
        labels = tuple(f"class {i}" for i in range(wanted))
    return _frozen(key, title, name, net, preprocess, labels, source)


def _described(name: str, spec: Mapping[str, Any], key: str) -> nn.Module:
    """The net a card describes; its words are no better than whoever wrote them."""
    try:
        return build.build(name, spec)
    except RequestError:
        raise
    except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, ArithmeticError):
        raise RequestError(f"The card of {key} describes a {name} that cannot be built; correct its spec.") from None


def _lecture(key: str, spec: lecture.LectureNet) -> Model:
    net = build.lecture_net(spec).to_empty(device="cpu")
    _initialise(net, SEED)
    return _untrained(key, spec.title, key, net)


def _untrained(key: str, title: str, name: str, net: nn.Module) -> Model:
    preprocess, labels = _defaults(name, "", net)
    return _frozen(key, title, name, net, preprocess, labels, f"untrained, seed {SEED}")


def _frozen(
    key: str, title: str, name: str, net: nn.Module, preprocess: Preprocess, labels: tuple[str, ...], source: str
) -> Model:
    net.eval().requires_grad_(False)
    mark = fingerprint(name, net, preprocess, labels)
    return Model(key, title, net, mark, labels, preprocess, preprocess.size, _outputs(net) == 1, source)


def _defaults(name: str, stem: str, net: nn.Module | None = None) -> tuple[Preprocess, tuple[str, ...]]:
    """Preprocessing and labels that go with a net's usual weights, or with the torchvision file of that stem."""
    if name.startswith("timm/"):
        timm = name.removeprefix("timm/")
        return timm_load.preprocess(timm, timm_load.channels(net) if net else 3), timm_load.labels(timm)
    if name.startswith("lecture/"):
        spec = lecture.NETS[name.removeprefix("lecture/")]
        zeros, ones = (0.0,) * spec.channels, (1.0,) * spec.channels
        labels = () if spec.head == "none" else DIGITS if spec.outputs == 10 else ("cat", "dog")
        return Preprocess(spec.size, spec.size, zeros, ones, channels=spec.channels), labels
    from torchvision.models import get_model_weights

    known = get_model_weights(name)
    chosen = next((one for one in known if Path(one.url).stem == stem), known.DEFAULT)
    does = chosen.transforms()
    preprocess = Preprocess(
        does.resize_size[0], does.crop_size[0], tuple(does.mean), tuple(does.std), does.interpolation.value
    )
    return preprocess, tuple(chosen.meta.get("categories") or known.DEFAULT.meta["categories"])


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
        return identify.name_of(checkpoint.read(path)) == name
    except checkpoint.CheckpointError:
        return False


def _file(name: str, found: tuple[Path, ...]) -> Path | None:
    return catalog.own_checkpoints(found).get(name) or next((path for path in found if path.name == name), None)
