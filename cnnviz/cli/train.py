"""The commands that make networks and images: train and counting; their options are those of plans and generators."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import select
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cnnviz import settings
from cnnviz.cli.group import JSON, LABELS, STOPPED, command
from cnnviz.cli.output import document, knob_options, progress
from cnnviz.data.augment import PRESETS, Augment
from cnnviz.data.counting import Counting, write
from cnnviz.options import RequestError
from cnnviz.train import events, extend, interval, run
from cnnviz.train import plan as plans
from cnnviz.train.plan import Plan

CURVE = "L2 weight        loss  accuracy  (cross-validation on the training images)"
SOLVED = "head   train loss  valid loss  accuracy  95% interval  error rate  seconds"
EPOCHS = "epoch  train loss  valid loss  accuracy  95% interval  error rate  seconds"


@command
@click.argument("target", metavar="PLAN.json|DATA|RUN", type=click.Path(path_type=Path))
@click.option("--net", metavar="KEY", help="A torchvision CNN or a lecture network.")
@click.option(
    "--data", metavar="DIR", help="The folder of images, if not the one in the plan; of a run, where it lies now."
)
@click.option("--start", metavar="RUN", help="Initial weights: run/<id>@best.")
@click.option("--labels", metavar="FILE.csv|names", help=LABELS)
@click.option("--title", help="The title of the network in lists.")
@click.option("--augment", "preset", type=click.Choice(list(PRESETS)), help="Augmentation of the training images.")
@click.option("--out", metavar="RUNS", type=click.Path(path_type=Path), help="Folder of runs; without it CNNVIZ_RUNS.")
@click.option("--name", help="The run's name; without it one is made of the time and the network.")
@click.option("--find-rate", is_flag=True, help="Run the learning rate finder instead, and print its suggestion.")
@click.option("--attached", is_flag=True, help="Stop when standard input closes.")
@JSON
@knob_options(Plan)
@knob_options(Augment)
@click.pass_context
def train(
    context: click.Context,
    /,
    target: Path,
    preset: str | None,
    out: Path | None,
    name: str | None,
    find_rate: bool,
    attached: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Train a network: by a plan file, on a folder of images, or resume a run (with --epochs: to so many in all)."""
    from cnnviz.models import weights as shelf

    runs = settings.runs(out)
    weights = shelf.folder(context.find_root().meta.get("cnnviz.weights"))
    changes = {key: value for key, value in given.items() if value is not None}
    sought = False
    if (target / run.PLAN).is_file():
        if preset or (find_rate and changes) or set(changes) - {"epochs", "data"}:
            raise RequestError(
                "A run resumes with its own plan, for more epochs or from where its data lie now (--data) if you like; "
                "leave the other options out, or train its plan.json anew."
            )
        folder = target
        if "data" in changes and settings.rank() == 0:
            extend.move(folder, Path(changes["data"]))
        if "epochs" in changes and settings.rank() == 0:
            extend.extend(folder, changes["epochs"])
        if find_rate and not (sought := run.is_trial(target)):  # a page has made the trial already
            folder = run.trial(plans.read(target / run.PLAN), target.resolve().parent)
        if not attached and not run.alive(folder):  # before the long way through torch, on which it may be asked anew
            with contextlib.suppress(OSError):
                (folder / run.STOP).unlink()
    elif settings.rank() > 0 and (begun := settings.run()) is not None:
        folder = begun  # one of several processes that Lightning started for the same run
    else:
        plan = _plan(target, changes, preset)
        folder = run.trial(plan, runs) if find_rate else run.create(plan, runs, name)
    settings.put("CNNVIZ_RUN", str(folder))
    from cnnviz.train.loop import fit

    settings.keep_freed_memory()

    began = time.monotonic()
    try:
        state = fit(
            folder, attached=attached, weights=weights, finding=find_rate, heard=_quiet if as_json else _speaker()
        )
        done = run.read(folder)
    finally:
        if find_rate and (not sought or (attached and _deserted())):
            shutil.rmtree(folder, ignore_errors=True)  # what was found is printed, or nobody asks any more
    if settings.rank() > 0:
        return 0  # the first process speaks for all
    code = STOPPED if state == "stopped" else 0
    if find_rate:
        suggestion = done.last("finished").get("suggestion")
        curve = [{"rate": e["rate"], "loss": e["loss"]} for e in done.of("rate")]
        if as_json:
            document({"suggestion": suggestion, "curve": curve})
        else:
            click.echo("stopped before a learning rate was found" if suggestion is None else f"rate {suggestion:g}")
        return code
    first = done.last("start") or done.last("resume")
    best, count = done.last("best"), first.get("val", 0)
    if as_json:
        document(
            {
                "run": done.id,
                "key": f"run/{done.id}@best",
                "state": state,
                "step": done.last("epoch").get("step", 0),
                "accuracy": best.get("accuracy"),
                "interval": interval.around(best["accuracy"], count) if best and count else None,
                "valid_loss": best.get("valid_loss"),
                "seconds": round(time.monotonic() - began, 1),
                "unreadable": list(dict.fromkeys(event.get("path") for event in done.of("unreadable"))),
                "left_out": list(
                    {
                        event.get("reason"): {key: event.get(key) for key in ("reason", "count", "names")}
                        for event in done.of("left_out")  # again at each resume
                    }.values()
                ),
            }
        )
        return code
    if best:
        sure = f" (95% interval {interval.words(best['accuracy'], count)})" if count else ""
        where = "solved" if first.get("solves") else f"best at step {best['step']}"
        click.echo(f"{where}: {best['accuracy']:.2%} on val{sure}, loss {best['valid_loss']:.4f}")
    net = f"; the model key is run/{done.id}@best" if best else ""
    click.echo(f"{state} after {time.monotonic() - began:.0f} s{net}")
    return code


