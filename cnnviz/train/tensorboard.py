"""A run's numbers as events of TensorBoard beside its own, for those who have it open already."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnviz.options import RequestError
from cnnviz.train.plan import Plan

FOLDER = "tensorboard"  # in that of a run
EPOCH = {
    "loss/train": "train_loss",
    "loss/val": "valid_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/val": "accuracy",
}
STEP = {"loss/step": "loss", "learning rate": "rate"}
FOUND = {"hparam/loss": "valid_loss", "hparam/accuracy": "accuracy"}


def writer(folder: Path, plan: Plan) -> Callable[[str, dict[str, Any]], None]:
    """What hears the events of a run and writes loss, accuracy and learning rate by step, and at the end the plan.

    Nothing where the plan does not ask for it. A full disk costs the file and not the training. Raises `RequestError`
    where the package is missing.
    """
    if not plan.tensorboard:
        return lambda _kind, _values: None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise RequestError(
            "TensorBoard's writer is not installed; pip install cnnviz[tensorboard], or leave --tensorboard out."
        ) from None
    open_: list[SummaryWriter] = []

    def hear(kind: str, values: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            if kind in ("start", "resume"):  # what a run went back behind does not count
                step = values["step"]
                open_[:] = [SummaryWriter(str(folder / FOLDER), purge_step=step + 1 if step else None)]
            for one in open_:
                _write(one, plan, kind, values)

    return hear


def _write(out: Any, plan: Plan, kind: str, values: dict[str, Any]) -> None:
    """Adds one event to a `SummaryWriter`."""
    named = {"epoch": EPOCH, "step": STEP}.get(kind, {})
    for tag, key in named.items():
        out.add_scalar(tag, values[key], values["step"])
    if kind == "finished" and "accuracy" in values:
        best = {tag: values[key] for tag, key in FOUND.items()}
        out.add_hparams(_flat(dataclasses.asdict(plan)), best, run_name=".", global_step=values["step"])
    if kind in ("finished", "stopped", "failed"):
        out.close()
    elif kind == "epoch":
        out.flush()


def _flat(plan: dict[str, Any]) -> dict[str, Any]:
    """The options of a plan as TensorBoard takes them: numbers, words and switches, those not set as words."""
    inner = {f"augment.{key}": value for key, value in plan.pop("augment").items()}
    return {key: str(value) if value is None else value for key, value in (plan | inner).items()}
