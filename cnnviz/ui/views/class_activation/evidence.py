"""The proof beside the picture: each function is one view of the class activation page, computed when looked at."""

from __future__ import annotations

import hashlib
import html
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from cnnviz import picture
from cnnviz.ui.components.camcanvas.look import Look, from_link, to_link, too_long
from cnnviz.ui.server import startup
from cnnviz.ui.session import visit
from cnnviz.ui.widgets import show
from cnnviz.ui.widgets.background import patiently

if TYPE_CHECKING:
    from cnnviz.attribution.faithfulness import Faithfulness
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.attribution.masking import Erasure
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

STYLE = Path(__file__).with_name("evidence.css")
INKS = ("#e0642f", "#3f8fd0", "#8a8a86")
THUMB = 168  # px


@dataclass
class CanvasState:
    """How a canvas was begun, how it was left, and the digest of its photo."""

    begin: Look | None = None
    last: Look = field(default_factory=Look)
    photo: str = ""


def style() -> None:
    """The look of these views; once on a page."""
    st.html(f"<style>{STYLE.read_text()}</style>")


def caption(heat: Heatmap) -> str:
    """What the map shows, in a sentence."""
    from cnnviz.attribution import regions  # brings in torch, which is there by now

    return regions.caption(heat)


def told(heat: Heatmap, label: Mapping[int, str], photo: Photo, view: str = "photo") -> str:
    """How to read the picture, in a sentence for who never saw one; `view` is how much of the photo it shows."""
    spoke = f"spoke against {heat.label}" if heat.goal.against else f"spoke for {heat.label}"
    if heat.goal.versus is not None:
        spoke += f" rather than {label[heat.goal.versus]}"
    _, _, width, height = heat.box
    whole = view != "photo" or (width >= photo.width - 1 and height >= photo.height - 1)
    if startup.methods()[heat.method].class_free:
        spoke = "has of what the maps have in common; no class was asked"
    return f"The brighter a place, the more it {spoke}." + ("" if whole else " The net never saw what is faded.")


def looking(place: str, photo: Photo) -> Look:
    """How the canvas begins: as the link says, as it was left on this visit, or plain; another photo has no strokes."""
    canvas = visit.this_visit().state(CanvasState, place)
    begin = canvas.begin
    if place not in st.session_state or begin is None:
        link = st.query_params.get("look")
        begin = from_link(link) if link else canvas.last
    elif canvas.photo != photo.digest:
        begin = replace(canvas.last, strokes=())
    canvas.begin, canvas.photo = begin, photo.digest
    return begin


def looked(place: str, look: Look) -> str:
    """Remember how the canvas was left, also in the link; what stands there."""
    visit.this_visit().state(CanvasState, place).last = look
    text = to_link(look)
    if look != Look():
        st.query_params["look"] = text
    elif "look" in st.query_params:
        del st.query_params["look"]
    if too_long(look):
        show.say("You erased more than a link holds: whoever opens it sees the photo whole.")
    return text


def findings(engine: Engine, key: str, photo: Photo, heat: Heatmap) -> None:
    """What is wrong with the map, and what to do; nothing about a sound one."""
    for found in show.asked("cam-doctor", partial(engine.diagnose, key, photo, heat)) or ():
        say = st.info if found.name == "saturated" else st.warning  # which is no illness
        say(show.plain(f"{found.cause} {found.fix}"), icon=":material/stethoscope:")


def erased(engine: Engine, key: str, photo: Photo, heat: Heatmap, strokes: Sequence[Any]) -> Erasure | None:
    """What the net still says with the strokes wiped away: the curve they drew, and its answers now."""
    found = show.asked("cam-erased", partial(engine.erase, key, photo, strokes, heat.target))
    if found is None:
        return None
    before, now = float(found.probabilities[0]), float(found.probabilities[-1])
    show.section("Without what you erased", f"{found.shares[-1]:.1%} of the picture is gone")
    one, two = st.columns([1, 1.4], gap="large")
    with one:
        show.bars(found.predictions, marked=heat.target)
    with two:
        lines = {found.label: (found.shares * 100, found.probabilities)}
        curves(lines, f"{found.label}: {before:.1%} before, {now:.1%} now", "% erased", "probability")
    return found


