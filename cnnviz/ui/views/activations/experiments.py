"""Experiments of the lectures on the network and the photo at hand: skip connections, pooling, a shifted photo."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.script import PHOTO, Name, call, script
from cnnviz.ui.session import current
from cnnviz.ui.views import numbers
from cnnviz.ui.views.equation import decimals
from cnnviz.ui.widgets import controls, show
from cnnviz.ui.widgets.file_name import KEYS, file_name

if TYPE_CHECKING:
    from cnnviz.inference.pooled_head import PooledHead
    from cnnviz.inference.translation import Shift, Translation
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

STYLE = Path(__file__).with_name("experiments.css")
MAP = 240  # px, the side of a map
LISTED = 6  # channels of the head that are listed
TITLES = {
    "none": "No experiment",
    "skip": "Skip connection",
    "pooling": "Global average pooling",
    "shift": "Translation",
}


def chosen(stage: bool) -> str:
    """The experiment that is shown: a key of `TITLES`."""
    if stage:
        return controls.pick("Experiment", "experiment", list(TITLES), "none", words=TITLES.__getitem__)
    return controls.switch("Experiment", "experiment", list(TITLES), "none", words=TITLES.__getitem__)


def experiment(which: str, engine: Engine, key: str, photo: Photo, layer: str, channel: int) -> None:
    """The experiment that was chosen, with its numbers, link and lines of Python."""
    st.html(f"<style>{STYLE.read_text()}</style>")
    if which == "skip":
        skip_connection(engine, key, photo, layer, channel)
    elif which == "pooling":
        pooling(engine, key, photo)
    elif which == "shift":
        translation(engine, key, photo, layer, channel)


def skip_connection(engine: Engine, key: str, photo: Photo, layer: str, channel: int) -> None:
    """Branch plus skip connection equals their sum, for one channel of a layer."""
    layers = show.asked("skip layers", partial(engine.skip_layers, key))
    if layers is None:
        return
    if not layers:
        show.say(
            "This network has no skip connections: no layer adds an earlier feature map to its own output. "
            "ResNet, MobileNet V2 and EfficientNet have them."
        )
        return
    nearest = layer if layer in layers else layers[0]
    at = controls.pick("Layer with a skip connection", "skip-at", layers, nearest, of=engine.model(key).fingerprint)
    found = show.asked("skip", partial(engine.skip_connection, key, photo, at), "Running the network")
    if found is None:
        return
    channel = min(channel, len(found.sum_maps) - 1)
    maps = [found.branch_maps[channel], found.skip_maps[channel], found.sum_maps[channel]]
    limit = max(float(np.abs(one).max()) for one in maps) or 1.0
    spot = np.unravel_index(int(np.abs(maps[2]).argmax()), maps[2].shape)
    place = int(spot[0]), int(spot[1])
    values = [float(one[place]) for one in maps]
    digits = decimals(max(map(abs, values)))
    how = "passed on unchanged" if found.identity else "through layers of its own"
    titles = [f"Branch: {found.branch}", f"Skip connection: {found.skip}, {how}", f"Sum: {found.layer}"]
    drawn = [picture.diverging(one, limit) for one in maps]
    row(titles, drawn, [numbers_of(one) for one in maps], ["+", "="])
    after = f"; {found.activation} follows: {max(values[2], 0):.{digits}f}" if found.activation == "ReLU" else ""
    show.say(
        f"Channel {channel} at row {place[0]}, column {place[1]}: {values[0]:.{digits}f} {_signed(values[1], digits)} "
        f"= {values[2]:.{digits}f}{after}. One colour scale for all three, ±{limit:.4g}."
    )
    _take(
        "skip", photo, key, [at, f"channel-{channel}"], drawn,
        {"branch": found.branch_maps, "skip": found.skip_maps, "sum": found.sum_maps},
        script(
            f"found = {call('engine.skip_connection', key, PHOTO, at)}",
            f"maps = [m[{channel}] for m in (found.branch_maps, found.skip_maps, found.sum_maps)]",
            f"pixels = [cnnviz.picture.diverging(m, {limit!r}) for m in maps]",
            engine=True, opening=show.opening(photo),
        ),
        {"skip-at": at, "layer": layer, "channel": channel},
    )  # fmt: skip


def pooling(engine: Engine, key: str, photo: Photo) -> None:
    """Each map of the last layer becomes its mean, and the means times the weights of a class its logit."""
    said = show.asked("head class", partial(engine.predict, key, photo, 1_000_000))
    if said is None:
        return
    labels, likely = {p.index: p.label for p in said}, [p.index for p in said[:LISTED]]
    of = engine.model(key).labels or key
    target = controls.pick("Class", "head-class", [*labels], likely[0], parse=int, words=labels.__getitem__, of=of)
    found = show.asked("head", partial(engine.pooled_head, key, photo, target), "Running the network")
    if found is None:
        return
    single = engine.model(key).single_logit
    name = f"logit (above 0: {labels[1]})" if single else f"logit of {labels[target]}"
    shape = " × ".join(map(str, found.maps.shape))
    show.say(f"{found.layer} ({shape}): {found.words}." if found.kind != "hidden" else f"{found.layer}: {found.words}.")
    if found.kind == "other":
        return
    order = found.order if found.kind != "hidden" else np.argsort(-found.means, kind="stable")
    some = order[:LISTED] if found.kind != "direct" else np.array(likely)
    limit = float(np.abs(found.maps).max()) or 1.0
    drawn = [picture.diverging(found.maps[c], limit) for c in some]
    st.html(_head_table(found, some, drawn, labels, name))
    if found.kind == "hidden":
        show.say("Layers with a non-linearity follow, so that no channel has one weight for a class.")
    _take(
        "pooling", photo, key, [found.layer, labels[target]], drawn,
        {"means": found.means, "weights": found.weights} if found.kind == "linear" else {"means": found.means},
        script(
            f"head = {call('engine.pooled_head', key, PHOTO, target)}",
            "print(head.words, head.means, head.products.sum() + head.bias, head.logit)",
            engine=True, opening=show.opening(photo),
        ),
        {"head-class": target},
    )  # fmt: skip


def translation(engine: Engine, key: str, photo: Photo, layer: str, channel: int) -> None:
    """The photo is shifted: the map of a channel shifts along, the vector of means stays."""
    from cnnviz.inference.translation import MEAN, WRAP, Shift  # brings in torch, which is here by now

    half = min(256, engine.model(key).input_size[2] // 2)  # as far as a `Shift` goes
    one, two, three = st.columns([1, 1, 1.2], gap="medium")
    with one:
        dx = controls.slide("Shift right, px", "dx", -half, half, min(32, half), 1)
    with two:
        dy = controls.slide("Shift down, px", "dy", -half, half, 0, 1)
    with three:
        border = controls.switch("What moves in", "border", [WRAP, MEAN], WRAP,
                                 words={WRAP: "Opposite edge", MEAN: "Mean colour"}.__getitem__)  # fmt: skip
    shift = Shift(dx, dy, border)
    found = show.asked("shift", partial(engine.translation, key, photo, layer, shift), "Running the network")
    if found is None:
        return
    channel = min(channel, len(found.before.maps) - 1)
    limit = max(float(np.abs(one.maps[channel]).max()) for one in (found.before, found.after)) or 1.0
    maps = [picture.diverging(one.maps[channel], limit) for one in (found.before, found.after)]
    drawn = [found.before.seen, found.after.seen, *maps]
    peaks = [f"maximum at row {y}, column {x}" for y, x in found.peaks[:, channel].tolist()]
    row(
        ["Photo", "Shifted photo", f"Channel {channel}", f"Channel {channel}, shifted"],
        drawn,
        ["", "", *peaks],
        ["→", "", "→"],
    )
    known = numbers.receptive(engine, key, layer)
    _shift_numbers(found, channel, shift, known.jump if known is not None else 0)
    _take(
        "shift", photo, key, [layer, f"channel-{channel}", f"{dx}-{dy}"], drawn,
        {"before": found.before.maps, "after": found.after.maps},
        script(
            f"shift = {call('Shift', dx, dy, border)}",
            f"found = {call('engine.translation', key, PHOTO, layer, Name('shift'))}",
            f"print(found.moved({channel}), found.cosine, found.largest)",
            imports=("import cnnviz", "from cnnviz.inference.translation import Shift"),
            engine=True, opening=show.opening(photo),
        ),
        {"dx": dx, "dy": dy, "border": border, "layer": layer, "channel": channel},
    )  # fmt: skip


def _shift_numbers(found: Translation, channel: int, shift: Shift, jump: int) -> None:
    down, right = found.moved(channel)
    stride = f" (total stride {jump} px: {shift.dy / jump:g}, {shift.dx / jump:g} expected)" if jump else ""
    show.facts(
        {
            "Shift of the photo (down, right)": f"{shift.dy}, {shift.dx} px",
            "Shift of the map's maximum (down, right)": f"{down}, {right}{stride}",
            "Cosine similarity of the pooled vectors": f"{found.cosine:.6f}",
            "Largest change of a mean": f"{found.largest:.3g} ({found.share:.1%} of the largest mean)",
        }
    )


def row(titles: Sequence[str], drawn: Sequence[np.ndarray], notes: Sequence[str], signs: Sequence[str]) -> None:
    """Pictures of one size side by side, with what stands between them."""
    parts = []
    for i, (title, pixels, note) in enumerate(zip(titles, drawn, notes, strict=True)):
        if i:
            parts.append(f"<b>{html.escape(signs[i - 1])}</b>")
        large = show.pixelated(pixels, MAP) if len(pixels) < MAP else pixels
        words = html.escape(title)
        parts.append(
            f'<figure><figcaption>{words}</figcaption><img src="{picture.address(large, 92)}" alt="{words}">'
            f"<small>{html.escape(note)}</small></figure>"
        )
    st.html(f'<div class="cv-row-of" style="--n:{len(drawn)}">{"".join(parts)}</div>')


def numbers_of(values: np.ndarray) -> str:
    """Lowest, mean and highest of a map."""
    return f"lowest {values.min():.4g}, mean {values.mean():.4g}, highest {values.max():.4g}"


def _head_table(
    found: PooledHead, some: np.ndarray, drawn: Sequence[np.ndarray], labels: Mapping[int, str], name: str
) -> str:
    """One row a channel: its map, its mean, times the weight of the class, equals the product; below it the sum."""
    products = found.products
    digits = decimals(float(max(np.abs(products).max(), np.abs(found.means).max(), abs(found.logit))))
    rows = []
    for channel, pixels in zip(some.tolist(), drawn, strict=True):
        called = labels[channel] if found.kind == "direct" else f"channel {channel}"
        image = f'<img src="{picture.address(show.pixelated(pixels, 96), 90)}" alt="Map of {html.escape(called)}">'
        cells = [html.escape(called), image, f"mean {found.means[channel]:.{digits}f}"]
        if found.kind == "linear":
            cells += [f"× {found.weights[channel]:.{digits}f}", f"= {_signed(products[channel], digits)}"]
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    if found.kind == "linear":
        rest = float(products.sum() - products[some].sum())
        for words, value in ((f"{len(products) - len(some)} more channels", rest), ("bias", found.bias)):
            rows.append(f'<td colspan="4">{words}</td><td>{_signed(value, digits)}</td>')
        rows.append(f'<th colspan="4">{html.escape(name)}</th><th>{found.logit:.{digits}f}</th>')
    elif found.kind == "hidden":
        rows.append(f'<td colspan="3">{len(products) - len(some)} more channels</td>')
        rows.append(f'<th colspan="2">{html.escape(name)}</th><th>{found.logit:.{digits}f}</th>')
    return f'<table class="cv-head">{"".join(f"<tr>{one}</tr>" for one in rows)}</table>'


def _signed(value: float, digits: int) -> str:
    return f"{'−' if value < 0 else '+'} {abs(value):.{digits}f}"


def _take(
    name: str, photo: Photo, key: str, words: Sequence[str], drawn: Sequence[np.ndarray],
    arrays: dict[str, np.ndarray], lines: str, view: dict[str, object],
) -> None:  # fmt: skip
    """The pictures as they stand side by side, their numbers, link and Python."""

    def whole() -> np.ndarray:
        large = [show.pixelated(one, MAP) if len(one) < MAP else one for one in drawn]
        high = max(map(len, large))
        return np.concatenate(
            [np.pad(one, ((0, high - len(one)), (0, 12), (0, 0)), constant_values=255) for one in large], axis=1
        )

    read: dict[str, Callable[[], np.ndarray]] = {what: partial(_same, one) for what, one in arrays.items()}
    show.take_away(
        name, picture=whole, array=read, python=lines,
        file=file_name(photo.name.rsplit(".", 1)[0], key, *words, keep=KEYS),
        link=current.link("activations", experiment=name, **view),
    )  # fmt: skip


def _same(values: np.ndarray) -> np.ndarray:
    return values
