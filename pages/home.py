"""Home: the current photo on its way through the current net."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz import picture, places
from cnnviz.options import RequestError
from cnnviz.script import HEAT, PHOTO, call, script
from cnnviz.ui.server import startup
from cnnviz.ui.session import current
from cnnviz.ui.shell import sidebar
from cnnviz.ui.views import layer_table
from cnnviz.ui.widgets import crop, show

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.inference.activations import Activations
    from cnnviz.inference.layers import LayerTable
    from cnnviz.inference.predict import Prediction
    from cnnviz.models.load import Model
    from cnnviz.photo import Photo

# say
side_head, side_add = st.columns([2, 1], gap="medium", vertical_alignment="bottom")
with side_head, st.container(key="home-head"):
    show.head(
        "cnnviz",
        "How a network reads your photo: its prediction, the evidence for it, and the feature maps on the way.",
    )
with side_add:
    if not show.presenting():
        sidebar.invite()

# ask: net and photo stand in the sidebar
photo = current.photo()
place_trouble = st.container()
with st.container(key="home"):
    side_in, side_heat, side_said = st.columns([1, 1, 1 if show.presenting() else 0.8], gap="medium")
    if photo.width >= photo.height:  # pictures have their place before they are there
        st.html(f"<style>.st-key-home .stImage {{ aspect-ratio: {photo.width} / {photo.height}; }}</style>")
with side_in:
    show.section("The photo", f"{photo.width} × {photo.height}")
    small = partial(picture.fit, photo, 800)
    show.image(small, f"The photo {photo.name}", tallest=420, of=("home",), photo=photo)
place_heat = show.waiting(side_heat, "Evidence", 215)
place_said = show.waiting(side_said, "Prediction", 215)
with st.container(key="stages"):
    place_stages = show.waiting(st.container(), "Feature maps", 230)


# compute
def answers(key: str, photo: Photo) -> tuple[Model, Photo, tuple[Prediction, ...], Heatmap | str, LayerTable]:
    """The predictions and the evidence for the first, with the network and the photo that they are of."""
    said = engine.predict(key, photo, top=5)
    return engine.model(key), photo, said, evidence(key, photo), engine.layers(key)


def evidence(key: str, photo: Photo) -> Heatmap | str:
    """The heat map of the first prediction, or why this network has none."""
    try:
        return engine.heatmap(key, photo)
    except RequestError as error:
        return str(error)


def explained(heat: Heatmap) -> dict[str, str]:
    """What a link to Class activation names so that it opens with this map of the most probable class."""
    asked = {"class": "-1", "method": heat.method, "at": heat.layer, "versus": "-1", "against": "false"}
    return asked | {"how-many": "This photo", "with": ""}


def stages(key: str, photo: Photo) -> tuple[Model, Photo, tuple[Activations, ...]]:
    """The maps of the net's stages, with the net and the photo that they are of."""
    return engine.model(key), photo, engine.all_activations(key, photo, engine.stages(key))


def liveliest(shown: Activations) -> np.ndarray:
    """The nine maps of a layer that vary most, side by side."""
    lively = shown.maps.std(axis=(1, 2)).argsort()[::-1][:9]
    return picture.mosaic(shown.maps[lively], columns=3, tile=112, scope="channel")


def take_away(heat: Heatmap) -> None:
    """The heat map as it is shown, its numbers, its Python and the link of this page."""
    lines = script(
        call("engine.predict", key, PHOTO, top=5),
        f"heat = {call('engine.heatmap', key, PHOTO)}",
        f"{call('cnnviz.picture.overlay', PHOTO, HEAT, picture.OPACITY, alpha='heat')}.save('heat.png')",
        engine=True,
        opening=show.opening(photo),
    )
    show.take_away(
        "home", picture=lambda: picture.overlay(photo, heat, picture.OPACITY, alpha="heat"),
        array=lambda: heat.values, python=lines, link=current.link(""),
    )  # fmt: skip


with side_said:
    engine = current.engine()
with place_trouble:
    key = show.required_net()
    answered = show.asked("home", partial(answers, key, photo), "Running the network", of=show.ITSELF)
    staged = show.asked("home-stages", partial(stages, key, photo), "Running the stages", of=show.ITSELF)

# show
with side_in:
    crop.notice(engine.model(key), photo)
if answered:
    model, asked_of, said, heat, table = answered
    with place_heat.container():
        if isinstance(heat, str):
            show.section("Evidence")
            show.refused((heat,))
        else:
            show.section(f"Evidence for “{heat.label}”", startup.methods()[heat.method].title)
            old = show.previous(key, photo, model, asked_of)
            show.image(
                partial(picture.overlay, asked_of, heat, picture.OPACITY, side=800, alpha="heat"),
                f"Heat map of {heat.label} over the photo {asked_of.name}",
                tallest=420,
                of=("home overlay", model.fingerprint, model.preprocess, heat.question),
                photo=asked_of,
            )
            if not old:
                take_away(heat)
    with place_said.container():
        show.section("Prediction", show.titled(model))
        show.previous(key, photo, model, asked_of)
        if show.presenting():
            show.bars(said[:3], marked=said[0].index)
        else:
            show.bars(said, marked=said[0].index, model=model)
        show.facts(
            {
                "Parameters": f"{table.total_parameters:,}",
                "Mult-adds": f"{table.total_mult_adds / 1e6:,.1f} M",
                "Input": " × ".join(map(str, model.input_size)),
            }
        )
        st.page_link(
            places.page("class_activation"),
            label="Explain this prediction",
            query_params=current.view() | ({} if isinstance(heat, str) else explained(heat)),
            icon=":material/local_fire_department:",
        )
if staged:
    model, asked_of, maps = staged
    with place_stages.container():
        show.section(
            "Feature maps", "the nine channels with the largest variance; black is zero, warm above, cold below"
        )
        show.previous(key, photo, model, asked_of)
        for column, shown in zip(st.columns(len(maps), gap="small"), maps, strict=True):
            with column:
                words = f"Nine feature maps of the layer {shown.layer}"
                of = ("home stage", model.fingerprint, model.preprocess, shown.layer)
                show.image(partial(liveliest, shown), words, of=of, photo=asked_of)
                shape = " × ".join(map(str, shown.maps.shape))
                st.page_link(
                    places.page("activations"),
                    label=f"{shown.layer} · {shape}" if show.presenting() else shown.layer,
                    query_params={"layer": shown.layer, **current.view()},
                    help="All channels of this layer",
                    icon=":material/arrow_forward:",
                    icon_position="right",
                )
                if not show.presenting():
                    show.say(shape)
if not show.presenting():
    layer_table.draw(key)