def ladder(engine: Engine, key: str, photo: Photo, targets: Sequence[int], method: str) -> None:
    """All stages of the net, the last first, under the most probable classes."""
    found = show.asked("cam-ladder", partial(engine.ladder, key, photo, tuple(targets), None, method), "All stages")
    if found is None:
        return
    head = "".join(f"<b>{html.escape(heat.label)}</b>" for heat in found.rows[0])
    cells = []
    for layer, row in zip(reversed(found.layers), reversed(found.rows), strict=True):
        size = " × ".join(map(str, row[0].raw.shape))
        cells.append(f"<span>{html.escape(layer)}<small>{size}</small></span>")
        cells += [_thumb(heat) for heat in row]
    wide = f"--classes: {len(found.targets)}; --wide: {THUMB + 30}px"
    st.html(f'<div class="cv-ladder" style="{wide}"><i></i>{head}{"".join(cells)}</div>')


def faithful(engine: Engine, key: str, photo: Photo, heat: Heatmap) -> None:
    """The deletion and insertion curves of the map, beside those of a map that never saw the photo."""
    mark = hashlib.blake2b(heat.raw.tobytes(), digest_size=16).hexdigest()
    of = engine.model(key).fingerprint, photo.digest, heat.target, mark
    both = patiently("cam-faithful", partial(_both_curves, engine, key, photo, heat), "Taking the photo apart", of)
    if both is None:
        return
    own, chance = both
    show.facts(
        {
            "Insertion area": f"{own.insertion_area:.3f}",
            "Deletion area": f"{own.deletion_area:.3f}",
            "Insertion minus deletion": f"{own.gain:+.3f}",
            "A blob in the middle": f"{chance.gain:+.3f}",
        }
    )
    for column, name in zip(st.columns(2, gap="large"), ("deletion", "insertion"), strict=True):
        with column:
            lines = {
                f"{name.capitalize()}, this map": (own.shares * 100, getattr(own, name)),
                "a blob in the middle": (chance.shares * 100, getattr(chance, name)),
            }
            curves(lines, f"Probability of {heat.label}", f"% of pixels, {name}", "probability")
    show.say(
        "A faithful map loses the answer early while its best pixels are deleted, and finds it early while they come "
        "back into a blurred photo."
    )


def _both_curves(
    engine: Engine, key: str, photo: Photo, heat: Heatmap, progress: Callable[[float], None] | None = None
) -> tuple[Faithfulness, Faithfulness]:
    """The curves of a map and of one that never saw the photo, told as one piece of work."""
    told = progress or (lambda share: None)
    own = engine.faithfulness(key, photo, heat, None, lambda share: told(share / 2))
    return own, engine.chance(key, photo, heat.target, None, lambda share: told((1 + share) / 2))


def sane(engine: Engine, key: str, photo: Photo, heat: Heatmap, layer: str, given: Any) -> None:
    """The map while the net forgets, layer by layer from the top."""
    ask = partial(engine.sanity, key, photo, heat.target, layer, heat.method, given)
    of = engine.model(key).fingerprint, photo.digest, heat.target, layer, heat.method, given
    found = patiently("cam-sane", ask, "Turning the dial", of)
    if found is None:
        return
    cells = []
    for count, close, raw in zip(found.randomised, found.correlations, found.maps, strict=True):
        drawn = picture.diverging(raw)
        named = "as trained" if not count else f"{count} of {len(found.layers)} layers forgot"
        cells.append(
            f"<figure>{_img(show.pixelated(drawn, THUMB), f'Map with {named}')}<figcaption>{named}<br>"
            f"<b>rank correlation {close:+.2f}</b></figcaption></figure>"
        )
    st.html(f'<div class="cv-dial">{"".join(cells)}</div>')
    show.say(
        "The map falls apart with the weights, as an explanation must."
        if found.passed
        else "The map survives weights of noise: it shows the photo's edges more than what the net learned."
    )


