"""Every network: torchvision's CNNs, timm's, the lecture networks, bundled ones, training runs and checkpoint files.

Listing needs neither torch nor torchvision nor timm, which take seconds to import; loading brings them in. Of timm's,
which are hundreds, the list has those whose weights are on disk; `asked` tells of any other.
"""

from __future__ import annotations

import difflib
import functools
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnviz import settings
from cnnviz.models import labels, lecture, shards, stamps, timm_nets
from cnnviz.models import weights as shelf
from cnnviz.models.torchvision_nets import TORCHVISION as TORCHVISION
from cnnviz.models.torchvision_nets import TorchvisionNet as TorchvisionNet
from cnnviz.options import RequestError

IMAGENET = f"ImageNet, {shelf.CLASSES:,} classes"
UPLOAD = "upload/"  # how the key of a network begins that lies in memory alone, for the visits that uploaded it
SOME, LONGEST = 3, 40  # classes that are named, characters of them
ASSETS = Path(__file__).parent / "assets"


class UnknownNet(RequestError):
    """There is no network of that key."""


@dataclass(frozen=True)
class ModelInfo:
    """One line of the list of networks; `where` is bundled, on disk, download, untrained, run, live or uploaded."""

    key: str
    title: str
    parameters: int | None  # None where only loading would tell
    bytes: int
    where: str
    data: str = ""  # the public data set it was trained on
    knows: str = ""  # its classes, in a few words; "" where only loading would tell


def rows(weights: Path | str | None = None, runs: Path | str | None = None) -> tuple[ModelInfo, ...]:
    """Every network that can be asked for: bundled, runs, checkpoint files, torchvision's, lecture networks.

    Raises `WeightsError` where the weights folder does not exist.
    """
    paths = shelf.checkpoints(shelf.folder(weights))
    cached = shelf.checkpoints(shelf.cache() if shelf.cache().is_dir() else None)
    hub = tuple(timm_nets.downloaded().items()) if timm_nets.installed() else ()
    sizes = tuple((stamps.of_file(path), stamps.of_file(card_of(path))) for path in paths)
    found = _on_disk(paths, cached, hub, sizes, tuple(map(stamps.of_file, cached)))
    return (*_bundled(), *_runs(settings.runs(runs)), *found, *_lecture())


def asked(key: str, weights: Path | str | None = None) -> ModelInfo | None:
    """The line of a network of timm that the list leaves out: to be downloaded, or untrained; None for other keys."""
    kind, _, name = key.partition("/")
    net = timm_nets.known(name) if kind == "timm" and timm_nets.installed() else None
    if net is None:
        return None
    if name.endswith(timm_nets.UNTRAINED):
        return ModelInfo(
            key, _timms(name.removesuffix(timm_nets.UNTRAINED)), net.parameters, 4 * net.parameters, "untrained"
        )
    path = timm_nets.here(name, shelf.checkpoints(shelf.folder(weights)))
    size = path.stat().st_size if path else 4 * net.parameters
    return ModelInfo(key, _timms(name), net.parameters, size, "on disk" if path else "download")


def spare(runs: Path | str | None = None) -> tuple[ModelInfo, ...]:
    """The networks that need no weights folder and no download: bundled, runs, lecture networks."""
    return (*_bundled(), *_runs(settings.runs(runs)), *_lecture())


def stamp(key: str, weights: Path | str | None = None, runs: Path | str | None = None) -> tuple[stamps.Stamp, ...]:
    """What changes with a network's own files, in a run or a weights folder."""

    def look() -> tuple[stamps.Stamp, ...]:
        return tuple((path.name, *told) for path in files(key, weights, runs) if (told := stamps.of_file(path)))

    return stamps.seen((key, weights, runs), look)


