"""Class activation: which pixels spoke for which class."""

import html
from functools import partial

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui import controls, show, start, state

state.guard()

# say
show.head("Class activation", "Which pixels spoke for which class, seen from one layer of the net.")
engine, photo = state.engine(), state.photo()
key = show.net()
if key is None:
    st.stop()


@st.fragment
def evidence() -> None:
    """Predictions and controls on the left, the maps on the right, the weightiest channels beneath."""
    said = show.asked("cam-said", partial(engine.predict, key, photo, top=1_000_000), "Asking the net")
    if said is None:
        return
    left, right = st.columns([1, 3], gap="large")

    # ask
    with left:
        bars = st.container()
        label = {p.index: p.label for p in said}
        target = controls.pick(
            "Class", "class", [-1, *label], -1, parse=int,
            words=lambda i: f"Most probable ({said[0].label})" if i < 0 else f"{label[i]} · {i}",
        )  # fmt: skip
        names = engine.map_layers(key)
        methods = start.methods()
        method = controls.pick("Method", "method", list(methods), "gradcam", words=lambda name: methods[name].title)
        row = methods[method]
        show.say(row.says)
        layer = controls.pick(
            "Layer", "at", names, engine.default_layer(key), disabled=row.reads == "pixels",
            help="Methods that look at the pixels themselves ask no layer." if row.reads == "pixels" else None,
        )  # fmt: skip
        with st.expander("More", icon=":material/tune:"):
            versus = controls.pick(
                "Rather than", "versus", [-1, *label], -1, parse=int, help="What spoke for the class, not for this one",
                words=lambda i: "No other class" if i < 0 else f"{label[i]} · {i}",
            )  # fmt: skip
            against = controls.tick("Evidence against", "against", help="What speaks against the class instead")
            given = controls.options(row.options, method) if row.options else None

    # compute
    wanted, other = (None if i < 0 else i for i in (target, versus))
    with left:  # where the bar may come and go without moving the pictures
        told = show.progress(f"{row.title} on {photo.name}") if row.reads != "maps" else None
        ask = partial(engine.heatmap, key, photo, wanted, layer, method, given, versus=other, against=against)
        heat = show.asked("cam", partial(ask, progress=told))
    if heat is None:
        return

    # show
    with bars:
        shown = [*said[:5], *(p for p in said[5:] if p.index == heat.target)]
        show.section("What it says", show.titled(engine.model(key)))
        show.bars(shown, marked=heat.target)
    with right:
        over, raw = st.columns([1.8, 1], gap="medium")
        with over:
            show.section("Overlay", f"{heat.label}, {row.title}" + ("" if heat.layer == "input" else f", {heat.layer}"))
            place = st.container()
            one, two = st.columns([1.4, 1], gap="medium")
            with one:
                opacity = controls.slide("Opacity", "opacity", 0.0, 1.0, 0.55, 0.05)
            with two:
                colours = controls.pick("Colour map", "colours", picture.HEAT_MAPS, picture.HEAT)
            drawn = picture.overlay(photo, heat, opacity, colours, side=1200)
            with place:
                show.image(drawn, f"Heat map of {heat.label} over the photo {photo.name}", tallest=600)
                show.scale(0, 1, colours, "Heat")
        with raw:
            show.section("Raw map", f"{heat.raw.shape[0]} × {heat.raw.shape[1]}")
            show.image(show.pixelated(picture.diverging(heat.raw), 420), f"Raw map of {heat.label}, signed")
            show.scale(float(heat.raw.min()), float(heat.raw.max()), picture.ACTIVATION, "Raw map")
            show.say("Warm speaks for the class, cold against it.")
    weighty(heat)
    lines = f"import cnnviz\n\nengine = cnnviz.engine()\n{show.opening(photo)}\n"
    asked = f"target={wanted!r}, layer={layer!r}, method={method!r}"
    asked += f", options={vars(given)!r}" if given else ""
    asked += (f", versus={other}" if other is not None else "") + (", against=True" if against else "")
    lines += f"heat = engine.heatmap({key!r}, photo, {asked})\n"
    lines += f"cnnviz.picture.overlay(photo, heat, {opacity}, {colours!r}).save('heat.png')"
    knobs = {f"{method}-{name}": value for name, value in vars(given).items()} if given else {}
    view = {"class": target, "at": layer, "method": method, "versus": versus, "against": against, **knobs}
    link = state.link("class_activation", **view, opacity=opacity, colours=colours)
    show.take_away("heatmap", picture=lambda: drawn, array=lambda: heat.values, python=lines, link=link)


def weighty(heat) -> None:
    """The eight channels of the layer that weighed most for the class, as small maps."""
    if not len(heat.weights):
        return  # a method that looks at the pixels weighs no channels
    order = np.argsort(-heat.weights)[:8]
    maps = show.asked("cam-maps", partial(engine.activations, key, photo, heat.layer))
    if maps is None or maps.layer != heat.layer:
        return
    show.section("The eight channels that spoke loudest for it", "by the weight each has in the raw map")
    tiles = picture.mosaic(maps.maps[order], columns=len(order), scope="channel", tile=170, gap=4)
    show.image(tiles, f"Maps of the channels {', '.join(map(str, order))}")
    cells = "".join(f"<div>{i}<small>{html.escape(f'{heat.weights[i]:+.3g}')}</small></div>" for i in order)
    st.html(f'<div class="cv-row">{cells}</div>')


evidence()
