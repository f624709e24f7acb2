"""The backward pass of one filter: input, kernel, output, target, loss, gradients, new kernel, as grids of numbers."""

from __future__ import annotations

import csv
import html
import io
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.measured import measured
from cnnviz.signal import backward
from cnnviz.signal.backward import Step
from cnnviz.signal.kernels import KERNELS
from cnnviz.ui.session import current
from cnnviz.ui.session.link import linked, note
from cnnviz.ui.views.equation import ink
from cnnviz.ui.widgets import controls, show

MOST = 1000  # steps
NAMED = {name: kernel.title for name, kernel in KERNELS.items() if len(kernel.rows) == 3}
RATES = [0.01, 0.03, 0.1, 0.3, 1.0]
STYLE = """<style>
.cv-pass { display: flex; flex-wrap: wrap; align-items: center; gap: 0.35rem 0.7rem; margin: 0; }
.cv-pass figure { margin: 0; } .cv-pass figcaption { font-size: 0.84rem; opacity: 0.75; white-space: nowrap; }
.cv-pass table { border-collapse: separate; border-spacing: 1px; margin: 0; font-variant-numeric: tabular-nums; }
.cv-pass td { width: 3.5rem; height: 1.75rem; padding: 0; text-align: center; font-size: 0.9rem; border: 0; }
.cv-pass .cv-sign { font-size: 1.6rem; opacity: 0.8; }
.cv-pass b { font-size: 1.25rem; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) { .cv-pass td { width: 2.7rem; height: 1.5rem; font-size: 0.76rem; } }
.cv-hall .cv-pass td { width: 2.65em; height: 1.45em; }
.cv-hall .cv-pass { gap: 0.3rem 0.6rem; }
.cv-hall { font-size: clamp(24px, min(1.9vw, 3.3vh), 44px); }
.cv-hall .cv-pass :is(td, figcaption, .cv-sign, b) { font-size: 1em; }
</style>"""


def settings() -> None:
    """Input, kernels and learning rate, folded away; then the steps."""
    with st.popover("Input, kernels, rate", icon=":material/tune:", key="pass-ask"):
        titles = {name: title for name, (title, _) in backward.IMAGES.items()}
        how: dict[str, Any] = {"on_change": _begin_anew}
        controls.pick("Input", "bp-image", list(titles), "noise", words=titles.__getitem__, **how)
        controls.pick("Kernel at first", "bp-kernel", list(NAMED), "identity", words=NAMED.__getitem__, **how)
        controls.pick("Target: output of", "bp-target", list(NAMED), "sobel_x", words=NAMED.__getitem__, **how)
        controls.pick("Learning rate", "bp-rate", RATES, 0.1, parse=float, words="{:g}".format, **how)
    linked("bp-steps", 0, range(MOST + 1).__contains__, int)
    st.button("Step", type="primary", on_click=_go, args=(1,), key="bp-one")
    st.button("10 steps", on_click=_go, args=(10,), key="bp-ten")
    st.button("Reset", type="tertiary", on_click=_begin_anew, key="bp-reset")
    note("bp-steps", 0)


def draw(link: dict[str, str]) -> None:
    """The step at hand; `link` is what the page's link says beside its settings."""
    # compute
    asked = {f"bp-{key}": st.session_state[f"bp-{key}"] for key in ("image", "kernel", "target", "rate", "steps")}
    name, first, goal, rate, count = asked.values()
    image, kernel, wanted = backward.IMAGES[name][1](), KERNELS[first].weights, KERNELS[goal].weights
    steps = backward.descent(image, kernel, backward.correlate(image, wanted), rate, count)
    diverged, count = len(steps) <= count, len(steps) - 1

    # show
    st.html(STYLE + grids(image, steps[-1], rate, count, (NAMED[first], NAMED[goal])))
    if diverged:
        show.say(f"Gradient descent diverges at this learning rate: step {count + 1} is the last that is shown.")
    if not show.presenting():
        show.say(in_words(image, steps[-1]))
    file = f"backward-pass_{first}_to_{goal}_step-{count + 1}"
    with st.container(horizontal=True, gap="small"):
        if not show.presenting():
            st.download_button(
                "CSV", lambda: losses(steps), f"{file}.csv", "text/csv", key="csv-pass", icon=":material/download:",
                on_click="ignore", help="The loss and the kernel before each step",
            )  # fmt: skip
        with st.container(width="content"):
            show.take_away(
                "backward-pass",
                array={
                    "gradient": lambda: steps[-1].d_kernel,
                    "kernels": lambda: np.stack([*(one.kernel for one in steps), steps[-1].after]),
                },
                python=backward.as_pytorch(image, kernel, wanted, rate, count),
                link=current.link("convolution", **link, **asked),
                file=file,
            )