def pieces(engine: Engine, photo: Photo, heat: Heatmap, threshold: float) -> None:
    """Boxes around the warm pieces: their numbers, as JSON, and cut out of the photo."""
    from cnnviz.attribution import regions  # brings in torch, which is there by now

    level = threshold if threshold > 0 else None
    found = regions.regions(heat, regions.Threshold(level=level))
    how = "Otsu's choice" if level is None else "the threshold above"
    show.section("Warm pieces", f"heat from {found.level:.2f}, {how}")
    if not found.boxes:
        show.say("No piece is warm enough; lower the threshold.")
        return
    cut = regions.cut_out(photo, heat, found)
    one, two = st.columns([1.4, 1], gap="large")
    with one:
        listed = [{"box": i + 1, **vars(box)} for i, box in enumerate(found.boxes)]
        st.dataframe(listed, hide_index=True, height="content")
        show.say("In pixels of the original photo.")
    with two:
        flat = cut[..., :3] * (cut[..., 3:] / 255.0) + 128 * (1 - cut[..., 3:] / 255.0)
        show.image(flat.astype(np.uint8), "The warm part of the photo, cut out")
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "JSON", lambda: json.dumps(found.card(heat, photo), indent=1), "boxes.json", "application/json",
            key="json-boxes", icon=":material/download:", on_click="ignore", help="The boxes and what they are of",
        )  # fmt: skip
        st.download_button(
            "Cut-out", lambda: _png(cut), "cut-out.png", "image/png", key="png-cut",
            icon=":material/download:", on_click="ignore", help="The warm part with a transparent ground",
        )  # fmt: skip


def curves(lines: Mapping[str, tuple[Any, Any]], label: str, across: str, up: str) -> None:
    """Lines over 0..100 and 0..1 as a small drawing with a legend."""
    drawn, legend = [], []
    for ink, (name, (xs, ys)) in zip(INKS, lines.items(), strict=False):
        points = " ".join(f"{2 * float(x) + 24:.1f},{100 - 92 * float(y):.1f}" for x, y in zip(xs, ys, strict=True))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="1.8"></polyline>')
        legend.append(f'<span><i style="background:{ink}"></i>{html.escape(name)}</span>')
    ticks = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{a}">{t}</text>'
        for x, y, a, t in (
            (20, 102, "end", "0"),
            (20, 12, "end", "1"),
            (24, 113, "start", "0"),
            (224, 113, "end", "100"),
        )
    )
    frame = f'<path d="M24 8V100H224" fill="none" stroke="{INKS[2]}"></path>'
    about = f'viewBox="0 0 232 118" font-family="sans-serif" font-size="7" fill="{INKS[2]}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {about}>'
    svg += f"{frame}{''.join(drawn)}{ticks}</svg>"
    source = picture.data_url(svg.encode(), "svg+xml")  # as a picture: Streamlit takes drawings out of its HTML
    st.html(
        f'<figure class="cv-curves"><figcaption>{html.escape(label)}</figcaption>'
        f'<img src="{source}" alt="{html.escape(_told(lines, label))}">'
        f"<div>{''.join(legend)}<small>{html.escape(up)} over {html.escape(across)}</small></div></figure>"
    )


def _told(lines: Mapping[str, tuple[Any, Any]], label: str) -> str:
    """The lines in words: where each begins, its middle and its end."""
    parts = [f"{name} from {ys[0]:.2f} over {ys[len(ys) // 2]:.2f} to {ys[-1]:.2f}" for name, (_, ys) in lines.items()]
    return f"{label}: {'; '.join(parts)}"


def _thumb(heat: Heatmap) -> str:
    from cnnviz.attribution.regions import caption

    drawn = picture.overlay(heat.seen, heat.values, 0.55, side=THUMB * 2)
    return _img(np.asarray(drawn), caption(heat))


def _img(pixels: np.ndarray, alt: str) -> str:
    return f'<img src="{picture.address(pixels, 85)}" alt="{html.escape(alt)}">'


def _png(pixels: np.ndarray) -> bytes:
    """The cut-out, uint8 (H, W, 4), as PNG with its transparency."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