def files(key: str, weights: Path | str | None = None, runs: Path | str | None = None) -> tuple[Path, ...]:
    """The files, and for a run's last weights the folder, that a network is made of in a run or a weights folder."""
    kind, _, name = key.partition("/")
    if kind == "run" and (folder := run_folders(settings.runs(runs)).get(name.partition("@")[0])):
        return folder / "card.json", folder / ("best.safetensors" if name.endswith("@best") else "snapshots")
    known = entry(key)
    if kind not in ("file", "timm") and known is None:
        return ()
    place = shelf.folder(weights)
    paths = shelf.checkpoints(place)
    if kind == "file":
        named = [path for path in paths if name in (shelf.stem(path), path.name)]
        return tuple(part for path in named for part in (*shards.parts(path), card_of(path)))
    if known is None:
        return paths if paths == (place,) else tuple(path for path in paths if shelf.stem(path).startswith(name))
    return paths if paths == (place,) else shelf.candidates(known.name, known.file, paths)


def entry(name: str) -> TorchvisionNet | None:
    """The torchvision CNN of that name."""
    return next((known for known in TORCHVISION if known.name == name), None)


def cards(folder: Path = ASSETS) -> dict[str, Path]:
    """The bundled networks: name to card file."""
    return {path.stem: path for path in sorted(folder.glob("*.json"))}


def run_folders(runs: Path) -> dict[str, Path]:
    """The runs that have something to load: id to directory."""
    if not runs.is_dir():
        return {}
    return {name: runs / name for name in sorted(os.listdir(runs)) if os.path.isfile(f"{runs}/{name}/card.json")}


def own_checkpoints(paths: Iterable[Path]) -> dict[str, Path]:
    """Checkpoint files by the name they have in file/<name>: without suffix, or with it where that says which.

    A name that two files could have is neither's, so that no link leads to another network than it was made for.
    """
    found = list(paths)
    taken = Counter([*map(shelf.stem, found), *(path.name for path in found)])
    return {path.name if taken[shelf.stem(path)] > 1 else shelf.stem(path): path for path in found}


def file_of(key: str, weights: Path | str | None = None) -> Path | None:
    """The checkpoint of a key file/<name>; names are looked up among what is there and never joined to a path."""
    kind, _, name = key.partition("/")
    found = shelf.checkpoints(shelf.folder(weights)) if kind == "file" else ()
    return next((path for path in found if path.name == name), None) or own_checkpoints(found).get(name)


def card_of(path: Path) -> Path:
    """Where the card of a checkpoint lies, or would lie: beside it, under its name with .json for its ending."""
    whole = path.with_suffix(".json")
    return whole if whole.is_file() else path.with_name(f"{shelf.stem(path)}.json")


def read_card(path: Path, named: bool = True) -> dict[str, Any]:
    """What a card.json says about its network. Raises `RequestError` where it is no card.

    One that lies beside a checkpoint need not have `named` its network, where the tensors show it.
    """
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise RequestError(f"The card {path.name} cannot be read; write it again or remove it.") from None
    if (
        not isinstance(card, dict)
        or not card
        or not isinstance(card.get("net"), str if named or "net" in card else object)
    ):
        raise RequestError(f'The card {path.name} does not name its network; add an entry such as "net": "resnet18".')
    return card


