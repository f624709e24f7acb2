"""A file that holds a network itself, with what goes with it: from its card, from the file, or guessed and said so."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnnviz.models import catalog, labels, outputs, probabilities
from cnnviz.models import weights as shelf
from cnnviz.models.foreign import files
from cnnviz.models.foreign.graph import Program
from cnnviz.models.foreign.held import File, Held
from cnnviz.models.foreign.last import mixed
from cnnviz.models.foreign.parts import Net
from cnnviz.models.foreign.rebuild import example, rebuild
from cnnviz.models.preprocess import Preprocess
from cnnviz.models.probabilities import Ending
from cnnviz.models.understood import CARD, FILE, GUESS, Understood, refuse_channels
from cnnviz.options import RequestError

NAME = 40  # characters of what a file calls its network
RESIZED = 8 / 7  # of the crop: 256 for 224, as most networks for ImageNet have it


@dataclass(frozen=True)
class Whole:
    """A network with what is known of it; `name` stands for its operations."""

    net: Net
    name: str
    title: str
    known: Understood
    source: str


def read(key: str, file: File, card: Mapping[str, Any] | None = None) -> Whole:
    """The network in a file, with that card or the one beside it.

    Raises `RequestError` where file or card cannot be read, or do not go together.
    """
    program = files.read(file)
    net, beside, told = rebuild(program), _card(file) if card is None else card, _told(program)
    ending = _ending(program, net)
    card = {**told, **beside}
    channels, *sides = example(program)[1:]
    preprocess, source = _guessed(channels, sides[0], sides[1]), f"{file.name}, preprocessing guessed"
    if scaling := told.get("normalisation"):
        preprocess = dataclasses.replace(preprocess, mean=tuple(scaling["mean"]), std=tuple(scaling["std"]))
        source = f"{file.name}, with its own mean and deviation, resizing guessed"
    if "preprocess" in card:
        preprocess, source = Preprocess.parse(card["preprocess"]), file.name
        refuse_channels(preprocess, key, channels)
        assert net.sizes is not None
        if (refusal := net.sizes.refusal(preprocess.size)) is not None:
            raise refusal
    wanted = 2 if net.classes == 1 else net.classes
    names = _labels(key, card, program, wanted)
    if not names and wanted == shelf.CLASSES:
        names, source = labels.imagenet(), f"{source}, its 1000 classes taken to be ImageNet's"
    known = Understood(
        _architecture(program, shelf.ending(file)),
        names or labels.numbered(wanted),
        preprocess,
        FILE,
        CARD if "labels" in beside else FILE if names and names in (program.labels, _listed(told)) else GUESS,
        _origin(beside, told, FILE if "sides" not in program.said else GUESS),
        _origin(beside, told),
        _origin(beside, told, FILE if scaling else GUESS),
    )
    name = hashlib.blake2b(repr((program.steps, net.turned)).encode(), digest_size=20).hexdigest()
    source = f"{source}; {ending.said}" if ending else source
    return Whole(net, name, str(card.get("title") or shelf.stem(file)), known, source)


def _ending(program: Program, net: Net) -> Ending | None:
    """What the file has instead of logits; where it is not the last step, the network turns its outputs into logits."""
    if kind := program.said.get("output"):
        return Ending(kind, net.classes)
    if not net.classes or not mixed(program):
        return None
    channels, height, width = example(program)[1:]
    net.turned = probabilities.of_numbers(net, outputs.noise(net, (channels, height, width)), True)
    return Ending(net.turned, net.classes, taken=False) if net.turned else None


def _architecture(program: Program, ending: str) -> str:
    """What the file calls its network, or what kind of file it is."""
    kind = program.said.get("class", "")[:NAME]
    return f"{kind} ({ending})" if kind.isprintable() and kind else f"{ending} network"


def _origin(beside: Mapping[str, Any], told: Mapping[str, Any], otherwise: str = GUESS) -> str:
    """Where a part of the preprocessing is from."""
    return CARD if "preprocess" in beside else FILE if "preprocess" in told else otherwise


def _listed(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a file itself lists."""
    names = told.get("labels")
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _card(file: File) -> Mapping[str, Any]:
    """What the card beside a network says; nothing where there is none."""
    if isinstance(file, Held) or not (card := catalog.card_of(file)).is_file():
        return {}
    try:
        said = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise RequestError(f"The card {card.name} cannot be read; write it again or remove it.")
    return said


def _told(program: Program) -> Mapping[str, Any]:
    """What the file itself says of its input, as a card would."""
    return {word: json.loads(program.said[word]) for word in ("preprocess", "normalisation") if word in program.said}


def _guessed(channels: int, height: int, width: int) -> Preprocess:
    """The usual preprocessing for an input of that size: ImageNet's colours; a gray photo as it is."""
    crop = height if height == width else (height, width)
    if channels == 1:
        return Preprocess(crop, crop, (0.0,), (1.0,), channels=1)
    return Preprocess(round(max(height, width) * RESIZED), crop)


def _labels(key: str, card: Mapping[str, Any], program: Program, wanted: int) -> tuple[str, ...]:
    """The classes that the card or the file names; none where neither does."""
    if "labels" not in card:
        return program.labels if len(program.labels) == wanted else ()
    return labels.of_card(card, key, wanted)
