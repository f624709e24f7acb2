"""Training a run in its own process: the plan is read, Lightning trains, events are appended, weights stay behind."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from cnnviz import settings
from cnnviz.data.loader import Features
from cnnviz.inference.device import resolve
from cnnviz.options import RequestError
from cnnviz.train import metrics, range_test, remembered, run, solved_head, tensorboard
from cnnviz.train import plan as plans
from cnnviz.train.checkpoints import RESUME, Keeper, seen
from cnnviz.train.setup import StopRequested, Training, prepare

if TYPE_CHECKING:
    from cnnviz.train.module import Fitting

ENDING = (signal.SIGTERM, signal.SIGINT)

Heard = Callable[[str, dict[str, Any]], None]


def fit(
    folder: Path,
    *,
    attached: bool = False,
    weights: Path | None = None,
    heard: Heard = lambda _kind, _values: None,
    finding: bool = False,
) -> str:
    """Trains a run to its end, or resumes it; its last state: finished, stopped or failed.

    SIGTERM and SIGINT stop it, and so does, with `attached`, a closed standard input. `heard` gets every event, too.
    With `finding`, a learning rate is looked for instead, and nothing is trained. Raises `RequestError` after it wrote
    the reason as an event.
    """
    plan = plans.read(folder / run.PLAN)
    child = settings.rank() > 0  # started by Lightning for another device of the same run
    if child:
        _answer([signal.SIG_IGN] * 2)  # the first process hears them, too
        return _fit(plan, folder, lambda *_a, **_k: None, lambda: False, weights)
    with run.holding(folder), _listening(folder, attached) as wanted:
        if not finding and run.read(folder).state == "finished" and run.verdict(folder):
            return "finished"
        written = run.Log(folder)
        try:
            board = tensorboard.writer(folder, plan)
        except RequestError as error:
            written("failed", message=str(error))
            raise

        def log(kind: str, **values: Any) -> None:
            written(kind, **values)
            board(kind, values)
            if kind == "epoch":
                metrics.write(folder)
            heard(kind, values)

        try:
            with run.turn(folder.parent, resolve(plan.device), lambda: True) as mine, contextlib.ExitStack() as stack:
                if not mine:
                    log("queued", device=resolve(plan.device))
                    if not stack.enter_context(run.turn(folder.parent, resolve(plan.device), wanted)):
                        raise StopRequested
                work = _find if finding else _fit
                state = work(plan, folder, log, wanted, weights)
        except StopRequested:
            log("stopped")
            state = "stopped"
        except (KeyboardInterrupt, SystemExit):  # the second signal waits for nothing
            log("stopped")
            raise KeyboardInterrupt from None
        except torch.OutOfMemoryError:
            less = max(1, plan.batch // 2)
            message = f"The GPU has too little memory for batches of {plan.batch}; try {less}."
            log("failed", message=message, offer={"batch": less})
            raise RequestError(message) from None
        except RequestError as error:
            log("failed", message=str(error))
            raise
        except Exception as error:
            log("failed", message=f"Training failed ({type(error).__name__}: {error}).")
            raise
    return state


def _fit(
    plan: plans.Plan, folder: Path, log: Callable[..., None], wanted: Callable[[], bool], weights: Path | None
) -> str:
    torch.set_num_threads(plan.threads or plans.cores())
    saved = (folder / RESUME).is_file()  # without it the run begins anew, with the data as they are now
    data = (
        remembered.follow(folder, plan, log, run.read(folder).classes)
        if saved
        else remembered.begin(plan, folder.parent, log)
    )
    task = prepare(plan, data, folder.parent, weights, log, wanted, seen(folder) if saved else None)
    if settings.rank() == 0:
        remembered.keep(folder, data, log, again=not saved)
    keeper = Keeper(folder, task, log)
    if (head := solved_head.alone(task)) is not None:
        return _end(keeper, log, solved_head.run(task, head, keeper, log, wanted))
    from cnnviz.train.module import Fitting  # with Lightning, which a head that is solved need not wait for

    begun = not keeper.resumed and settings.rank() == 0 and solved_head.begin(task, log, wanted)  # all get its weights
    keeper.task = task = _rated(task, folder, log, wanted)
    fitting = Fitting(task, keeper, log, wanted)
    fitting.restore()
    if begun:
        fitting.best = fitting.kept = solved_head.keep(task, keeper)
    keeper.schedule(fitting.total)
    log(
        "resume" if fitting.step else "start",
        step=fitting.step,
        steps=fitting.total,
        per_epoch=fitting.per_epoch,
        epochs=plan.epochs,
        **task.facts,
    )
    if not fitting.step or fitting.over:
        keeper.snapshot(fitting.step)
    if not fitting.over:
        if isinstance(task.train, Features):
            torch.set_num_threads(1)  # a head alone is too little work to share, and waiting for each other costs more
        _train(plan, fitting, folder)
        torch.set_num_threads(plan.threads or plans.cores())
        fitting.finish()
    if fitting.stopped:
        log("stopped", step=fitting.step)
        return "stopped"
    return _end(keeper, log, fitting.step)


def _rated(task: Training, folder: Path, log: Callable[..., None], wanted: Callable[[], bool]) -> Training:
    """The task with a learning rate: the plan's, or the one this run has found, or finds now."""
    if task.plan.rate is not None or task.plan.recipe not in plans.GENTLE:
        return task

    def waiting() -> None:
        if wanted():
            raise StopRequested

    before = run.read(folder).last("found").get("rate")
    return replace(task, plan=task.plan.but(rate=before or range_test.found(task, log, waiting)))


