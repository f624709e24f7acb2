"""Runs benchmarks by name: `python -m benchmarks gradcam/resnet18/first gabor/512/64 --json`."""

from __future__ import annotations

import fnmatch
import importlib
import json
import pkgutil
import sys
from typing import Any

import click

import benchmarks
from benchmarks.contest import OURS, contest, ratio

PLUMBING = ("__main__", "contest")


def tables() -> tuple[dict[str, Any], dict[str, Any]]:
    """All contests and all measures of the modules beside this file, by name."""
    contests: dict[str, Any] = {}
    measures: dict[str, Any] = {}
    for found in pkgutil.iter_modules(benchmarks.__path__):
        if found.name not in PLUMBING:
            module = importlib.import_module(f"benchmarks.{found.name}")
            contests |= getattr(module, "BENCHMARKS", {})
            measures |= getattr(module, "MEASURES", {})
    return contests, measures


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Print the names and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--seconds", default=20.0, show_default=True, help="About how long each contest may run.")
def main(names: tuple[str, ...], only_list: bool, as_json: bool, seconds: float) -> None:
    """Run the benchmarks NAMES (patterns such as 'gradcam/*' are welcome); all of them where none is given."""
    contests, measures = tables()
    known = sorted({*contests, *measures})
    chosen = [name for name in known if not names or any(fnmatch.fnmatch(name, wanted) for wanted in names)]
    if missing := [wanted for wanted in names if not fnmatch.filter(known, wanted)]:
        raise click.UsageError(f"There is no benchmark {missing[0]!r}; --list shows all.")
    if only_list:
        click.echo("\n".join(chosen))
        return
    results = []
    for name in chosen:
        if name in measures:
            results.append({"name": name, **measures[name]()})
        else:
            medians = contest(contests[name](), seconds)
            times = ratio(medians)
            rounded = {who: round(time, 3) for who, time in medians.items()}
            results.append({"name": name, "median_ms": rounded, "ratio": None if times is None else round(times, 3)})
        if not as_json:
            _show(results[-1])
    if as_json:
        click.echo(json.dumps(results))


def _show(result: dict[str, Any]) -> None:
    if "median_ms" not in result:
        facts = ", ".join(f"{key} {value}" for key, value in result.items() if key != "name")
        click.echo(f"{result['name']:<32} {facts}")
        return
    times = "  ".join(f"{who} {time:,.2f}" for who, time in result["median_ms"].items())
    verdict = "no peer installed" if result["ratio"] is None else f"fastest peer / {OURS} = {result['ratio']:.2f}"
    click.echo(f"{result['name']:<32} {times} ms   {verdict}")


if __name__ == "__main__":
    sys.exit(main())
