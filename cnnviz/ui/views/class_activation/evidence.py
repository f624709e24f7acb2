"""The proof beside the picture: each function is one view of the class activation page, computed when looked at."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from cnnviz import picture
from cnnviz.ui.components.camcanvas.look import Look, from_link, to_link, too_long
from cnnviz.ui.server import startup
from cnnviz.ui.session import visit
from cnnviz.ui.session.link import stand
from cnnviz.ui.widgets import file_name as files
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

STYLE = Path(__file__).with_name("evidence.css")
VIEWS = ("Raw map", "Contributions", "All layers", "Faithfulness", "Sanity check", "Regions")
FORMERLY = {  # what links of before call them
    "Down to the numbers": "Contributions",
    "All stages": "All layers",
    "Sanity dial": "Sanity check",
    "Boxes": "Regions",
}
STAGE = '[class*="st-key-offstage"] { display: none; } .cv-title { padding-right: 0; white-space: nowrap; } '
STAGE += ".st-key-map .cv-note, .st-key-more-classes { display: none; } "
STAGE += '.st-key-drill [data-testid="stColumn"] { flex: 0 1 calc(100dvh - 440px); }'  # the equation stays in view
THUMB = 168  # px


@dataclass
class CanvasState:
    """How a canvas was begun, how it was left, and the digest of its photo."""

    begin: Look | None = None
    last: Look = field(default_factory=Look)
    photo: str = ""


@dataclass
class ChosenClass:
    """The class that was chosen last, and the digest of the photo it was chosen for."""

    target: int | None = None
    photo: str = ""


def style() -> None:
    """The look of these views; once on a page."""
    stage = STAGE if show.presenting() else ""
    st.html(f"<style>{STYLE.read_text()}{stage}</style>")


def offstage(name: str) -> AbstractContextManager[object]:
    """Where controls stand that presenter mode hides: a container of its own there."""
    return st.container(key=f"offstage-{name}") if show.presenting() else nullcontext()


def caption(heat: Heatmap) -> str:
    """What the map shows, in a sentence."""
    from cnnviz.attribution import regions  # brings in torch, which is there by now

    return regions.caption(heat)


def told(heat: Heatmap, photo: Photo, look: Look, placed: str = "") -> str:
    """How to read the picture as it is drawn, in a sentence, and where its crop was `placed`, in another."""
    _, _, width, height = heat.box
    whole = look.view != "photo" or (width >= photo.width - 1 and height >= photo.height - 1)
    row = startup.methods()[heat.method]
    more = f"{'counts' if heat.goal.against else 'supports'} {heat.subject}"
    if row.class_free:
        more = "has of the maps' first principal component; no class is used"
    elif not row.whole:  # its values have no sign
        more = f"changes the score of {heat.label}, up or down"
    scale = "The brighter a place" if brightens(look.colours) else "The nearer a colour to the right end of the scale"
    moves = width < photo.width - 1 if photo.width >= photo.height else height < photo.height - 1
    cut = " The faded border is cropped away" + ("; drag to move the crop." if moves else ".")
    return f"{scale}, the more it {more}." + (f" {placed}" if placed else "" if whole else cut)


@cache
def brightens(colours: str) -> bool:
    """Whether a colour map gets brighter all the way."""
    shades = picture.colourise(np.linspace(0, 1, 64), colours) @ np.array([0.2126, 0.7152, 0.0722])
    return bool((np.diff(shades) > -1).all())


def file_name(photo: Photo, heat: Heatmap, part: str = "") -> str:
    """What a file about the map is called, without its ending: photo, question, method, and the `part` shown."""
    return files.file_name(photo.name.rsplit(".", 1)[0], heat.subject, heat.method, part)


def save(label: str, file: str, kind: str, make: Callable[[], bytes]) -> None:
    """A button to take away what a view of the proof shows, as it is shown."""
    ending = file.rsplit(".", 1)[1]
    st.download_button(
        label, make, file, kind, key=f"{ending}-proof", icon=":material/download:", on_click="ignore",
        help="Download what this tab shows",
    )  # fmt: skip


def tiles(pictures: Sequence[np.ndarray], columns: int) -> bytes:
    """Pictures uint8 (h, w, 3) of one size side by side in rows, as one PNG."""
    return png(picture.grid(pictures, columns, gap=6, ground=(255, 255, 255)))


def looking(place: str, photo: Photo) -> Look:
    """How the canvas begins: as the link says, as it was left on this visit, or plain; another photo has no strokes."""
    canvas, link = visit.this_visit().state(CanvasState, place), st.query_params.get("look")
    begin = canvas.begin if place in st.session_state else None
    if begin is None and link and link != to_link(canvas.last):
        begin = from_link(link)
    elif canvas.photo != photo.digest:  # also where it was chosen on another page, or under an address of ours
        begin = replace(canvas.last, strokes=())
    elif begin is None:
        begin = canvas.last
    canvas.begin, canvas.photo = begin, photo.digest
    return begin


def looked(place: str, look: Look) -> str:
    """Remember how the canvas was left, also in the link; what stands there."""
    visit.this_visit().state(CanvasState, place).last = look
    text = to_link(look)
    stand("look", text, to_link(Look()))
    if too_long(look):
        show.say("More is erased than a link can hold: it opens with the whole photo.")
    return text


def from_another_photo(target: int | None, photo: Photo) -> bool:
    """Whether a class was chosen while another photo was looked at, and stays for this one."""
    chosen = visit.this_visit().state(ChosenClass, "class")
    if chosen.target != target:
        chosen.target, chosen.photo = target, photo.with_crop("centre").digest
    return target is not None and chosen.photo != photo.with_crop("centre").digest


def findings(engine: Engine, key: str, photo: Photo, heat: Heatmap) -> None:
    """What is wrong with the map, and what to do; nothing about a sound one."""
    for found in show.asked("cam-doctor", partial(engine.diagnose, key, photo, heat), last=True) or ():
        say = st.info if found.name == "saturated" else st.warning  # which is no illness
        say(show.plain(f"{found.cause} {found.fix}"), icon=":material/stethoscope:")


def ladder(engine: Engine, key: str, photo: Photo, likely: Sequence[int], heat: Heatmap) -> None:
    """The question of the map at all stages of the net, the last first, also for the most probable classes."""
    goal = heat.goal
    targets = [index for index in dict.fromkeys([*likely, heat.target]) if index != goal.versus][:4]
    ask = partial(
        engine.ladder, key, photo, tuple(targets), None, heat.method, versus=goal.versus, against=goal.against
    )
    found = show.asked("cam-ladder", ask, "All layers")
    if found is None:
        return
    head = "".join(f"<b>{html.escape(heat.subject)}</b>" for heat in found.rows[0])
    cells = []
    for layer, row in zip(reversed(found.layers), reversed(found.rows), strict=True):
        size = " × ".join(map(str, row[0].raw.shape))
        cells.append(f"<span>{html.escape(layer)}<small>{size}</small></span>")
        cells += [_thumb(heat) for heat in row]
    wide = f"--classes: {len(found.targets)}; --wide: {THUMB + 30}px"
    st.html(f'<div class="cv-ladder" style="{wide}"><i></i>{head}{"".join(cells)}</div>')
    every = [np.asarray(_drawn(one)) for row in reversed(found.rows) for one in row]
    file = f"{file_name(photo, heat, 'stages')}.png"
    save("PNG of all layers", file, "image/png", lambda: tiles(every, len(found.targets)))


def pieces(photo: Photo, heat: Heatmap, look: Look) -> None:
    """Boxes around the warm pieces: their numbers, as JSON, and cut out of the photo."""
    from cnnviz.attribution import regions  # brings in torch, which is there by now

    level = look.threshold if look.threshold > 0 else None
    found = regions.regions(heat, regions.Threshold(level=level))
    how = "auto threshold (Otsu)" if level is None else "the threshold above"
    show.section(f"Regions above {found.level:.0%} of the maximum", how)
    if not found.boxes:
        show.say("No region is above the threshold; lower it.")
        return
    cut, name = regions.cut_out(photo, heat, found), file_name(photo, heat)
    one, two = st.columns([1.4, 1], gap="large")
    with one:
        listed = [{"box": i + 1, **vars(box)} for i, box in enumerate(found.boxes)]
        st.dataframe(listed, hide_index=True, height="content")
        show.say("In pixels of the original photo.")
    with two:
        flat = cut[..., :3] * (cut[..., 3:] / 255.0) + 128 * (1 - cut[..., 3:] / 255.0)
        show.image(flat.astype(np.uint8), "The regions cut out of the photo")
    with st.container(horizontal=True, gap="small"):
        save("PNG of the regions", f"{name}_regions.png", "image/png", lambda: _framed(photo, heat, look))
        st.download_button(
            "JSON", lambda: json.dumps(found.card(heat, photo), indent=1), f"{name}_boxes.json",
            "application/json",
            key="json-boxes", icon=":material/download:", on_click="ignore",
            help="The bounding boxes with photo, class and method",
        )  # fmt: skip
        st.download_button(
            "Cut-out", lambda: png(cut), f"{name}_cut-out.png", "image/png", key="png-cut",
            icon=":material/download:", on_click="ignore", help="The regions with a transparent background",
        )  # fmt: skip


def _framed(photo: Photo, heat: Heatmap, look: Look) -> bytes:
    """The overlay with its regions in frames, as PNG."""
    from cnnviz.attribution import figure, overlay

    alpha = "uniform" if look.uniform else "heat"
    drawn = overlay.overlay(
        photo, heat, look.opacity, look.colours, side=1600, threshold=look.threshold, boxes=True, alpha=alpha
    )
    return picture.encode(figure.figure([drawn], [heat], look.colours), "png")


def _thumb(heat: Heatmap) -> str:
    from cnnviz.attribution.regions import caption

    return img(np.asarray(_drawn(heat)), caption(heat))


def _drawn(heat: Heatmap) -> Image.Image:
    return picture.overlay(heat.seen, heat.values, picture.OPACITY, side=THUMB * 2, alpha="heat")


def img(pixels: np.ndarray, alt: str) -> str:
    return f'<img src="{picture.address(pixels, 85)}" alt="{html.escape(alt)}">'


def png(pixels: np.ndarray) -> bytes:
    """A picture uint8 (H, W, 3), or (H, W, 4) with its transparency, as PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