def grids(image: np.ndarray, one: Step, rate: float, count: int, names: tuple[str, str]) -> str:
    """The step as HTML: forward, backward, and the new kernel; `names` are those of the first kernel and the target."""
    now = f"Kernel: {names[0]}" if not count else f"Kernel after {count} step{'s' if count > 1 else ''}"
    most = float(max(np.abs(one.output).max(), np.abs(one.target).max()))
    weight = float(max(np.abs(one.kernel).max(), np.abs(one.after).max()))
    flow = picture.ACTIVATION
    lines = (
        (
            _grid("Input", image, picture.INPUT, 1), "⋆", _grid(now, one.kernel, picture.WEIGHT, weight),
            "=", _grid("Output", one.output, flow, most), "", _grid(f"Target: {names[1]}", one.target, flow, most),
            "", _loss(f"Loss before step {count + 1}", one.loss),
        ),
        (
            _grid("∂L/∂output = 2 (output − target) / 9", one.d_output, flow), "",
            _grid("∂L/∂kernel = input ⋆ ∂L/∂output", one.d_kernel, picture.WEIGHT), "",
            _grid(f"New kernel = kernel − {rate:g} · ∂L/∂kernel", one.after, picture.WEIGHT, weight),
            "", _loss(f"Loss after step {count + 1}", one.after_loss),
        ),
    )  # fmt: skip
    signed = (
        "".join(
            part if part.startswith("<") else f'<span class="cv-sign">{part}</span>' if part else "" for part in line
        )
        for line in lines
    )
    hall = ' class="cv-hall"' if show.presenting() else ""
    return f"<div{hall}>{''.join(f'<div class=cv-pass>{line}</div>' for line in signed)}</div>"


def in_words(image: np.ndarray, one: Step) -> str:
    """One entry of the gradient, written out: where its numbers come from."""
    rows, columns = one.d_output.shape
    terms = (
        f"{v:.1f}·({_short(g)})" for v, g in zip(image[:rows, :columns].ravel(), one.d_output.ravel(), strict=True)
    )
    return (
        f"⋆ is cross-correlation. The gradient’s first entry is the input’s upper left {rows} × {columns} pixels times "
        f"∂L/∂output, summed: {' + '.join(terms)} = {_short(one.d_kernel[0, 0])}. Loss: mean squared error."
    )


def losses(steps: list[Step]) -> bytes:
    """A CSV file with a row for each step: its number, the loss before it, and the kernel before it."""
    file = io.StringIO()
    writer = csv.writer(file)
    k = len(steps[0].kernel)
    writer.writerow(["step", "loss", *(f"kernel {i + 1},{j + 1}" for i in range(k) for j in range(k))])
    for at, one in enumerate(steps, start=1):
        writer.writerow([at, one.loss, *one.kernel.ravel().tolist()])
    return file.getvalue().encode()


def _begin_anew() -> None:
    st.session_state["bp-steps"] = 0


def _go(count: int) -> None:
    st.session_state["bp-steps"] = min(MOST, st.session_state["bp-steps"] + count)


def _short(value: float) -> str:
    return f"{value:.3f}".replace("-0.000", "0.000").replace("-", "−") if abs(value) < 1000 else f"{value:.1e}"


def _grid(title: str, values: np.ndarray, colours: str, most: float | None = None) -> str:
    """A table of numbers on their colours; `most` is the value at the end of the colours."""
    reach = most or float(np.abs(values).max()) or 1.0
    at = values / reach if colours == picture.INPUT else 0.5 + values / (2 * reach)
    painted = picture.colourise(np.clip(at, 0, 1).astype(np.float32), colours)
    places = 1 if colours == picture.INPUT else 2 if show.presenting() else 3

    def cell(value: float, colour: np.ndarray) -> str:
        red, green, blue = map(int, colour)
        text = f"{value:.{places}f}" if abs(value) < 1000 else f"{value:.0e}"
        text = text.replace("-", "−") if float(text) else text.removeprefix("-")
        return f'<td style="background:rgb({red},{green},{blue});color:{ink(colour)}">{text}</td>'

    rows = (
        f"<tr>{''.join(cell(v, c) for v, c in zip(*row, strict=True))}</tr>"
        for row in zip(values, painted, strict=True)
    )
    name = html.escape(title)
    return f'<figure><figcaption>{name}</figcaption><table aria-label="{name}">{"".join(rows)}</table></figure>'


def _loss(title: str, value: float) -> str:
    return f"<figure><figcaption>{html.escape(title)}</figcaption><b>{measured(value, 4)}</b></figure>"
