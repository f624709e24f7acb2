"""What one unit of each layer of the current net can see, by formula, and what it does see, by gradient."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz.caption import captioned
from cnnviz.inference import receptive_field
from cnnviz.photo import Photo
from cnnviz.signal import receptive
from cnnviz.ui.session import current
from cnnviz.ui.widgets import controls, show
from cnnviz.ui.widgets.file_name import file_name

if TYPE_CHECKING:
    from cnnviz.models.load import Model


def of_current_net(photo: Photo) -> None:
    """A layer to pick, its field by formula, and its effective field glowing on the photo."""
    engine, key = current.engine(), show.net()
    if key is None:
        return
    model = engine.model(key)
    found = show.asked("fields", partial(theoretical, model.fingerprint, model))
    if not found:
        return
    names = [name for name in engine.map_layers(key) if name in found]
    at = controls.pick("Layer", "field-at", names, names[len(names) // 2])
    one = found[at]
    seen = model.preprocess.see(photo)
    words = "the whole image" if one.whole else f"{one.size} × {one.size} px"
    gate = {"Scaled by": "the whole image (squeeze and excitation)"} if one.gated else {}
    size = f"{words} of input {seen.shape[1]} × {seen.shape[0]} px"
    show.facts({"Receptive field": size, "Total stride": f"{one.jump} px", **gate})
    heat = show.asked(
        "effective", partial(effective, model.fingerprint, at, photo.digest, model, photo), "Computing gradients"
    )
    if heat is not None:
        show.image(
            receptive.drawn(heat, seen), f"Effective receptive field of {at} on the photo {photo.name}", width=420
        )
        words = f"Receptive field by formula: {words}. The photo {photo.name}, {model.title}."
        title = f"Effective receptive field of the middle unit of {at}"
        show.take_away(
            "field",
            picture=lambda: captioned(show.pixelated(receptive.drawn(heat, seen), 672), title, words=words),
            array=lambda: heat,
            file=file_name("effective-field", at, photo.name, model.key),
        )
        half = int((heat > 0.5 * heat.max()).any(1).sum())
        show.say(
            f"Bright pixels move the middle unit most; those at least half as strong as the strongest span {half} px."
        )


@st.cache_data(max_entries=16, show_spinner="Computing receptive fields")
def theoretical(fingerprint: str, _model: Model) -> Mapping[str, receptive.Field]:
    """The fields of all layers of the net with that fingerprint, traced once."""
    return dict(receptive_field.of_net(_model.net, _model.input_size))


@st.cache_data(max_entries=8, scope="session", show_spinner=False)
def effective(fingerprint: str, layer: str, digest: str, _model: Model, _photo: Photo) -> np.ndarray:
    """The effective field of a layer on a photo; kept for this visit alone."""
    return receptive_field.effective_on(_model, layer, _photo)
