"""A plan: everything needed to train a network again, as one frozen value and one JSON file."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnnviz.data.augment import Augment, nothing
from cnnviz.models import lecture
from cnnviz.options import Options, RequestError, knob

RECIPES = ("scratch", "features", "frozen", "partial", "full")
GENTLE = ("partial", "full")  # recipes that go on with pretrained layers: they begin with a solved head
RATE = 1e-3  # where a plan gives none, and none is found
OPTIMIZERS = ("adam", "sgd", "rmsprop")
SCHEDULES = ("one_cycle", "constant", "cosine")
PRECISIONS = ("auto", "32", "16-mixed", "bf16-mixed")
LARGEST_FILE = 1 << 20


class PlanError(RequestError):
    """A plan asks for something that does not go together, or its file cannot be read."""


@dataclass(frozen=True)
class Plan(Options):
    """What to train on what, and how. Switches at None are the network's own."""

    data: str
    net: str = "lecture/cats_gap"
    title: str = ""
    start: str = ""  # a run whose weights to begin with: run/<id>@best
    labels: str = ""  # where the classes are no folders: names, or a CSV file
    recipe: str = knob("scratch", "Which weights are trained", choices=RECIPES)
    last: int = knob(
        0, "Recipe partial: how many layers with weights are trained; 0 for the last block", low=0, high=500
    )
    backbone_rate: float = knob(
        0.1, "Backbone learning-rate factor: rate of the pretrained part over that of the head", low=0.0, high=1.0
    )
    epochs: int = knob(10, "Passes over the training images", low=1, high=10_000)
    batch: int = knob(32, "Batch size", low=1, high=4096)
    rate: float | None = knob(
        None, "Learning rate, at its highest; without it partial and full find one, others take 1e-3", low=1e-7, high=10
    )
    optimizer: str = knob("adam", "Optimizer", choices=OPTIMIZERS)
    schedule: str = knob("one_cycle", "Learning rate schedule", choices=SCHEDULES)
    weight_decay: float = knob(0.0, "Weight decay", low=0.0, high=1.0)
    smoothing: float = knob(0.0, "Label smoothing: share of certainty taken off", low=0.0, high=0.5, step=0.05)
    patience: int = knob(
        0, "Early-stopping patience: epochs without a lower validation loss; 0 for never", low=0, high=1000
    )
    class_weights: bool | None = knob(
        None,
        "Class weights: images of rare classes weigh more in the loss; a solved head decides where neither is said",
    )
    size: int | None = knob(None, "Input size", low=16, high=1024, unit="px")
    fit: str = knob("crop", "Resize mode", choices=("crop", "squash", "pad"))
    channels: int | None = knob(None, "1 for gray, 3 for colour (lecture networks)", low=1, high=3)
    pooling: str | None = knob(None, "Pooling before the head", choices=("gap", "flatten"))
    pools: int | None = knob(None, "Convolutions followed by a max pooling (lecture networks)", low=0, high=8)
    hidden: int | None = knob(None, "Units of the hidden layer; 0 for none", low=0, high=4096)
    dropout: float | None = knob(
        None, "Dropout: share of the features set to zero in training", low=0.0, high=0.9, step=0.05
    )
    batch_norm: bool | None = knob(None, "BatchNorm after each convolution (lecture networks)")
    head_norm: bool | None = knob(None, "BatchNorm before the head (lecture networks)")
    single_logit: bool = knob(True, "Two classes share one logit")
    augment: Augment = field(default_factory=Augment)
    share: float = knob(0.2, "Share of the images for validation, where the folder has no val", low=0.01, high=0.9)
    seed: int = knob(0, "The same seed gives the same network", low=0, high=2**31 - 1)
    snapshots: int = knob(40, "Snapshots of the weights kept along the way", low=0, high=1000)
    disk: int = knob(512, "Disk space for the snapshots", low=1, high=1_000_000, unit="MiB")
    precision: str = knob("auto", "auto is mixed on a GPU", choices=PRECISIONS)
    device: str = knob("auto", "Where to train", choices=("auto", "cpu", "cuda", "mps"))
    devices: int = knob(1, "GPUs (or CPU processes) on each node", low=1, high=64)
    nodes: int = knob(1, "Machines", low=1, high=1024)
    tensorboard: bool = knob(False, "Also write events for TensorBoard, into tensorboard/ of the run")
    threads: int = knob(0, "CPU threads; 0 for all cores", low=0, high=256)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("data", "net", "title", "start", "labels"):
            if not isinstance(value := getattr(self, name), str):
                raise PlanError(f"{name} is {value!r}; it has to be text.")
        if not self.data:
            raise PlanError("A plan names a folder of images; set its data.")
        if self.recipe == "features" and not nothing(self.augment):
            raise PlanError("Features are computed once, so images cannot be augmented; choose frozen to augment them.")
        if self.recipe in GENTLE and not self.backbone_rate:
            raise PlanError("A backbone rate of 0 trains the head alone; choose frozen, or a rate above 0.")
        if self.head_norm and self.batch < 2:
            raise PlanError("BatchNorm needs more than one image; choose a batch of 2 or more, or no head_norm.")
        if self.recipe != "scratch" and self.net.startswith("lecture/") and not self.start:
            raise PlanError(f"{self.net} has no trained weights to keep; train it from scratch, or start from a run.")

    def but(self, **changes: Any) -> Plan:
        """The plan with some fields changed."""
        return dataclasses.replace(self, **changes)

    @property
    def highest(self) -> float:
        """The learning rate at its highest."""
        return RATE if self.rate is None else self.rate

    @property
    def solves(self) -> bool:
        """Whether the head is one linear layer on features computed once, and is solved instead of trained."""
        own = lecture.NETS.get(self.net.removeprefix("lecture/")) if self.net.startswith("lecture/") else None
        switches = ("hidden", "dropout", "head_norm")
        values = [getattr(self, name) for name in switches]
        if own:
            values = [
                getattr(own, name) if value is None else value for name, value in zip(switches, values, strict=True)
            ]
        return self.recipe == "features" and not any(values)

    def json(self) -> str:
        """The plan as a JSON document; what is at its default is written too, so that it stays so."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def parse(text: str, name: str = "the plan") -> Plan:
    """The plan in a JSON document. Raises `PlanError` or `OptionError` naming what is wrong."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{name} is no JSON ({error}); correct it.") from None
    if not isinstance(values, dict):
        raise PlanError(f'{name} is no JSON object; write one such as {{"data": "images", "epochs": 5}}.')
    augment = values.pop("augment", {})
    if not isinstance(augment, dict):
        raise PlanError(f'The augment of {name} is no object; write one such as {{"rotate": 20}}.')
    _known(Plan, values, name)
    _known(Augment, augment, f"the augment of {name}")
    if not isinstance(values.get("data"), str):
        raise PlanError(f"{name} does not name its data; add the folder of images.")
    try:
        return Plan(**values, augment=Augment(**augment))
    except TypeError as error:
        raise PlanError(f"{name} has a value of the wrong kind ({error}); correct it.") from None


def read(path: Path | str) -> Plan:
    """The plan in a file. Raises `PlanError`."""
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise PlanError(f"{path.name} is too large for a plan; name a JSON file of a few lines.")
        return parse(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError):
        raise PlanError(f"The plan {path} cannot be read; check its name.") from None


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _known(kind: type, values: dict[str, Any], name: str) -> None:
    known = {f.name for f in dataclasses.fields(kind)}
    if unknown := sorted(set(values) - known):
        raise PlanError(f"There is no {', '.join(unknown)} in {name}; known are {', '.join(sorted(known))}.")
