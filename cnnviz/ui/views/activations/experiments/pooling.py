"""Global average pooling: the last maps become their means, and these times the weights of a class its logit."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.script import PHOTO, call, script
from cnnviz.ui.views.activations.experiments import side_by_side
from cnnviz.ui.views.equation import decimals
from cnnviz.ui.widgets import controls, show

if TYPE_CHECKING:
    from cnnviz.inference.pooled_head import PooledHead
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

LISTED = 6  # channels of the head that are listed


def pooling(engine: Engine, key: str, photo: Photo, layer: str, channel: int) -> dict[str, object]:
    """Each map of the last layer becomes its mean, and the means times the weights of a class its logit."""
    said = show.asked("head class", partial(engine.predict, key, photo, 1_000_000))
    if said is None:
        return {}
    labels, likely = {p.index: p.label for p in said}, [p.index for p in said[:LISTED]]
    of = engine.model(key).labels or key
    target = controls.pick("Class", "head-class", [*labels], likely[0], parse=int, words=labels.__getitem__, of=of)
    found = show.asked("head", partial(engine.pooled_head, key, photo, target), "Running the network")
    view: dict[str, object] = {"head-class": target}
    if found is None:
        return view
    single = engine.model(key).single_logit
    name = f"logit (above 0: {labels[1]})" if single else f"logit of {labels[target]}"
    shape = " × ".join(map(str, found.maps.shape))
    show.say(f"{found.layer} ({shape}): {found.words}." if found.kind != "hidden" else f"{found.layer}: {found.words}.")
    if found.kind == "other":
        return view
    order = found.order if found.kind != "hidden" else np.argsort(-found.means, kind="stable")
    some = order[:LISTED] if found.kind != "direct" else np.array(likely)
    limit = float(np.abs(found.maps).max()) or 1.0
    drawn = [picture.diverging(found.maps[c], limit) for c in some]
    st.html(_head_table(found, some, drawn, labels, name))
    if found.kind == "hidden":
        show.say("Layers with a non-linearity follow, so that no channel has one weight for a class.")
    side_by_side.take(
        "pooling", photo, key, [found.layer, labels[target]], drawn,
        {"means": found.means, "weights": found.weights} if found.kind == "linear" else {"means": found.means},
        script(
            f"head = {call('engine.pooled_head', key, PHOTO, target)}",
            "print(head.words, head.means, head.products.sum() + head.bias, head.logit)",
            engine=True, opening=show.opening(photo),
        ),
        view,
    )  # fmt: skip
    return view


def _head_table(
    found: PooledHead, some: np.ndarray, drawn: Sequence[np.ndarray], labels: Mapping[int, str], name: str
) -> str:
    """One row a channel: its map, its mean, times the weight of the class, equals the product; below it the sum."""
    products = found.products
    digits = decimals(float(max(np.abs(products).max(), np.abs(found.means).max(), abs(found.logit))))
    rows = []

    def written(value: float) -> str:
        return show.minus(f"{value:.{digits}f}")

    for channel, pixels in zip(some.tolist(), drawn, strict=True):
        called = labels[channel] if found.kind == "direct" else f"channel {channel}"
        image = f'<img src="{picture.address(show.pixelated(pixels, 96), 90)}" alt="Map of {html.escape(called)}">'
        cells = [html.escape(called), image, f"mean {written(found.means[channel])}"]
        if found.kind == "linear":
            cells += [f"× {written(found.weights[channel])}", f"= {side_by_side.signed(products[channel], digits)}"]
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    if found.kind == "linear":
        rest = float(products.sum() - products[some].sum())
        for words, value in ((f"{len(products) - len(some)} more channels", rest), ("bias", found.bias)):
            rows.append(f'<td colspan="4">{words}</td><td>{side_by_side.signed(value, digits)}</td>')
        rows.append(f'<th colspan="4">{html.escape(name)}</th><th>{written(found.logit)}</th>')
    elif found.kind == "hidden":
        rows.append(f'<td colspan="3">{len(products) - len(some)} more channels</td>')
        rows.append(f'<th colspan="2">{html.escape(name)}</th><th>{written(found.logit)}</th>')
    return f'<table class="cv-head">{"".join(f"<tr>{one}</tr>" for one in rows)}</table>'
