"""The command that writes a network for other programs: export."""

from __future__ import annotations

from pathlib import Path

import click

from cnnviz import settings
from cnnviz.cli.group import JSON, command, shown, weights_of
from cnnviz.cli.output import count, document
from cnnviz.options import RequestError
from cnnviz.train import run


@command
@click.argument("target", metavar="RUN|KEY")
@click.option("--onnx", "out", required=True, type=click.Path(path_type=Path), help="The file to write, .onnx.")
@click.option("--calibrated", is_flag=True, help="Divide the logits by the temperature that the run's results name.")
@JSON
@click.pass_context
def export(context: click.Context, target: str, out: Path, calibrated: bool, as_json: bool) -> None:
    """Write a trained network as ONNX, its class names and preprocessing in the file's metadata."""
    if out.suffix.lower() != ".onnx":
        raise RequestError(f"{out.name} is not an ONNX file; end its name in .onnx.")
    key, runs = named(target)
    weights = weights_of(context)
    from cnnviz.models import load
    from cnnviz.train.onnx import onnx

    model, heat = load.load(key, weights, runs), temperature(key, runs) if calibrated else 1.0
    content = onnx(model, heat)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content)
    except OSError as error:
        raise RequestError(f"{shown(out)} cannot be written ({error.strerror}); choose another file.") from None
    if as_json:
        size = {"input": list(model.input_size), "labels": list(model.labels), "bytes": len(content)}
        return document({"key": key, "file": str(out)} | size | ({"temperature": heat} if calibrated else {}))
    channels, height, width = model.input_size
    click.echo(f"{key} in {shown(out)}, {count(len(content))} bytes, with {count(len(model.labels))} class names")
    if calibrated:
        click.echo(f"logits are divided by a temperature of {heat:g}")
    click.echo(f"pixels: float32 0 to 255, N x {channels} x {height} x {width}; probabilities: N x {len(model.labels)}")


def temperature(key: str, runs: Path) -> float:
    """The temperature in the results of a run. Raises `RequestError` where there are none."""
    said = run.verdict(runs / key.split("/")[1].partition("@")[0]) if key.startswith("run/") else None
    if not (found := (said or {}).get("val", {}).get("calibration")):
        raise RequestError(
            f"{key} has no results that name a temperature; evaluate its run, or leave --calibrated out."
        )
    return float(found["temperature"])


def named(target: str) -> tuple[str, Path]:
    """The model key of a run's folder, a run's name or a key, and the folder of runs it is looked up in."""
    folder, runs = Path(target), settings.runs()
    if (folder / run.PLAN).is_file():
        return f"run/{folder.resolve().name}@best", folder.resolve().parent
    if run.NAME.fullmatch(target) and (runs / target / run.PLAN).is_file():
        return f"run/{target}@best", runs
    return target, runs
