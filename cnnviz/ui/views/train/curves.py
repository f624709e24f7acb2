"""The curves of training runs, as charts that redraw in a tenth of a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from cnnviz.train import interval
from cnnviz.train.run import Run
from cnnviz.ui.views.train import solved_plan
from cnnviz.ui.widgets import show, tables

POINTS = 400  # of a curve on the screen
HEIGHT, TALL = 300, 440  # px, on a desk and on a stage
STACKED = 330  # px, of two charts on a stage, one above the other
LAST, LATEST = 3, 100  # epochs in the table, on a stage and on a desk
COLUMNS = (  # of that table: what the events call it, in words, and its form
    ("epoch", "epoch", "{}"),
    ("train_loss", "train loss", "{:.4f}"),
    ("valid_loss", "validation loss", "{:.4f}"),
    ("seconds", "seconds", "{:.1f}"),
    ("error_rate", "error", "{:.1%}"),
    ("accuracy", "accuracy", "{:.1%}"),
)
TYPE, HALL = 12, 24  # px of the letters
ROW = 1.7  # of the legend, in letters
COLOURS = ("#3b7dd8", "#d9822b", "#3a9d6b", "#b0559d", "#8a8f98", "#c74440")


def smooth(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """The exponential moving average, unbiased at its start."""
    kept, out = 0.0, []
    for i, value in enumerate(values, start=1):
        kept = weight * kept + (1 - weight) * value
        out.append(kept / (1 - weight**i))
    return out


def height() -> int:
    """Of a chart, px."""
    return TALL if show.presenting() else HEIGHT


def losses(run: Run, weight: float, tall: int | None = None) -> None:
    """Loss on train over steps and on val over epochs, each raw, and smoothed by `weight` in 0..1."""
    steps, epochs = run.of("step"), run.of("epoch")
    train = _pair("train", [(e["epoch"], e["loss"]) for e in steps], COLOURS[0], weight)
    val = _pair("validation", [(e["epoch"], e["valid_loss"]) for e in epochs], COLOURS[1], weight, dots=True)
    lines = [*train, *val] if epochs else train
    _chart(lines, "loss", f"loss-{run.id}", f"Loss of run {run.id} over {len(epochs)} epochs", tall=tall)


def accuracies(run: Run, weight: float, tall: int | None = None) -> None:
    """Accuracy on train and val over epochs, each raw, and smoothed by `weight` in 0..1."""
    epochs = run.of("epoch")
    train = _pair("train", [(e["epoch"], e["train_accuracy"]) for e in epochs], COLOURS[0], weight, dots=True)
    val = _pair("validation", [(e["epoch"], e["accuracy"]) for e in epochs], COLOURS[1], weight, dots=True)
    _chart(
        [*train, *val],
        "accuracy",
        f"accuracy-{run.id}",
        f"Accuracy of run {run.id} over {len(epochs)} epochs",
        tall=tall,
    )


def epochs(run: Run) -> None:
    """The numbers of each epoch, the last one first, and as a file; on a stage, of the last alone.

    A solved head has one row and is of no epoch.
    """
    done = run.of("epoch")
    if not done:
        return
    few = LAST if show.presenting() else LATEST
    count = (run.last("start") or run.last("resume")).get("val", 0)
    columns = COLUMNS[1:] if solved_plan.solves(run) else COLUMNS
    rows = [
        [*(form.format(e[key]) for key, _, form in columns), interval.words(e["accuracy"], count)]
        for e in done[: -few - 1 : -1]
    ]
    alt = "Loss and accuracy of the solved head" if solved_plan.solves(run) else "Epochs, the last one first"
    tables.table([*(words for _, words, _ in columns), "95% interval"], rows, alt)
    keys, what = [key for key, _, _ in columns], "head" if solved_plan.solves(run) else "epochs"
    tables.take_csv(f"{what.title()} as CSV", f"{run.id}-{what}", keys, [[e[key] for key in keys] for e in done])


def compared(runs: Sequence[Run], key: str, what: str) -> None:
    """One number of each epoch, such as valid_loss, over epochs: one curve for each run."""
    lines = [
        _line(run.id, [(e["epoch"], e[key]) for e in run.of("epoch")], COLOURS[i % len(COLOURS)], 2.5, dots=True)
        for i, run in enumerate(runs)
    ]
    _chart(lines, what, f"compared-{key}", f"{what} of {len(runs)} runs over epochs")


def _pair(
    name: str, raw: Sequence[tuple[float, float]], colour: str, weight: float, dots: bool = False
) -> list[dict[str, Any]]:
    """A curve as it is; where it is smoothed, faint, with the smoothed one over it."""
    if not weight:
        return [_line(name, _thin(raw), colour, 2, dots=dots)]
    soft = list(zip([x for x, _ in raw], smooth([y for _, y in raw], weight), strict=True))
    return [
        _line(name, _thin(raw), colour, 1.5, 0.6, dots),
        _line(f"{name}, smoothed", _thin(soft), colour, 2.5),
    ]


def rates(points: Sequence[tuple[float, float]], chosen: float | None) -> None:
    """Smoothed loss over the learning rate on a logarithmic axis, with the suggestion marked."""
    lines = [_line("loss", points, COLOURS[0], 2.5)]
    if chosen:
        on = min(points, key=lambda point: abs(np.log(point[0] / chosen)))[1]
        low = min(loss for _, loss in points)
        lines.append(_line(f"suggested {chosen:.1e}", [(chosen, on), (chosen, low)], COLOURS[1], 2, dots=True))
    _chart(lines, "loss", "rate-chart", f"Loss over the learning rate; suggested {chosen}", "log", "learning rate")


def over_l2(run: Run, stacked: bool = False) -> None:
    """Loss and accuracy of the images left out over the L2 weight of the linear head, the chosen weight marked."""
    points, chosen = {e["l2"]: e for e in run.of("l2")}, run.last("head").get("l2")
    places = [st.container(), st.container()] if stacked else st.columns(2, gap="large")
    for column, key in zip(places, ("loss", "accuracy"), strict=True):
        lines = [_line("cross-validation", [(l2, e[key]) for l2, e in points.items()], COLOURS[0], 2.5, dots=True)]
        if chosen is not None and chosen in points:
            ends = [pick(e[key] for e in points.values()) for pick in (min, max)]
            lines.append(_line(f"chosen {chosen:g}", [(chosen, end) for end in ends], COLOURS[1], 2))
        words = f"Cross-validated {key} of run {run.id} over the L2 weight; chosen {chosen}"
        with column:
            _chart(lines, key, f"l2-{key}-{run.id}", words, "log", "L2 weight", STACKED if stacked else None)


def reliability(name: str, found: dict[str, Any]) -> None:
    """Accuracy over confidence, as trained and with the temperature, beside the diagonal of a calibrated network."""
    lines = [_line("calibrated", [(0, 0), (1, 1)], COLOURS[4], 1.5)]
    scaled = f"temperature {found['temperature']:.2f}"
    for i, (words, key) in enumerate((("as trained", "bins"), (scaled, "scaled_bins"))):
        lines.append(_line(words, [(c, a) for c, a, _ in found[key]], COLOURS[i], 2.5, dots=True))
    alt = f"Reliability diagram; expected calibration error {found['error']:.1%}"
    _chart(lines, "accuracy", f"reliability-{name}", alt, under="confidence")


def roc(name: str, found: dict[str, Any], positive: str) -> None:
    """True over false positives of two classes, beside the diagonal of chance."""
    lines = [
        _line("chance", [(0, 0), (1, 1)], COLOURS[4], 1.5),
        _line(f"positive: {positive}", [(f, t) for f, t in found["points"]], COLOURS[0], 2.5),
    ]
    alt = f"ROC curve of {positive}; area {found['area']:.3f}"
    _chart(lines, "true positives", f"roc-{name}", alt, under="false positives")


def _line(
    name: str,
    points: Sequence[tuple[float, float]],
    colour: str,
    width: float,
    opacity: float = 1.0,
    dots: bool = False,
) -> dict[str, Any]:
    """A curve; the legend draws it as the chart does, with points where it has some."""
    return {
        "type": "line",
        "name": name,
        "data": [[round(x, 8), round(y, 6)] for x, y in points if math.isfinite(y)],
        "symbol": "circle" if dots else "none",
        "symbolSize": 9 if show.presenting() else 6,
        "lineStyle": {"width": width * (1.6 if show.presenting() else 1), "opacity": opacity, "color": colour},
        "itemStyle": {"color": colour, "opacity": opacity},
        "animation": False,
    }


def _chart(
    lines: list[dict[str, Any]],
    what: str,
    key: str,
    alt: str,
    axis: str = "value",
    under: str = "epoch",
    tall: int | None = None,
) -> None:
    size = HALL if show.presenting() else TYPE
    words = {"nameTextStyle": {"fontSize": size}, "axisLabel": {"fontSize": size, "hideOverlap": True}}
    legends = _legends(lines, size)
    spec = {
        "xAxis": {
            "type": axis,
            "name": under,
            "nameLocation": "middle",
            "nameGap": 2 * size,
            "scale": axis != "value",
            **words,
        },
        "yAxis": {"type": "value", "name": what, "scale": True, **words},
        "legend": legends,
        "tooltip": {"trigger": "axis"},
        "grid": {"left": 8, "right": 18, "top": (0.6 + ROW * len(legends)) * size, "bottom": size / 4},
        "series": lines,
        "animation": False,
    }
    st.echarts_chart(spec, height=tall or height(), key=key, alt=alt)


def _legends(lines: Sequence[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """The legend in rows: a curve and the smoothed one beside each other, other curves in one; none for one curve."""
    named = {line["name"]: line for line in lines}
    pairs = [[line, named[soft]] for name, line in named.items() if (soft := f"{name}, smoothed") in named]
    rows = pairs or ([list(lines)] if len(lines) > 1 else [])
    how = {"textStyle": {"fontSize": size}, "itemWidth": 2 * size, "itemHeight": 0.7 * size, "show": True}
    return [{"top": ROW * size * i, "data": [_entry(line, size) for line in row], **how} for i, row in enumerate(rows)]


def _entry(line: dict[str, Any], size: int) -> dict[str, Any]:
    """A curve in the legend, as thick as in the chart; ECharts itself gives a point also to a curve that has none."""
    if line["symbol"] != "none":
        return {"name": line["name"]}
    return {"name": line["name"], "icon": f"path://M0 0h{2 * size}v{line['lineStyle']['width']}h-{2 * size}z"}


def _thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most POINTS of them, evenly."""
    if len(points) <= POINTS:
        return list(points)
    return [points[int(i)] for i in np.linspace(0, len(points) - 1, POINTS)]
