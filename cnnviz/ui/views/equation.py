"""How one number of a feature map is computed, as an equation: patch times weights, sums below each other."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    from cnnviz.attribution.arithmetic import Arithmetic

STYLE = Path(__file__).with_name("equation.css")
COLOURS = ("red", "green", "blue")
SHOWN = 3  # input channels of a convolution that are spelled out; on stage, the first
WRITTEN = 25  # cells of a kernel whose numbers are written; of larger ones the colours stand alone


def equation(now: Arithmetic) -> None:
    """The products of the convolution, its bias, and what happens to the sum until it is the number shown."""
    stage = show.presenting()
    products = now.products.sum((1, 2))
    order = np.argsort(-np.abs(products), kind="stable")
    named = input_names(now)
    if named[0] in COLOURS and not stage:
        order = np.arange(len(products))
    some, rest = order[: 1 if stage else SHOWN], order[1 if stage else SHOWN :]
    size = " × ".join(map(str, now.patch.shape[1:]))
    show.section(
        f"How {now.shown:.6g} is computed", f"{now.source}: {now.patch.shape[0]} input channels × {size} weights"
    )
    sums = [
        *products[some],
        float(products[rest].sum()),
        float(products.sum()),
        now.bias,
        *(s.value for s in now.steps),
    ]
    digits = decimals(max(map(abs, sums), default=0.0))
    rows = [_row(named[i], now.patch[i], now.weights[i], now.products[i], products[i], digits, stage) for i in some]
    if stage:
        _written(f'<div class="cv-eq cv-stage">{"".join(rows)}</div>{_chain(now, named, some, digits)}')
        return
    if len(rest):
        rows.append(_line(f"{len(rest)} more input channel{'s' * (len(rest) > 1)}", products[rest].sum(), digits))
    first, *later = now.steps
    if now.bias:
        rows.append(_line(f"sum of {products.size * now.patch[0].size:,} products", products.sum(), digits, "cv-total"))
        rows.append(_line("bias", now.bias, digits))
    rows.append(_line(_named(first.layer, first.kind), first.value, digits, "cv-total", sign=False))
    rows += [_line(_named(s.layer, s.kind, s.words), s.value, digits, sign=False) for s in later]
    what = f"channel {now.channel}, row {now.place[0]}, column {now.place[1]}"
    rows.append(_line(f"<b>{html.escape(now.layer)}</b>, {what}", now.shown, digits, "cv-total cv-shown", sign=False))
    _written(f'<div class="cv-eq">{"".join(rows)}</div>')


def _written(body: str) -> None:
    st.html(f"<style>{STYLE.read_text()}</style>{body}")


def _chain(now: Arithmetic, named: Sequence[str], some: np.ndarray, digits: int) -> str:
    """The same sums in one line, for a projector: terms, their sum, and what each later layer makes of it."""
    sums = now.products.sum((1, 2))
    terms = [(float(sums[i]), named[i]) for i in some]
    if len(sums) > len(some):
        terms.append((float(sums.sum() - sums[some].sum()), f"{len(sums) - len(some)} more input channels"))
    terms += [(now.bias, "bias")] if now.bias else []
    left = " ".join(f"{value:+,.{digits}f} <small>({html.escape(words)})</small>" for value, words in terms)
    first, *later = now.steps
    steps = "".join(f" → <small>{html.escape(s.kind)}</small> <b>{s.value:,.{digits}f}</b>" for s in later)
    written = f"{left} = <b>{first.value:,.{digits}f}</b>{steps}".replace("-", "−")
    return f'<p class="cv-chain">{written}</p>'


def input_names(now: Arithmetic) -> Sequence[str]:
    """What the convolution's input channels are called: colours where its input is the photo, else their index."""
    if now.photo and len(now.inputs) == len(COLOURS):
        return COLOURS
    return [f"channel {i}" for i in now.inputs]


def decimals(largest: float) -> int:
    """How many decimals show six figures of the largest number, so that points stand below each other."""
    return 6 if not largest or not math.isfinite(largest) else min(9, max(0, 5 - math.floor(math.log10(largest))))


def _row(
    name: str, patch: np.ndarray, weights: np.ndarray, products: np.ndarray, value: float, digits: int, stage: bool
) -> str:
    """One input channel: its patch, times the weights, equals the products, and their sum."""
    cells = (_cells(patch, stage), "×", _cells(weights, stage, picture.WEIGHT), "=", _cells(products, stage))
    parts = "".join(f"<span>{cell}</span>" for cell in cells)
    return f"<em>{html.escape(name)}</em>{parts}{_number(value, digits)}"


def _line(words: str, value: float, digits: int, kind: str = "", sign: bool = True) -> str:
    return f'<em class="cv-line {kind}">{words}</em>{_number(value, digits, kind, sign)}'


def _number(value: float, digits: int, kind: str = "", sign: bool = True) -> str:
    text = f"{float(value) + 0.0:{'+' if sign else ''},.{digits}f}".replace("-", "−")
    return f'<b class="{kind}">{text}</b>'


def _named(layer: str, kind: str, words: str = "") -> str:
    named = html.escape(layer) + (f" <small>{html.escape(kind)}</small>" if kind != layer else "")
    return named + (f": {html.escape(words)}" if words else "")


def ink(ground: np.ndarray) -> str:
    """Black or white, whichever is read better on a colour (3,) in 0..255: at 4.5:1 and more on each."""
    return "#000" if float((ground / 255) ** 2.2 @ np.array([0.2126, 0.7152, 0.0722])) > 0.18 else "#fff"


def _cells(values: np.ndarray, stage: bool, colour_map: str = picture.ACTIVATION) -> str:
    """A k x k table of numbers, coloured around zero."""
    reach = float(np.abs(values).max()) or 1.0
    colours = picture.diverging(values, reach, colour_map)
    cells = []
    for value, ground in zip(values.flat, colours.reshape(-1, 3), strict=True):
        figures = 2 if stage and abs(value) < 0.1 else 3  # as many as fit
        text = f"{value + 0.0:.{figures}g}" if values.size <= WRITTEN else ""  # no "-0"
        style = f"background:rgb({ground[0]},{ground[1]},{ground[2]});color:{ink(ground)}"
        cells.append(f'<u style="{style}">{text}</u>')
    small = " cv-small" if values.size > WRITTEN else ""
    return f'<span class="cv-kernel{small}" style="--k:{values.shape[1]}">{"".join(cells)}</span>'