@command
@click.argument("out", type=click.Path(path_type=Path))
@knob_options(Counting, defaults=True)
def counting(out: Path, **given: Any) -> None:
    """Draw images of circles to be counted, one class for each number."""
    folder = write(out, Counting(**given), progress("drawing", "classes", 1))
    numbers = Counting(**given)
    total = numbers.per_class * (numbers.high - numbers.low + 1)
    click.echo(f"{total:,} images of {numbers.low} to {numbers.high} circles in {folder}")


def _plan(target: Path, changes: dict[str, Any], preset: str | None) -> Plan:
    """The plan of a file, or of a folder of pictures, with the options on top."""
    if target.is_dir():
        changes.setdefault("data", str(target))
        values: dict[str, Any] = {}
    elif target.suffix.lower() == ".json":
        values = json.loads(plans.read(target).json())
    else:
        raise RequestError(f"{target} is neither a plan (.json) nor a folder of images; check its name.")
    names = {field.name for field in dataclasses.fields(Augment)}
    augment = dataclasses.asdict(PRESETS[preset]) if preset else values.get("augment", {})
    augment |= {key: value for key, value in changes.items() if key in names}
    values |= {key: value for key, value in changes.items() if key not in names}
    return plans.parse(json.dumps(values | {"augment": augment}), target.name)


def _deserted() -> bool:
    """Whether standard input is closed."""
    with contextlib.suppress(OSError, ValueError):
        return bool(select.select([sys.stdin], [], [], 0)[0])
    return False


def _quiet(kind: str, values: dict[str, Any]) -> None:
    if kind in ("warning", "unreadable", "left_out"):
        click.echo(f"cnnviz: {values['message']}", err=True)


def _speaker() -> Callable[[str, dict[str, Any]], None]:
    """What prints a line for each epoch, and what else a person wants to know, on standard output."""
    images, head, solves = 0, "", False  # of val; of the table that goes on; whether there are no epochs

    def titled(titles: str) -> None:
        nonlocal head
        if titles != head:
            click.echo(titles)
        head = titles

    def speak(kind: str, values: dict[str, Any]) -> None:
        nonlocal images, solves
        _quiet(kind, values)
        if kind in ("start", "resume"):
            images, solves = values["val"], bool(values.get("solves"))
            click.echo(
                f"{values['train']:,} training images, {values['val']:,} validation images; {values['trainable']:,} of "
                f"{values['parameters']:,} weights are trained; {values['device']}"
            )
        elif kind == "l2":
            titled(CURVE)
            click.echo(f"{values['l2']:9g}  {values['loss']:10.4f}  {values['accuracy']:8.2%}")
        elif kind == "head":
            how = "lowest loss" if values["compared"] else "usual one: no image can be left out to compare others"
            click.echo(f"head solved with L2 weight {values['l2']:g}, the {how}")
            if told := events.weighed(values):
                click.echo(told)
        elif kind == "found":
            click.echo(f"learning rate {values['rate']:g}, found by a range test")
        elif kind == "epoch":
            titled(SOLVED if solves else EPOCHS)
            row = "solved" if solves else f"{values['epoch']:5d} "
            click.echo(
                f"{row} {values['train_loss']:10.4f}  {values['valid_loss']:10.4f}  "
                f"{values['accuracy']:8.2%}  {interval.words(values['accuracy'], images):>12}  "
                f"{values['error_rate']:10.4f}  {values['seconds']:7.1f}"
            )
        elif kind == "queued":
            click.echo(f"waiting for another run on {values['device']}")
        elif kind == "prepare" and sys.stderr.isatty():
            end = "\n" if values["done"] == values["of"] else ""
            click.echo(f"\r{values['stage']}: {values['done']} of {values['of']} {end}", err=True, nl=False)

    return speak
