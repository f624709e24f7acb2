"""What a run leaves behind: snapshots under a disk budget, the best weights with their card, a state to resume from."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from cnnviz import settings
from cnnviz.data.loader import Features
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.printable import printable
from cnnviz.train import evaluate, run
from cnnviz.train.setup import Training, plainly

SPARE = 8  # times the weights: the best ones and a state with its optimizer, each beside the one it replaces
RESUME, BEST, CARD, SNAPSHOTS = "resume.pt", "best.safetensors", "card.json", "snapshots"


class Keeper:
    """Writes the files of a run, each in one move; a full disk is said once and costs no training.

    `resumed` is what the last process saved: optimizer and progress; the network is filled with it at once.
    """

    def __init__(self, folder: Path, task: Training, log: Callable[..., None]) -> None:
        self.folder, self.task, self.log = folder, task, log
        self.due: set[int] = set()
        self.said: dict[str, Any] = {}  # the best so far
        self.warned: set[str] = set()
        self.writes = settings.rank() == 0
        self.resumed = self._read()

    def schedule(self, total: int) -> None:
        """Chooses the steps of snapshots: evenly on a logarithmic scale, as many as the disk budget allows."""
        size = sum(t.nbytes for t in self.task.recipe.net.state_dict().values())
        count = min(self.task.plan.snapshots, int(self.task.plan.disk * 2**20 // max(size, 1)) - 2)
        if count > 0:
            self.due = {round(float(s)) for s in np.geomspace(1, max(total, 1), count)}

    def snapshot(self, step: int) -> None:
        """Keeps the weights after a step, as long as the best ones, which matter more, have room beside them."""
        state = self._state()
        with contextlib.suppress(OSError):
            if shutil.disk_usage(self.folder).free < SPARE * sum(t.nbytes for t in state.values()):
                self._warn(
                    "room", "The disk is almost full: snapshots are left out, so that the best weights can be kept."
                )
                return
        if self._write({self.folder / SNAPSHOTS / f"{step}.safetensors": lambda draft: save_file(state, draft)}):
            self.log("snapshot", step=step)

    def best(self, step: int, loss: float, accuracy: float) -> bool:
        """Keeps the weights as the best so far, with a card that says what they are; whether they could be kept."""
        before, state = self.said, self._state()
        self.said = {"best_step": step, "valid_loss": round(loss, 6), "accuracy": round(accuracy, 6)}
        card = json.dumps(self.card(), indent=2) + "\n"  # also in the weights themselves, which may be copied elsewhere
        kept = self._write(
            {
                self.folder / BEST: lambda draft: save_file(state, draft, {"card": card}),
                self.folder / CARD: lambda draft: draft.write_text(card),
            }
        )
        if kept:
            self.log("best", step=step, valid_loss=round(loss, 6), accuracy=round(accuracy, 6))
        else:
            self.said = before
        return kept

    def save(self, progress: dict[str, Any], optimizer: dict[str, Any]) -> None:
        """Keeps everything that going on from here needs."""
        state = {"net": self._state(), "optimizer": optimizer, "progress": progress | {"said": self.said}}
        if self._write({self.folder / RESUME: lambda draft: torch.save(state, draft)}):
            self.log("saved", step=progress["step"])

    def card(self) -> dict[str, Any]:
        """What the weights are, how they were made and how good they are, as plain values."""
        plan, recipe, data = self.task.plan, self.task.recipe, self.task.data
        counts = {name: len(split) for name, split in data.splits().items()}
        return {
            "title": plan.title or f"{plan.net.rpartition('/')[2]} on {printable(data.root.name)}",
            "net": recipe.name,
            "spec": recipe.spec,
            "labels": list(data.classes),
            "single_logit": recipe.single_logit,
            "preprocess": self.task.preprocess.card(),
            "data": f"{printable(data.root.name)}: " + ", ".join(f"{n} {name}" for name, n in counts.items()),
            "recipe": json.loads(plan.json()),
            "seed": plan.seed,
            "accuracy": {"val": round(self.said.get("accuracy", 0.0), 4), "chosen_on": "val"},
        }

    def judge(self, changed: str = "") -> None:
        """Evaluates the best weights on val and test, writes the results, with what changed about the data since.

        Raises `RequestError` if no weights were kept.
        """
        if not self.writes:
            return
        path = self.folder / BEST
        if not path.is_file():
            raise RequestError(
                f"The best weights of run {self.folder.name} could not be kept; free some space, then resume."
            )
        net = self.task.recipe.net
        net.load_state_dict(load_file(path, device=str(self.task.device)))
        net.eval()
        found: dict[str, Any] = {"classes": list(self.task.data.classes), "root": str(self.task.data.root)}
        if changed:
            found["changed"] = changed
        for name in ("val", "test"):
            if name in self.task.pictures:
                judged, pictures = self._judged(name), self.task.pictures[name]
                found[name] = evaluate.verdict(judged, pictures, self.task.data.root, self.task.classes)
        self._write({self.folder / run.VERDICT: lambda draft: draft.write_text(json.dumps(found))})
        if "test" in found:
            self.said["test_accuracy"] = round(found["test"]["accuracy"], 6)

    def _judged(self, name: str) -> evaluate.Judged:
        """The predictions for a split; where its images have reached the head already, by the head alone."""
        task, pictures = self.task, self.task.pictures[name]
        batch, places = evaluate.together(task.preprocess.size, task.device), torch.arange(len(pictures))
        if name == "val" and isinstance(task.val, Features) and len(task.val) == len(pictures):
            return evaluate.judge(task.learner.eval(), task.val, lambda x: x.to(task.device), batch, places)
        return evaluate.judge(
            task.recipe.net, pictures, lambda x: plainly(x, task.preprocess).to(task.device), batch, places
        )

    def _state(self) -> dict[str, Tensor]:
        return {key: value.detach().cpu().contiguous() for key, value in self.task.recipe.net.state_dict().items()}

    def _write(self, files: dict[Path, Callable[[Path], Any]]) -> bool:
        """Whether the files were written, all of them and whole; the first time they were not, an event says why."""
        if not self.writes:
            return True
        drafts = {path: path.with_name(f".{path.name}.draft") for path in files}
        try:
            for path, write in files.items():
                path.parent.mkdir(exist_ok=True)
                write(drafts[path])
            for path, draft in drafts.items():
                os.replace(draft, path)
            return True
        except (OSError, RuntimeError, SafetensorError) as error:  # torch tells of a full disk in words of its own
            for draft in drafts.values():
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)
            self._warn("writing", f"{_reason(error)}: training continues, but {next(iter(files)).name} was not kept.")
            return False

    def _warn(self, about: str, message: str) -> None:
        if about not in self.warned and self.writes:
            self.warned.add(about)
            self.log("warning", message=message)

    def _read(self) -> dict[str, Any]:
        path = self.folder / RESUME
        if not path.is_file():
            return {}
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.task.recipe.net.load_state_dict(state["net"])
        except Exception:  # foreign or damaged: a run begins anew rather than not at all
            self.log("warning", message="The state to resume from is damaged; the run begins anew.")
            return {}
        self.said = state["progress"].pop("said", {})
        return {"optimizer": state["optimizer"], "progress": state["progress"]}


def seen(folder: Path) -> Preprocess | None:
    """How a run's network receives images, by the card of its best weights; None before there are any."""
    try:
        return Preprocess.parse(json.loads((folder / CARD).read_text())["preprocess"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # a refusal of the card is a ValueError, too
        return None


def _reason(error: Exception) -> str:
    """Why a file could not be written, and what to do."""
    number, words = getattr(error, "errno", None), str(error)
    short = number in (errno.ENOSPC, getattr(errno, "EDQUOT", None)) or "no space" in words.lower()
    if short or "unexpected pos" in words:  # what torch calls a file cut short
        return "The disk is full, free some space"
    words = os.strerror(number) if number else words.rpartition(": ")[2]
    return f"The run's folder cannot be written ({words})"
