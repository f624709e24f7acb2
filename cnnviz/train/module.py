"""The part of a network that learns, as Lightning drives it.

Each step's learning rate, batch, augmentation and dropout depend on the plan's seed and the number of the step alone,
so that a run that was killed and resumed ends with the weights of one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import lightning as L
import numpy as np
import torch
from torch import Tensor

from cnnviz.data.loader import Batch, Batches, parts
from cnnviz.inference.predict import scores
from cnnviz.options import RequestError
from cnnviz.train import evaluate, learning_rate
from cnnviz.train.checkpoints import Keeper
from cnnviz.train.setup import Training

SPOKEN = 0.25  # seconds between two step events
SAVED = 30.0  # seconds between two states to resume from


class Fitting(L.LightningModule):
    """The part of a network that learns, step by step."""

    def __init__(self, task: Training, keeper: Keeper, log: Callable[..., None], wanted: Callable[[], bool]) -> None:
        super().__init__()
        self.task, self.keeper, self.say, self.stop_wanted = task, keeper, log, wanted
        self.net = task.learner
        self.plan = task.plan
        before = keeper.resumed.get("progress", {}).get("per_epoch")
        self.per_epoch = before or len(self._usual(torch.arange(len(task.train))))
        self.total = self.per_epoch * self.plan.epochs
        self.loss = task.loss()
        self.step = 0  # of the whole run, not of this process
        self.best, self.worse = math.inf, 0
        self.kept = math.inf  # the loss of the best weights on the disk, which may have been full
        self.sums = [0.0, 0.0, 0.0]  # of this epoch: loss, right answers, pictures
        self.recent: list[Tensor] = []
        self.spoken = self.looked = self.saved = self.began = time.monotonic()
        self.seen_since = 0
        self.stopped = False

    @property
    def epoch(self) -> int:
        """The pass that the next step belongs to, from 0."""
        return self.step // self.per_epoch

    @property
    def over(self) -> bool:
        """Whether no step is left to do."""
        return self.step >= self.total or bool(self.plan.patience and self.worse >= self.plan.patience)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The plan's optimizer, with the state of the run that is resumed."""
        groups = learning_rate.parameters(self.net, self.task.groups, self.plan.highest)
        opt = learning_rate.optimizer(self.plan.optimizer, groups, self.plan.highest, self.plan.weight_decay)
        if state := self.keeper.resumed.pop("optimizer", None):
            opt.load_state_dict(state)
        return opt

    def train_dataloader(self) -> Batches:
        """What is left of this epoch: an order drawn from the seed and the epoch, and this process's share of it."""
        rng = np.random.default_rng((self.plan.seed, self.epoch))
        order = torch.from_numpy(rng.permutation(len(self.task.train)))
        rank, world = self.trainer.global_rank, self.trainer.world_size
        left = self._batches(order)[self.step % self.per_epoch :]
        return Batches(self.task.train, [places[rank::world] for places in left])

    def _batches(self, order: Tensor) -> tuple[Tensor, ...]:
        """An epoch's batches: as many as when the run began, also where images are gone since."""
        usual = self._usual(order)
        return usual if len(usual) == self.per_epoch else torch.tensor_split(order, self.per_epoch)

    def _usual(self, order: Tensor) -> tuple[Tensor, ...]:
        """The batches of a plan; the last is never too small for a batch norm, or to be shared by all processes."""
        return parts(order, self.plan.batch, self.task.least * self.plan.devices * self.plan.nodes)

    def on_train_epoch_start(self) -> None:
        """Training mode, except for what rests."""
        evaluate.rest(self.net, self.task.resting)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """The step's own random numbers and learning rate."""
        torch.manual_seed(self.plan.seed * 1_000_003 + self.step)
        factor = learning_rate.factor(self.plan.schedule, self.step, self.total)
        groups = self.optimizers().param_groups  # type: ignore[union-attr]  # there is one optimizer, no list
        for group, (_, share) in zip(groups, self.task.groups, strict=True):
            group["lr"] = self.plan.highest * share * factor

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Images and labels to where the network is."""
        pixels, labels, places = (part.to(device, non_blocking=True) for part in batch)
        return pixels, labels, places

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """The loss of one batch."""
        pixels, labels, _ = batch
        if len(labels) < self.task.least:
            return None  # not enough of its images could be read
        logits = self.net(self.task.input(pixels, self.step))
        loss = self.loss(logits, labels)
        right = (scores(logits.detach()).argmax(1) == labels).sum()
        self.recent.append(torch.stack([loss.detach() * len(labels), right, loss.new_tensor(len(labels))]))
        return loss

    def on_train_batch_end(self, outputs: object, batch: Batch, batch_idx: int) -> None:
        """Counts, tells, keeps, and looks whether to stop."""
        self.step += 1
        self.seen_since += len(batch[1]) * self.trainer.world_size
        now = time.monotonic()
        if now - self.spoken >= SPOKEN or self.step in (1, self.total):
            self._tell(now)
        if now - self.looked >= SPOKEN:  # by a clock of its own: an epoch may end, and tell, more often than that
            self.looked = now
            if self.stop_wanted():
                self.stopped = self.trainer.should_stop = True
        if self.step in self.keeper.due:
            self.keeper.snapshot(self.step)
        if now - self.saved >= SAVED and self.step % self.per_epoch:
            self._save()

    def on_train_epoch_end(self) -> None:
        """Evaluates on val, keeps the best, ends early if it gets no better."""
        self._tell(time.monotonic())
        if self.step % self.per_epoch:  # stopped on the way
            return
        self.net.eval()
        world, rank = self.trainer.world_size, self.trainer.global_rank
        places = torch.arange(rank, len(self.task.val), world)
        judged = evaluate.judge(
            self.net, self.task.val, lambda p: self.task.input(p.to(self.device)), self.task.wide, places
        )
        sums = torch.stack([judged.losses.double().sum(), judged.right.sum(), torch.tensor(float(len(places)))])
        loss, right, count = self.trainer.strategy.reduce(sums.to(self.device, torch.float32), reduce_op="sum").tolist()
        if not count:
            raise RequestError("None of the validation images can be read any more; bring them back, then resume.")
        loss, accuracy = loss / count, right / count
        trained, told, seen = self.sums
        if not seen:
            raise RequestError("None of the training images can be read any more; bring them back, then resume.")
        better = loss < self.best
        self.best, self.worse = (loss, 0) if better else (self.best, self.worse + 1)
        self.say(
            "epoch",
            epoch=self.epoch,
            step=self.step,
            train_loss=round(trained / max(seen, 1), 6),
            train_accuracy=round(told / max(seen, 1), 6),
            valid_loss=round(loss, 6),
            accuracy=round(accuracy, 6),
            error_rate=round(1 - accuracy, 6),
            seconds=round(time.monotonic() - self.began, 3),
        )
        self.sums, self.began = [0.0, 0.0, 0.0], time.monotonic()
        if loss < self.kept and self.keeper.best(self.step, loss, accuracy):
            self.kept = loss
        if self.step >= self.total or time.monotonic() - self.saved > 2:
            self._save()
        if self.over:
            self.trainer.should_stop = True

    def restore(self) -> None:
        """Goes back to where the run that is resumed was saved."""
        if progress := self.keeper.resumed.get("progress"):
            more = self.plan.epochs > progress.get("epochs", self.plan.epochs)
            self.step, self.best = progress["step"], progress["best"]
            self.worse = 0 if more else progress["worse"]  # who asks for more epochs has patience anew
            self.kept = progress.get("kept", self.best)
            self.sums = list(progress["sums"])

    def _save(self) -> None:
        self.saved = time.monotonic()
        progress = {
            "step": self.step,
            "per_epoch": self.per_epoch,
            "epochs": self.plan.epochs,
            "best": self.best,
            "kept": self.kept,
            "worse": self.worse,
            "sums": self.sums,
        }
        state = self.optimizers().state_dict()  # type: ignore[union-attr]  # there is one optimizer, no list
        self.keeper.save(progress, state)

    def finish(self) -> None:
        """Keeps the last weights and a state to resume from."""
        self.keeper.snapshot(self.step)
        self._save()

    def _tell(self, now: float) -> None:
        """An event with the mean over the steps since the last one."""
        if not self.recent:
            return
        loss, right, count = torch.stack(self.recent).sum(0).tolist()
        self.recent.clear()
        self.sums = [a + b for a, b in zip(self.sums, (loss, right, count), strict=True)]
        if not math.isfinite(loss):
            raise RequestError(
                f"The loss became infinite at step {self.step}; choose a learning rate below {self.plan.highest:g}."
            )
        self.say(
            "step",
            step=self.step,
            epoch=round(self.step / self.per_epoch, 4),
            loss=round(loss / count, 6),
            accuracy=round(right / count, 6),
            rate=self.plan.highest * learning_rate.factor(self.plan.schedule, max(0, self.step - 1), self.total),
            images_per_second=round(self.seen_since / max(now - self.spoken, 1e-6), 1),
        )
        self.spoken, self.seen_since = now, 0
