"""Class names: those that a training script saved beside the weights, a card's, ImageNet's, or numbers."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cnnviz.options import RequestError
from cnnviz.printable import printable

LISTS = ("classes", "CLASSES", "class_names", "labels", "categories", "idx_to_class", "id2label")
NUMBERED = ("class_to_idx", "label2id")  # the other way round
NETWORKS = ("arch", "architecture", "model_name", "model", "net", "network", "backbone", "encoder_name", "encoder")
FILE, CARD, GUESS, TENSORS = "file", "card", "guess", "tensors"  # where what is known of a network is from
MOST, LONGEST = 100_000, 200  # names, characters of one


class LabelError(RequestError):
    """What was given as labels does not name the classes."""


def named(found: object, deep: int = 2) -> tuple[str, ...]:
    """The class names in a checkpoint's plain values, in the order of the outputs; none where nothing says them.

    They lie at the top, or in a mapping below it, such as `hyper_parameters` or `meta.dataset_meta`.
    """
    if not isinstance(found, Mapping):
        return ()
    for key in (*LISTS, *NUMBERED):
        if names := _listed(found.get(key), key in NUMBERED):
            return names
    inner = (named(value, deep - 1) for value in found.values() if deep and isinstance(value, Mapping))
    return next(filter(None, inner), ())


def called(values: Mapping[str, object]) -> tuple[str, ...]:
    """What a training script calls its network, at the top of a file or in a mapping below it such as `args`."""
    levels = [values, *(value for value in values.values() if isinstance(value, Mapping))]
    said = [level.get(key) for level in levels for key in NETWORKS]
    return tuple(dict.fromkeys(name for name in said if isinstance(name, str) and 0 < len(name) <= LONGEST))


def numbered(wanted: int) -> tuple[str, ...]:
    """Names for classes that nothing names."""
    return tuple(f"class {i}" for i in range(wanted))


def imagenet() -> tuple[str, ...]:
    """The 1000 classes of ImageNet, as torchvision calls them."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])


def of_card(card: Mapping[str, Any], key: str, wanted: int) -> tuple[str, ...]:
    """The classes that a card lists. Raises `RequestError` where they are not one for each of those wanted."""
    names = tuple(printable(str(name)) for name in card["labels"]) if isinstance(card["labels"], list) else ()
    if len(names) != wanted:
        raise RequestError(f"The card of {key} has {len(names)} labels for {wanted} classes; correct it.")
    return names


def handed(value: Iterable[str] | Mapping[int, str] | None, wanted: int) -> tuple[str, ...]:
    """The names that a program gives for the classes wanted; numbers where it gives none, or not for a class.

    They are a list in the order of the outputs, or a mapping between names and numbers, in either direction. Raises
    `LabelError` for anything else, such as a set, which has no order, and where they are not one for each class.
    """
    if value is None:
        return numbered(wanted)
    if isinstance(value, Mapping):
        return _completed(value, wanted)
    if isinstance(value, (str, bytes, set, frozenset)) or not isinstance(value, Iterable):
        raise LabelError(
            f"The labels of a network are a list of names in the order of its outputs, and no {type(value).__name__}"
            "; give a list, or a dictionary such as {0: 'cat', 1: 'dog'}."
        )
    names = tuple(map(str, itertools.islice(value, MOST)))
    if len(names) != wanted:
        there = "is 1 label" if len(names) == 1 else f"are {len(names)} labels"
        raise LabelError(f"There {there} for {wanted} classes; give one for each.")
    return names


def _completed(value: Mapping[Any, Any], wanted: int) -> tuple[str, ...]:
    """A mapping between names and numbers, with numbers for the classes that it leaves out."""
    turned = all(isinstance(name, str) and isinstance(index, numbers.Integral) for name, index in value.items())
    pairs = [(index, name) if turned else (name, index) for name, index in value.items()]
    names = {_number(index): str(name) for index, name in pairs}
    if beyond := [index for index, _ in pairs if not 0 <= _number(index) < wanted]:
        raise LabelError(
            f"There is a label for class {beyond[0]!r} and no such class; number them from 0 to {wanted - 1}."
        )
    if len(names) < len(pairs):
        raise LabelError("Two labels belong to the same class; give one for each.")
    return tuple(names.get(i, name) for i, name in enumerate(numbered(wanted)))


def _listed(value: object, turned: bool) -> tuple[str, ...]:
    """A list of names, or a mapping between names and the numbers 0 to n - 1."""
    if isinstance(value, Mapping):
        pairs = [(index, name) if not turned else (name, index) for index, name in list(value.items())[: MOST + 1]]
        numbers = {_number(index): name for index, name in pairs}
        if len(numbers) != len(value) or set(numbers) != set(range(len(value))):
            return ()
        value = [numbers[i] for i in range(len(numbers))]
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)) or not 0 < len(value) <= MOST:
        return ()
    fine = all(isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable() for name in value)
    return tuple(value) if fine else ()


def _number(index: object) -> int:
    """The index, as a number or in digits; -1 for anything else."""
    if isinstance(index, str) and index.isascii() and index.isdecimal() and len(index) < 7:
        return int(index)
    return int(index) if isinstance(index, numbers.Integral) and not isinstance(index, bool) else -1