def unknown(key: str, weights: Path | str | None = None, runs: Path | str | None = None) -> UnknownNet:
    """The error for a key that names nothing, with the closest keys that do."""
    keys = [row.key for row in rows(weights, runs)]
    exact = [f"timm/{key}"] if timm_nets.known(key) else [k for k in keys if k.endswith(f"/{key}")]
    exact = exact or [f"file/{one}" for one in shelf.sharing(key.removeprefix("file/"), shelf.folder(weights))]
    close = exact or difflib.get_close_matches(key, keys, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "`python -m cnnviz models` lists them all."
    return UnknownNet(f"There is no network {key!r}; {hint}")


def _bundled() -> list[ModelInfo]:
    return [
        _carded(f"bundled/{name}", card, card.with_suffix(".safetensors"), "bundled") for name, card in cards().items()
    ]


def _runs(runs: Path) -> list[ModelInfo]:
    listed = []
    for name, folder in run_folders(runs).items():
        card, best = folder / "card.json", folder / "best.safetensors"
        if (found := stamps.of_file(best)) is not None:
            listed.append(_described(f"run/{name}@best", card, best, "run", stamps.of_file(card), found))
    return listed


def _carded(key: str, card: Path, tensors: Path, where: str) -> ModelInfo:
    return _described(key, card, tensors, where, stamps.of_file(card), stamps.of_file(tensors))


@functools.lru_cache(maxsize=4096)  # hundreds of runs are listed several times a page, and their files seldom change
def _described(
    key: str, card: Path, tensors: Path, where: str, _card: tuple[int, int] | None, size: tuple[int, int] | None
) -> ModelInfo:
    try:
        said = read_card(card)
    except RequestError:  # one broken card must not hide all other nets; loading it says what is wrong
        said = {}
    title, knows = str(said.get("title") or key), in_words(labels.named(said))
    return ModelInfo(key, title, shelf.count(tensors), size[0] if size else 0, where, knows=knows)


def in_words(names: tuple[str, ...]) -> str:
    """The classes of a network in a few words: all of three, else how many and the first."""
    few = ", ".join(names)
    return few if len(names) <= SOME and len(few) <= LONGEST else f"{len(names):,} classes: {names[0][:LONGEST]}, ..."


@functools.lru_cache(maxsize=32)  # a page asks several times a run, and each time every file would be opened
def _on_disk(
    paths: tuple[Path, ...],
    cached: tuple[Path, ...],
    hub: tuple[tuple[str, Path], ...],
    _sizes: tuple[object, ...],
    _cached_sizes: tuple[object, ...],
) -> tuple[ModelInfo, ...]:
    """The checkpoint files, timm's and torchvision's networks; kept while sizes and times of files are the same."""
    return (*_files(paths), *_timm(paths, dict(hub)), *_torchvision(paths, cached))


def _files(paths: Iterable[Path]) -> list[ModelInfo]:
    return [
        ModelInfo(f"file/{name}", path.name, shelf.count(path), _bytes(path), "on disk", knows=_classes(path))
        for name, path in own_checkpoints(paths).items()
        if not any(shelf.pick(net.name, net.file, [path]) for net in TORCHVISION) and not _of_timm(path)
    ]


def _bytes(path: Path) -> int:
    return sum(part.stat().st_size for part in shards.parts(path))


def _classes(path: Path) -> str:
    """The classes that a checkpoint's card says, or a safetensors file in its header; no other file is opened."""
    try:
        said: Mapping[str, Any] = read_card(card_of(path), named=False)
    except RequestError:
        said = shelf.metadata(path)
    return in_words(labels.named(said))


def _timm(paths: Iterable[Path], hub: Mapping[str, Path]) -> list[ModelInfo]:
    """Timm's networks whose weights are here: what timm has downloaded, and files of their names."""
    found = {**hub, **{shelf.stem(path): path for path in paths if _of_timm(path)}}
    listed = []
    for name, path in sorted(found.items()):
        net, told = timm_nets.known(name), name.endswith("in1k") or shelf.imagenet(path)
        if net is not None:
            size = path.stat().st_size
            listed.append(
                ModelInfo(
                    f"timm/{name}",
                    _timms(name),
                    net.parameters,
                    size,
                    "on disk",
                    *(("ImageNet", IMAGENET) if told else ()),
                )
            )
    return listed


def _of_timm(path: Path) -> bool:
    """Whether a file is called as the weights of one of timm's networks are, and of none of torchvision's."""
    if shelf.ending(path) in shelf.WHOLE:
        return False
    return timm_nets.named(shelf.stem(path), [net.name for net in TORCHVISION]) and timm_nets.installed()


def _timms(name: str) -> str:
    return f"{name} (timm)"


def _torchvision(paths: Iterable[Path], cached: Iterable[Path]) -> list[ModelInfo]:
    listed = []
    for net in TORCHVISION:
        here = shelf.pick(net.name, net.file, paths) or next((path for path in cached if path.stem == net.file), None)
        size = here.stat().st_size if here else round(net.mebibytes * 2**20)
        listed.append(
            ModelInfo(
                net.name, net.title, net.parameters, size, "on disk" if here else "download", "ImageNet", IMAGENET
            )
        )
    return listed


def _lecture() -> list[ModelInfo]:
    sized = ((name, net.title, net.parameters) for name, net in lecture.NETS.items())
    return [ModelInfo(f"lecture/{name}", title, count, 4 * count, "untrained") for name, title, count in sized]
