"""The numbers of a run's epochs as a file of comma-separated values beside its events, for other programs to read."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from pathlib import Path
from typing import Any

from cnnviz.train import run
from cnnviz.train.interval import around
from cnnviz.train.run import Run

NAME = "metrics.csv"
KEYS = ("epoch", "step", "train_loss", "train_accuracy", "valid_loss", "accuracy", "error_rate", "seconds")
HEAD = (*KEYS, "accuracy_low", "accuracy_high")


def rows(one: Run) -> list[list[Any]]:
    """A row for each epoch that counts, in the order of HEAD; the last two are the 95 % interval of the accuracy."""
    images = (one.last("start") or one.last("resume")).get("val", 0)
    return [
        [*(event[key] for key in KEYS), *(round(edge, 6) for edge in around(event["accuracy"], images))]
        for event in one.of("epoch")
    ]


def write(folder: Path) -> None:
    """Writes `metrics.csv` of a run anew, in one move; a full disk costs the file and not the training."""
    text, draft = io.StringIO(), folder / f".{NAME}.draft"
    csv.writer(text, lineterminator="\n").writerows([HEAD, *rows(run.read(folder, outline=True))])
    try:
        draft.write_text(text.getvalue(), encoding="utf-8")
        os.replace(draft, folder / NAME)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
