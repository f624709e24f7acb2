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
from cnnviz.measured import measured
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
        f"How {measured(now.shown)} is computed", f"{now.source}: {now.patch.shape[0]} input channels × {size} weights"
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
    first, *later = now.steps
    if stage:
        body = f'<div class="cv-eq cv-stage">{"".join(rows)}</div>{_chain(now, named, some, digits)}'
        _written(body + _rounded([*products[some], products[rest].sum(), now.bias], first.value, digits))
        return
    if len(rest):
        rows.append(_line(f"{len(rest)} more input channel{'s' * (len(rest) > 1)}", products[rest].sum(), digits))
    if now.bias:
        rows.append(_line(f"sum of {products.size * now.patch[0].size:,} products", products.sum(), digits, "cv-total"))
        rows.append(_line("bias", now.bias, digits))
    rows.append(_line(_named(first.layer, first.kind), first.value, digits, "cv-total", sign=False))
    rows += [_line(_named(s.layer, s.kind, s.words), s.value, digits, sign=False) for s in later]
    what = f"channel {now.channel}, row {now.place[0]}, column {now.place[1]}"
    rows.append(_line(f"<b>{html.escape(now.layer)}</b>, {what}", now.shown, digits, "cv-total cv-shown", sign=False))
    note = _rounded([*products[some], products[rest].sum()], products.sum(), digits) or _rounded(
        [products.sum(), now.bias], first.value, digits
    )
    _written(f'<div class="cv-equation"><div class="cv-eq">{"".join(rows)}</div></div>{note}', now.patch.shape[-1])


def _written(body: str, side: int = 3) -> None:
    """The equation with its look; where patch, kernel and products of that `side` have no room beside, they wrap."""
    look = STYLE.read_text()
    st.html(f"<style>{look.replace('620px', '900px') if 3 < side <= WRITTEN**0.5 else look}</style>{body}")


def _rounded(terms: Sequence[float], total: float, digits: int) -> str:
    """A line that says what is rounded, where the terms as printed do not add up to the total as printed."""
    left = sum(round(float(term), digits) for term in terms) - round(float(total), digits)
    if abs(left) < 0.5 * 10.0**-digits:
        return ""
    return f'<p class="cv-note">Rounded to {digits} decimals: the last digits need not add up.</p>'


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
    return named + (f": {html.escape(show.minus(words))}" if words else "")


def ink(ground: np.ndarray) -> str:
    """Black or white, whichever is read better on a colour (3,) in 0..255: at 4.5:1 and more on each."""
    return "#000" if float((ground / 255) ** 2.2 @ np.array([0.2126, 0.7152, 0.0722])) > 0.18 else "#fff"


def _figures(value: float, room: int) -> str:
    """Three figures of a number, or as many as leave it no more than `room` letters."""
    ways = [measured(value, figures) for figures in (3, 2, 1)]
    return next((text for text in ways if len(text) <= room), ways[-1])


def _cells(values: np.ndarray, stage: bool, colour_map: str = picture.ACTIVATION) -> str:
    """A k x k table of numbers, coloured around zero."""
    reach = float(np.abs(values).max()) or 1.0
    colours = picture.diverging(values, reach, colour_map)
    cells = []
    for value, ground in zip(values.flat, colours.reshape(-1, 3), strict=True):
        text = _figures(float(value), 5 if stage else 9) if values.size <= WRITTEN else ""
        style = f"background:rgb({ground[0]},{ground[1]},{ground[2]});color:{ink(ground)}"
        cells.append(f'<u style="{style}">{text}</u>')
    small = " cv-small" if values.size > WRITTEN else ""
    return f'<span class="cv-kernel{small}" style="--k:{values.shape[1]}">{"".join(cells)}</span>'
