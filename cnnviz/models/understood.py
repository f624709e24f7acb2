"""What was understood of a checkpoint, and where each of it is from: the file, its card, or a guess."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnviz.models import labels, lecture, stems, timm_load
from cnnviz.models.assumed import Assumption
from cnnviz.models.checkpoint import Contents
from cnnviz.models.found import Found
from cnnviz.models.labels import CARD as CARD
from cnnviz.models.labels import FILE as FILE
from cnnviz.models.labels import GUESS as GUESS
from cnnviz.models.labels import TENSORS as TENSORS
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError

DIGITS = tuple("0123456789")
GRAY = (0.449,), (0.226,)  # ImageNet's mean and deviation over all three channels
SIZES = ("input_size", "image_size", "img_size", "crop_size", "imgsz")  # as training scripts call it
MEANS, DEVIATIONS = ("mean", "norm_mean", "image_mean"), ("std", "norm_std", "image_std")


@dataclass(frozen=True)
class Understood:
    """Everything about a network that its answers depend on beside its weights, and where each of it is from.

    Each origin is "file", "card", "guess", or "tensors" (their names and shapes).
    """

    architecture: str
    labels: tuple[str, ...]
    preprocess: Preprocess
    architecture_from: str = TENSORS
    labels_from: str = GUESS
    size_from: str = GUESS  # of the crop
    resize_from: str = GUESS  # of the resizing before it
    scale_from: str = GUESS  # of mean and deviation
    notes: tuple[str, ...] = ()
    assumed: tuple[Assumption, ...] = ()

    @property
    def unsure(self) -> tuple[str, ...]:
        """What was assumed and no card confirms, in words, for wherever answers are shown."""
        return tuple(one.words for one in self.assumed if not one.stated)


def usual(name: str, stem: str, inputs: int = 3) -> Understood:
    """What goes with a network's usual weights, or with the torchvision file of that stem."""
    if name.startswith("timm/"):
        timm = name.removeprefix("timm/")
        return Understood(name, timm_load.labels(timm), timm_load.preprocess(timm, inputs))
    if name.startswith("lecture/"):
        spec = lecture.NETS[name.removeprefix("lecture/")]
        zeros, ones = (0.0,) * spec.channels, (1.0,) * spec.channels
        names = () if spec.head == "none" else DIGITS if spec.outputs == 10 else ("cat", "dog")
        return Understood(name, names, Preprocess(spec.size, spec.size, zeros, ones, channels=spec.channels))
    from torchvision.models import get_model_weights

    known = get_model_weights(name)
    chosen = next((one for one in known if Path(one.url).stem == stem), known.DEFAULT)
    does = chosen.transforms()
    preprocess = Preprocess(
        does.resize_size[0], does.crop_size[0], tuple(does.mean), tuple(does.std), does.interpolation.value
    )
    return Understood(name, tuple(chosen.meta.get("categories") or known.DEFAULT.meta["categories"]), preprocess)


def of(
    read: Found,
    contents: Contents,
    card: Mapping[str, Any],
    path: Path,
    key: str,
    inputs: int,
    wanted: int,
) -> Understood:
    """What a checkpoint's card says, else the file, else what is usual, for a network of so many inputs and classes.

    Raises `RequestError` where the card makes no sense.
    """
    known = usual(read.name, path.stem, inputs)
    if card.get("net"):
        known = dataclasses.replace(known, architecture_from=CARD)
    known = _channels(known, inputs, any(one.name == "stem" for one in read.made.assumed))
    known = _stated(known, read, contents)
    if "preprocess" in card:
        known = dataclasses.replace(
            known, preprocess=Preprocess.parse(card["preprocess"]), size_from=CARD, resize_from=CARD, scale_from=CARD
        )
    refuse_channels(known.preprocess, key, inputs)
    names, origin = _labels(known.labels, contents.labels, card, key, wanted)
    return dataclasses.replace(known, labels=names, labels_from=origin)


def refuse_channels(given: Preprocess, key: str, inputs: int) -> None:
    """Raises `RequestError` where a card gives a network another number of channels than it takes."""
    if given.channels != inputs:
        raise RequestError(f"The card of {key} gives {given.channels} channels to a network of {inputs}; correct it.")


def _channels(known: Understood, inputs: int, small: bool) -> Understood:
    """The same for a network of gray input, or of the small images that a 3 x 3 stem is made for."""
    preprocess = known.preprocess
    if inputs == 1 and preprocess.channels == 3:
        mean, std = GRAY
        preprocess = dataclasses.replace(preprocess, mean=mean, std=std, channels=1)
    if small:
        preprocess = dataclasses.replace(preprocess, resize=stems.SMALL, crop=stems.SMALL)
    return dataclasses.replace(known, preprocess=preprocess)


def _stated(known: Understood, read: Found, contents: Contents) -> Understood:
    """The same with the size, mean and deviation that the file says, in its tensors or in plain values beside them."""
    channels = known.preprocess.channels
    mean, std = read.mean, read.std
    for values in _levels(contents.values):
        mean, std = mean or _numbers(values, MEANS), std or _numbers(values, DEVIATIONS)
    if mean and std and len(mean) == len(std) == channels:
        try:
            preprocess = dataclasses.replace(known.preprocess, mean=mean, std=std)
        except RequestError:
            return known
        known = dataclasses.replace(known, preprocess=preprocess, scale_from=FILE)
    side = next(filter(None, (_side(values) for values in _levels(contents.values))), 0)
    if not side:
        return known
    preprocess = known.preprocess
    share = (
        preprocess.resize / preprocess.crop
        if isinstance(preprocess.resize, int) and isinstance(preprocess.crop, int)
        else 1
    )
    preprocess = dataclasses.replace(preprocess, crop=side, resize=max(side, round(side * share)))
    return dataclasses.replace(known, preprocess=preprocess, size_from=FILE)


def _levels(values: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The plain values beside the weights: at the top, and in mappings below such as hyper_parameters."""
    return [values, *(value for value in values.values() if isinstance(value, Mapping))]


def _numbers(values: Mapping[str, object], names: tuple[str, ...]) -> tuple[float, ...]:
    found = next((values[name] for name in names if name in values), None)
    if not isinstance(found, (list, tuple)) or len(found) not in (1, 3):
        return ()
    if not all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in found):
        return ()
    numbers = tuple(float(number) for number in found)
    return numbers if max(numbers) <= 1 else ()


def _side(values: Mapping[str, object]) -> int:
    """The side of the square input; 0 where no usual name says one."""
    found = next((values[name] for name in SIZES if name in values), None)
    if isinstance(found, (list, tuple)) and len(found) in (2, 3):
        found = found[-1] if found[-1] == found[-2] else None
    fine = isinstance(found, int) and not isinstance(found, bool) and 16 <= found <= 2048
    return found if fine and isinstance(found, int) else 0


def _labels(
    usual_: tuple[str, ...], said: tuple[str, ...], card: Mapping[str, Any], key: str, wanted: int
) -> tuple[tuple[str, ...], str]:
    """The names of the classes, and where they are from."""
    if "labels" in card:
        return labels.of_card(card, key, wanted), CARD
    if len(said) == wanted:
        return said, FILE
    return (usual_ if len(usual_) == wanted else labels.numbered(wanted)), GUESS