def _end(keeper: Keeper, log: Callable[..., None], step: int) -> str:
    if settings.rank() == 0:
        keeper.judge()
        log("finished", step=step, **keeper.said)
    return "finished"


def _find(
    plan: plans.Plan, folder: Path, log: Callable[..., None], wanted: Callable[[], bool], weights: Path | None
) -> str:
    torch.set_num_threads(plan.threads or plans.cores())
    data = remembered.begin(plan, folder.parent, log)
    task = prepare(plan, data, folder.parent, weights, log, wanted)
    if solved_head.alone(task) is not None:
        raise RequestError("This head is solved, so there is no learning rate to find; train it.")
    solved_head.begin(task, log, wanted)

    def heard(at: float, value: float) -> bool:
        log("rate", rate=float(f"{at:.4g}"), loss=round(value, 6))
        if wanted():
            raise StopRequested
        return False

    log("finished", suggestion=range_test.curve(task, heard).suggestion)
    return "finished"


def _train(plan: plans.Plan, fitting: Fitting, folder: Path) -> None:
    import lightning as L
    from lightning.pytorch.callbacks import LambdaCallback

    accelerator = resolve(plan.device)
    answers = [signal.getsignal(number) for number in ENDING]  # Lightning's own would break off, and save nothing
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning advises on loaders and precision; the plan has decided
        trainer = L.Trainer(
            accelerator=accelerator,
            devices=plan.devices,
            num_nodes=plan.nodes,
            strategy="ddp" if plan.devices * plan.nodes > 1 else "auto",
            precision=_precision(plan, accelerator),  # type: ignore[arg-type]  # a plan knows no others
            max_epochs=plan.epochs - fitting.epoch,
            reload_dataloaders_every_n_epochs=1,
            use_distributed_sampler=False,
            deterministic="warn",
            benchmark=False,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=str(folder),
            callbacks=[LambdaCallback(on_train_start=lambda *_: _answer(answers))],
        )
        trainer.fit(fitting)
        fitting.to(fitting.task.device)


def _precision(plan: plans.Plan, accelerator: str) -> str:
    if plan.precision != "auto":
        return plan.precision
    return "16-mixed" if accelerator == "cuda" else "32-true"


@contextlib.contextmanager
def _listening(folder: Path, attached: bool) -> Iterator[Callable[[], bool]]:
    """What says whether somebody wants the run to stop: a file named stop, a folder that went away, a signal, or, if
    attached, a closed standard input. A second signal ends the process as if nobody listened.
    """
    closed = threading.Event()
    if attached:

        def wait() -> None:
            with contextlib.suppress(OSError, ValueError):
                while os.read(sys.stdin.fileno(), 1):  # past Python's buffer, whose lock would be held at the end
                    pass
            closed.set()

        threading.Thread(target=wait, daemon=True).start()
    before = [signal.getsignal(number) or signal.SIG_DFL for number in ENDING]

    def hear(*_: object) -> None:
        closed.set()
        _answer(before)

    _answer([old if old is signal.SIG_IGN else hear for old in before])
    try:
        yield lambda: closed.is_set() or (folder / run.STOP).exists() or not folder.is_dir()
    finally:
        _answer(before)
        with contextlib.suppress(OSError):
            (folder / run.STOP).unlink()  # it has been answered


def _answer(handlers: Sequence[Callable[[int, FrameType | None], object] | int | None]) -> None:
    """Sets what answers the signals that end a process; only the main thread may."""
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(ENDING, handlers, strict=True):
            signal.signal(number, handler)
