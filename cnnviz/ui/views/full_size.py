"""A filter of the Convolution lab on a photo of any size, on the server; nothing large is kept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.photo import Photo
from cnnviz.signal import examples, pictures, slide
from cnnviz.signal.layer import ConvLayer
from cnnviz.ui.components.convlab.link import layer_of
from cnnviz.ui.session import uploads
from cnnviz.ui.widgets import show
from cnnviz.ui.widgets.file_name import file_name

TALLEST = 520  # px of the image on the page


def another() -> Any:
    """A file to use instead of the current photo; None where there is none."""
    with st.popover("Another photo", icon=":material/upload:"):
        return st.file_uploader("A large photo, up to 50 megapixels", max_upload_size=uploads.limit("photo"))


def draw(photo: Photo, file: Any, now: Mapping[str, Any], link: str) -> None:
    """The photo, or that in the file, beside the output of the lab's selected filter; `link` brings the page back."""
    made = layer_of(now)
    one = replace(made, weights=made.weights[[now["selected"]]], bias=made.bias[[now["selected"]]])

    def opened() -> Photo:
        return Photo.open(file, name=file.name, pixels=None) if file else photo

    began, name = time.perf_counter(), now["filters"][now["selected"]]["name"]
    with show.refusals(), st.spinner("Filtering"):
        large = opened()
        whole, most = filtered(one, large)
        taken = time.perf_counter() - began
        end = most / 2 ** now["gain"] * one.scale
        small = slide.painted(slide.smaller(whole, show.WIDEST), now["look"], now["gain"], most)
        tallest = None if show.presenting() else TALLEST
        side_in, side_out = st.columns(2, gap="small")
        with side_in:
            show.section("The photo", f"{large.width} × {large.height}")
            show.image(large, f"The whole photo {large.name}", tallest=tallest)
        with side_out:
            show.section("Output", f"{whole.shape[1]} × {whole.shape[0]}")
            show.image(small, f"{name} over the whole photo {large.name}", tallest=tallest)
            if now["look"] == "signed":
                show.scale(-end, end, picture.ACTIVATION, f"Output of {name}")
            elif now["look"] == "magnitude":
                show.scale(0, end, picture.INPUT, f"Output of {name}, without sign")
            if one.sliding.padding and one.sliding.mode == "zero" and not show.presenting():
                show.say("Along its edges the output includes the zeros around the photo (zero padding).")
        show.facts({"Filter, chosen in One layer": name, "Read and filtered in": _time(taken)})

        def painted() -> np.ndarray:
            values, ends = filtered(one, opened())
            return slide.painted(values, now["look"], now["gain"], ends)

        show.take_away(
            "convolution-full",
            picture=painted,
            array=lambda: filtered(one, opened())[0] * np.float32(one.scale),
            python=one.pytorch(examples.whole(large, file is not None)),
            link="" if file else link,
            file=file_name("whole", large.name, name, one.stage),
        )


def filtered(one: ConvLayer, photo: Photo) -> tuple[np.ndarray, float]:
    """The map of a layer of one filter, float32 (H', W'), and the magnitude at the end of its colours.

    That is the largest of the image that is shown, without what zeros around the photo have made.
    """
    planes = pictures.looked_at(photo.pixels, one.channels)
    plain = replace(one, stage="conv").maps(planes)[0]
    inner = slide.smaller(plain[one.inside(planes.shape[1:])], show.WIDEST)
    return plain if one.stage == "conv" else one.maps(planes)[0], float(np.abs(inner).max()) or 1.0


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
