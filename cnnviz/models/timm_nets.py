"""timm's CNNs by name: which there are, whose weights are at hand, and which of them tensors belong to.

The table `assets/timm.txt` stands for timm, whose import takes seconds; `tools/timm_table.py` writes it anew. It has
the networks of timm's families of CNNs, without those that have attention between positions: see that tool.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from cnnviz import settings
from cnnviz.models import weights as shelf
from cnnviz.options import RequestError

TABLE = Path(__file__).parent / "assets" / "timm.txt"
FAMILIES = frozenset({  # timm's modules
    "byobnet", "convmixer", "convnext", "cspnet", "cspnext", "densenet", "dla", "dpn", "efficientnet", "fasternet",
    "fastvit", "focalnet", "ghostnet", "hardcorenas", "hgnet", "hrnet", "inception_next", "inception_resnet_v2",
    "inception_v3", "inception_v4", "lcnetv2", "mambaout", "metaformer", "mobilenetv3", "nasnet", "nfnet", "pnasnet",
    "rdnet", "regnet", "repghost", "repvit", "res2net", "resnest", "resnet", "resnetv2", "rexnet", "selecsls",
    "senet", "sknet", "starnet", "tresnet", "vgg", "vovnet", "xception", "xception_aligned",
})  # fmt: skip
ATTENTION = frozenset({"Attention", "AttentionBlock", "AttentionPool2d", "MobileAttention", "MultiQueryAttention2d"})
HUB_FILES = ("model.safetensors", "pytorch_model.bin")  # what the hub calls weights, the better first
UNTRAINED = "@untrained"  # behind a name: with random weights
INSTALL = "install timm, for example with pip install cnnviz[timm]"

Shapes = Mapping[str, tuple[int, ...]]


class TimmError(RequestError):
    """timm is not installed, has no such CNN, or its weights fit no network."""


class TimmNet(NamedTuple):
    """A line of the table; `first` and `classifier` are the paths of the first convolutions and the output layers."""

    name: str
    family: str
    parameters: int
    signature: str  # of its tensors' names and shapes, without the output layers and the first convolutions
    first: tuple[str, ...]
    classifier: tuple[str, ...]


@functools.cache
def table() -> dict[str, TimmNet]:
    """The CNNs of timm by name."""
    rows = (line.split() for line in TABLE.read_text(encoding="utf-8").splitlines())
    return {
        name: TimmNet(name, family, int(count), mark, tuple(first.split(",")), tuple(last.split(",")))
        for name, family, count, mark, first, last in rows
    }


@functools.cache
def installed() -> bool:
    """Whether timm can be imported; it is not."""
    return importlib.util.find_spec("timm") is not None


def known(name: str) -> TimmNet | None:
    """The CNN of a name, with or without the tag of its weights or `UNTRAINED`."""
    return table().get(name.removesuffix(UNTRAINED).partition(".")[0])


def named(stem: str, taken: Iterable[str] = ()) -> bool:
    """Whether a file of that stem holds a CNN of timm: called as on the hub, `resnet18.a1_in1k`, or by the bare name.

    A bare name that is `taken` by another library's network is that one's.
    """
    return known(stem) is not None and "@" not in stem and ("." in stem or stem not in taken)


def downloaded() -> dict[str, Path]:
    """What timm has downloaded: name with tag, and the file, in the folder where huggingface_hub keeps it."""
    found: dict[str, Path] = {}
    for folder in sorted(settings.hub_cache().glob("models--timm--*")):
        name = folder.name.removeprefix("models--timm--")
        files = [path for file in HUB_FILES for path in folder.glob(f"snapshots/*/{file}")]
        if files and known(name):
            found[name] = files[0]
    return found


def here(name: str, paths: Iterable[Path]) -> Path | None:
    """The file with the weights of that name among checkpoints: <name>.*, <name>.<tag>.*, or what timm downloaded.

    A name with a tag takes that tag's files alone.
    """
    stems = {path: shelf.stem(path) for path in paths if shelf.ending(path) not in shelf.WHOLE}
    found = [path for path, stem in stems.items() if stem == name]
    if not found and "." not in name:
        found = [path for path, stem in stems.items() if stem.startswith(f"{name}.") and known(stem)]
    if found:
        return min(found, key=lambda path: shelf.SUFFIXES.index(shelf.ending(path)))
    return downloaded().get(name)


def tag(name: str, path: Path | None) -> str:
    """The name with the tag that its file is called by, where it has none of its own: whose preprocessing counts."""
    stem = shelf.stem(path) if path else ""
    return stem if "." not in name and stem.startswith(f"{name}.") else name


def signature(shapes: Shapes, first: Iterable[str], classifier: Iterable[str]) -> str:
    """What tells a network's tensors from those of all others, whatever its input channels and classes."""
    apart = (*(f"{name}.weight" for name in first), *(f"{name}." for name in classifier))
    kept = (key for key in sorted(shapes) if not key.startswith(apart) and not key.endswith("num_batches_tracked"))
    digest = hashlib.blake2b(digest_size=8)
    for key in kept:
        digest.update(f"{key} {shapes[key]};".encode())
    return digest.hexdigest()


