"""What may change about a run: more epochs for one that has ended, and where the folder of its data lies now."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cnnviz.train import remembered, run
from cnnviz.train.plan import Plan
from cnnviz.train.run import RunError

RESUME = "resume.pt"  # weights, optimizer and progress, as `checkpoints` writes them


def extend(folder: Path, epochs: int) -> None:
    """Makes `epochs` the number of passes that a run has in all, so that resuming it trains the rest.

    The schedule of the learning rate is that of a run of so many epochs. Its results, which are those of fewer epochs,
    are taken away until it has ended again. Raises `RunError`, or `OptionError` for a number that cannot be.
    """
    one = run.read(folder)
    if run.alive(folder):
        raise RunError(f"Run {folder.name} is training; give it more epochs once it has ended.")
    if one.plan.solves:
        raise RunError(f"The head of run {folder.name} is solved, in no epochs; unfreeze its layers in a new run.")
    if epochs <= one.plan.epochs:
        raise RunError(f"Run {folder.name} has {one.plan.epochs} epochs; choose more than that in all.")
    plan = one.plan.but(epochs=epochs)
    if not (folder / RESUME).is_file():
        raise RunError(
            f"Run {folder.name} kept no state to resume from; start a new run from its weights, run/{folder.name}@best."
        )
    _write(folder, plan)
    with contextlib.suppress(OSError):
        (folder / run.VERDICT).unlink(missing_ok=True)


def move(folder: Path, data: Path) -> None:
    """Makes `data` the folder of a run's images, where it holds those that the run remembers.

    Raises `RunError`, or `RequestError` where they are not.
    """
    one = run.read(folder)
    if run.alive(folder):
        raise RunError(f"Run {folder.name} is training; name another folder once it has ended.")
    plan = one.plan.but(data=str(data.absolute()))
    remembered.follow(folder, plan, lambda *_a, **_k: None, one.classes)
    _write(folder, plan)


def _write(folder: Path, plan: Plan) -> None:
    draft = folder / f".{run.PLAN}.draft"
    try:
        draft.write_text(plan.json(), encoding="utf-8")
        os.replace(draft, folder / run.PLAN)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise RunError(f"Run {folder.name} cannot be written ({error.strerror}); check the runs folder.") from None
