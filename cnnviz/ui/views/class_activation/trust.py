"""May the map be believed: pixels taken away in its order, and weights randomised under it."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui.components import camcanvas
from cnnviz.ui.views.class_activation.evidence import THUMB, file_name, img, save, tiles
from cnnviz.ui.views.class_activation.overlay import CANVAS
from cnnviz.ui.widgets import show
from cnnviz.ui.widgets.background import patiently

if TYPE_CHECKING:
    from cnnviz.attribution.faithfulness import Faithfulness
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.attribution.masking import Erasure
    from cnnviz.attribution.sanity import Sanity
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

CLOSE = 0.02  # of insertion minus deletion: what is no difference
DONE = {"deletion": "deleted", "insertion": "inserted"}
INKS = ("#e0642f", "#3f8fd0", "#8a8a86")


def erased(engine: Engine, key: str, photo: Photo, heat: Heatmap, strokes: Sequence[Any]) -> Erasure | None:
    """The prediction with the strokes wiped away; in a sentence under the canvas, and in the buttons of classes."""
    found = show.asked("cam-erased", partial(engine.erase, key, photo, strokes, heat.target))
    words, classes = "", {}
    if found is not None:
        words = found.told
        classes = {p.index: p.label for p in found.predictions if p.index != heat.goal.versus}
        classes |= {found.target: found.label}
    camcanvas.answered(strokes, words, classes, CANVAS)
    return found


def erasing(found: Erasure) -> None:
    """The probability of the class after each stroke, over what is erased."""
    show.section("Prediction while erasing", "after each stroke")
    lines = {found.label: (found.shares * 100, found.probabilities)}
    curves(lines, "", "% of the network’s input erased", f"Probability of {found.label}")


def faithful(engine: Engine, key: str, photo: Photo, heat: Heatmap) -> None:
    """The deletion and insertion curves of the map, beside those of a map that never saw the photo."""
    mark = hashlib.blake2b(heat.raw.tobytes(), digest_size=16).hexdigest()
    of = engine.model(key).fingerprint, photo.digest, heat.goal, mark
    both = patiently(
        "cam-faithful", partial(_both_curves, engine, key, photo, heat), "Deleting and inserting pixels", of
    )
    if both is None:
        return
    own, chance = both
    show.facts(
        {
            "Insertion area": f"{own.insertion_area:.3f}",
            "Deletion area": f"{own.deletion_area:.3f}",
            "Insertion minus deletion": f"{own.gain:+.3f}",
            "Baseline: centred Gaussian": f"{chance.gain:+.3f}",
        }
    )
    for column, (name, done) in zip(st.columns(2, gap="large"), DONE.items(), strict=True):
        with column:
            lines = {
                "this map": (own.shares * 100, getattr(own, name)),
                "baseline: centred Gaussian": (chance.shares * 100, getattr(chance, name)),
            }
            across = f"% of the network’s input {done}, the highest pixels first"
            curves(lines, name.capitalize(), across, chance_of(heat))
    table = {"share": own.shares, "deletion": own.deletion, "insertion": own.insertion}
    table |= {"baseline_deletion": chance.deletion, "baseline_insertion": chance.insertion}
    lines_of = [",".join(table), *(",".join(f"{n:.6g}" for n in row) for row in zip(*table.values(), strict=True))]
    written, file = "\n".join([*lines_of, ""]).encode(), file_name(photo, heat, "faithfulness")
    with st.container(horizontal=True, gap="small"):
        save("PNG of the curves", f"{file}.png", "image/png", lambda: _charted(heat, own, chance))
        save("CSV of the curves", f"{file}.csv", "text/csv", lambda: written)
    show.say(compared(own.gain, chance.gain))
    show.say(
        "With a faithful map the probability falls early as its highest pixels are deleted, and rises early as they "
        "are inserted into a blurred photo."
    )


def compared(own: float, chance: float) -> str:
    """What insertion minus deletion says of a map beside a Gaussian in the middle, which never saw the photo."""
    if abs(own - chance) <= CLOSE:
        return "This map does about as well as the baseline, which knows nothing of the photo: no evidence for the map."
    how = "better" if own > chance else "worse"
    return f"This map does {how} than the baseline, which knows nothing of the photo."


def _charted(heat: Heatmap, own: Faithfulness, chance: Faithfulness) -> bytes:
    """The curves as PNG, with axes, areas and what they are of."""
    from cnnviz.attribution import figure
    from cnnviz.attribution.chart import Plot, chart

    plots = []
    for name, done in DONE.items():
        lines = {
            f"{which}, area under the curve {getattr(one, f'{name}_area'):.3f}": (one.shares, getattr(one, name))
            for which, one in (("this map", own), ("baseline: centred Gaussian", chance))
        }
        across = f"share of the network's input {done}, the highest pixels first"
        plots.append(Plot(name.capitalize(), across, "probability", lines))
    title = f"Faithfulness of {figure.title(heat)}"
    words = f"{chance_of(heat)}. Insertion minus deletion: {own.gain:+.3f}, of the baseline {chance.gain:+.3f}."
    return picture.encode(chart(title, plots, show.minus(words)), "png")


def _both_curves(
    engine: Engine, key: str, photo: Photo, heat: Heatmap, progress: Callable[[float], None] | None = None
) -> tuple[Faithfulness, Faithfulness]:
    """The curves of a map and of one that never saw the photo, told as one piece of work."""
    told = progress or (lambda share: None)
    own = engine.faithfulness(key, photo, heat, None, lambda share: told(share / 2))
    half, goal = (lambda share: told((1 + share) / 2)), heat.goal
    return own, engine.chance(key, photo, heat.target, None, half, versus=goal.versus, against=goal.against)


def sane(engine: Engine, key: str, photo: Photo, heat: Heatmap) -> None:
    """The map while weights are randomised, layer by layer from the top."""
    layer, goal = None if heat.layer == "input" else heat.layer, heat.goal
    question = photo, heat.target, layer, heat.method, heat.options
    ask = partial(engine.sanity, key, *question, versus=goal.versus, against=goal.against)
    of = engine.model(key).fingerprint, photo.digest, goal, layer, heat.method, heat.options
    found = patiently("cam-sane", ask, "Randomising weights", of)
    if found is None:
        return
    cells, every = [], [show.pixelated(picture.diverging(raw), THUMB) for raw in found.maps]
    for count, close, drawn in zip(found.randomised, correlated(found), every, strict=True):
        named = "as trained" if not count else f"{count} of {len(found.layers)} layers randomised"
        cells.append(
            f"<figure>{img(drawn, f'Map with {named}')}<figcaption>{named}<br>"
            f"<b>rank correlation {close}</b></figcaption></figure>"
        )
    st.html(f'<div class="cv-dial">{"".join(cells)}</div>')
    file = f"{file_name(photo, heat, 'sanity')}.png"
    save("PNG of the maps", file, "image/png", lambda: tiles(every, len(every)))
    show.say(VERDICTS[found.verdict])


def correlated(found: Sanity) -> list[str]:
    """The rank correlation of each map with the trained network's in words; there is none of a constant map."""
    why = "trained map constant" if found.constant[0] else "constant map"
    return [f"undefined ({why})" if np.isnan(close) else show.minus(f"{close:+.2f}") for close in found.correlations]