def alike(shapes: Shapes) -> tuple[TimmNet, ...]:
    """The CNNs of timm with these tensors, the shortest name first; none where there is no output layer."""
    return tuple(net for net in _trunks(shapes) if _has(shapes, net.classifier[0]))


def headless(shapes: Shapes) -> tuple[TimmNet, ...]:
    """The CNNs of timm with these tensors but for the output layer, which is not there; the shortest name first."""
    return tuple(net for net in _trunks(shapes) if not any(_has(shapes, name) for name in net.classifier))


def roots(shapes: Shapes) -> list[str]:
    """The prefixes under which a CNN of timm lies, with or without its output layer."""
    ends = tuple({f"{first[0]}.weight" for first, _ in _by_ends()})
    begins = {key: end for key in shapes for end in ends if key == end or key.endswith(f".{end}")}
    prefixes = dict.fromkeys(key.removesuffix(end) for key, end in begins.items())
    inner = {
        prefix: {key[len(prefix) :]: shape for key, shape in shapes.items() if key.startswith(prefix)}
        for prefix in prefixes
    }
    return [prefix for prefix, below in inner.items() if _trunks(below)]


def recognised(shapes: Shapes, stem: str, called: Iterable[str] = ()) -> str:
    """The CNN of timm that tensors belong to, timm/<name>, with the tag in its name; "" where none does.

    Where several have the same tensors, what the file says it is `called` decides, else the file's name; without both
    the shortest name, which `twins` shows.
    """
    nets = {net.name: net for net in alike(shapes)}
    if not nets:
        return ""
    for name in (*(said.rpartition("/")[2] for said in called), stem):
        if (one := known(name)) and one.name in nets:
            return f"timm/{name}"
    begun = [name for name in nets if stem.startswith(name)]
    return f"timm/{max(begun, key=len) if begun else next(iter(nets))}"


def twins(name: str) -> tuple[str, ...]:
    """The other CNNs with the very same tensors as that of a name."""
    one = known(name)
    return (
        ()
        if one is None
        else tuple(net.name for net in table().values() if net.signature == one.signature and net.name != one.name)
    )


def _trunks(shapes: Shapes) -> list[TimmNet]:
    """The CNNs of timm with these tensors, whatever the output layer is, the shortest name first."""
    found = []
    for (first, classifier), nets in _by_ends().items():
        if all(len(shapes.get(f"{name}.weight", ())) == 4 for name in first):
            mark = signature(shapes, first, classifier)
            found += [net for net in nets if net.signature == mark]
    return sorted(found, key=lambda net: (len(net.name), net.name))


def _has(shapes: Shapes, module: str) -> bool:
    return any(key.startswith(f"{module}.") for key in shapes)


@functools.cache
def _by_ends() -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[TimmNet]]:
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[TimmNet]] = {}
    for net in table().values():
        found.setdefault((net.first, net.classifier), []).append(net)
    return found