VERDICTS = {
    "changed": "The map changes with the weights, as an explanation must.",
    "partly": "The map keeps part of its pattern while weights are random: some of it shows edges of the photo and not "
    "what was learned.",
    "kept": "The map hardly changes with random weights: it shows edges of the photo more than what was learned.",
    "turned": "With random weights the map is its own negative (rank correlation near −1): it shows edges of the photo "
    "more than what was learned.",
    "constant": "The map is constant, so there is nothing that could change with the weights; choose another layer, "
    "class or method.",
}


def chance_of(heat: Heatmap) -> str:
    """Which probability belongs to the question of a map, in words."""
    goal = heat.goal
    if goal.versus is None:
        return f"Probability of any class but {heat.label}" if goal.against else f"Probability of {heat.label}"
    first = heat.other if goal.against else heat.label
    return f"Probability of {first} where only {heat.label} and {heat.other} are possible"


def curves(lines: Mapping[str, tuple[Any, Any]], label: str, across: str, up: str) -> None:
    """Lines over 0..100 and 0..1 as a small drawing between its axes, with a legend."""
    drawn, legend = [], []
    for ink, (name, (xs, ys)) in zip(INKS, lines.items(), strict=False):
        points = " ".join(f"{2 * float(x) + 1:.1f},{98 - 96 * float(y):.1f}" for x, y in zip(xs, ys, strict=True))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="1.8"></polyline>')
        legend.append(f'<span><i style="background:{ink}"></i>{html.escape(name)}</span>')
    frame = f'<path d="M1 0V99H202" fill="none" stroke="{INKS[2]}"></path>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 202 100">{frame}{"".join(drawn)}</svg>'
    source = picture.data_url(svg.encode(), "svg+xml")  # as a picture: Streamlit takes drawings out of its HTML
    title = f"<figcaption>{html.escape(label)}</figcaption>" if label else ""
    st.html(
        f'<figure class="cv-curves">{title}<div class="cv-axes"><small>{html.escape(up)}</small>'
        f'<span><b>1</b><b>0</b></span><img src="{source}" alt="{html.escape(_told(lines, label or up))}">'
        f"<span><b>0</b><small>{html.escape(across)}</small><b>100</b></span></div>"
        f'<div class="cv-legend">{"".join(legend)}</div></figure>'
    )


def _told(lines: Mapping[str, tuple[Any, Any]], label: str) -> str:
    """The lines in words: where each begins, its middle and its end."""
    parts = [f"{name} from {ys[0]:.2f} over {ys[len(ys) // 2]:.2f} to {ys[-1]:.2f}" for name, (_, ys) in lines.items()]
    return f"{label}: {'; '.join(parts)}"
