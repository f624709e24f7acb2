"""Gabor lab: one oriented filter in the hand, a bank of them, and those that nets learn by themselves."""

import time

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.signal import code, gabor, pictures
from cnnviz.ui import controls, firstlayer, show, state
from cnnviz.ui.components.gaborlab import gaborbank, gaborlab

state.guard()

# say
show.head("Gabor lab", "A wave under a bell: it answers where the picture holds that wave, in that direction.")
photo, kept = state.photo(), state.kept()
BANK = (
    ("Directions θ (degrees)", list(range(0, 180, 15)), [0, 45]),
    ("Frequencies (cycles/px)", [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4], [0.1, 0.4]),
    ("Widths σ (px)", [1.0, 1.5, 2.0, 3.0, 4.0, 6.0], [1.0, 3.0]),
)
views = ["One filter", "Filter bank", "Learned filters"]
if "gabor-go" in kept:  # a filter was chosen elsewhere: hold it
    st.session_state["gabor-view"] = kept.pop("gabor-go")
view = controls.switch("Lab", "gabor-view", views, views[0], label_visibility="collapsed")


def hold(filter: gabor.Gabor, target: firstlayer.Target | None = None) -> None:
    """Open the lab with this filter, beside a learned one where there is one."""
    st.query_params["wave"] = gabor.to_link(filter)
    kept.pop("gabor-begin", None)
    kept["gabor-target"], kept["gabor-go"] = target, views[0]
    st.rerun()


@st.fragment
@show.refusals()
def one() -> None:
    """The filter in the hand; Python hears of it on release."""
    # ask
    if "gaborlab" not in st.session_state or "gabor-begin" not in kept:  # first sight, or back from another page
        word = st.query_params.get("wave")
        kept["gabor-begin"] = (gabor.from_link(word) if word else kept.get("gabor", gabor.FIRST), time.time_ns())
    target = kept.get("gabor-target")

    # compute and show
    shown = pictures.beside(photo)
    beginning, again = kept["gabor-begin"]
    plane = (target.title, target.plane) if target else None
    now, which, _ = gaborlab(shown, photo.digest, beginning, again=str(again), target=plane, big=show.presenting())
    st.query_params["wave"], kept["gabor"] = gabor.to_link(now), now
    if target:
        with st.container(horizontal=True):
            if st.button("Put it in the net, in place of the learned one"):
                kept.setdefault("grafts", {})[target.fingerprint, target.index] = now
                kept["gabor-target"], kept["gabor-go"] = None, views[2]
                st.rerun()
            away = {"gabor-target": None}
            st.button("Put the learned filter away", type="tertiary", on_click=kept.update, args=(away,))
    name, gray = list(shown.items())[which]
    lines = show.opening(photo) if which == 0 else f"photo = cnnviz.Photo.sample({name!r})"
    show.take_away(
        "gabor",
        picture=lambda: picture.mosaic(gabor.response(gray, now)[None], colour_map=picture.HEAT),
        array=lambda: gabor.response(gray, now),
        python=code.gabor_as_python(now, lines),
        link=state.link("gabor", wave=gabor.to_link(now)),
    )


@st.fragment
@show.refusals()
def bank() -> None:
    """Direction x frequency x width over several pictures."""
    # ask
    asked = []
    for place, (label, offered, first) in zip(st.columns(3), BANK, strict=True):
        with place:
            asked.append(st.multiselect(label, offered, first, key=f"bank-{label}", persist_state="session"))
    thetas, frequencies, sigmas = asked
    filters = gabor.bank(thetas, frequencies, sigmas)
    if not 0 < len(filters) <= 64:
        st.info("Choose at least one direction, frequency and width, and at most 64 filters together.")
        return

    # compute and show
    show.say(f"{len(filters)} filters; each row has one brightness scale, so a picture can be compared with the next.")
    small = pictures.beside(photo, 128)
    chosen = gaborbank(small, photo.digest, filters, gabor.Gabor(frequencies[0], 0.0, sigmas[-1]))
    if chosen:
        hold(chosen)
    show.take_away(
        "gabor-bank",
        picture=lambda: picture.mosaic(
            np.concatenate([gabor.responses(g, filters) for g in small.values()]), columns=len(filters),
            scope="channel", colour_map=picture.HEAT,
        ),
        array=lambda: np.stack([gabor.responses(g, filters) for g in small.values()]),
        python=code.bank_as_python(thetas, frequencies, sigmas, show.opening(photo)),
    )  # fmt: skip


@st.fragment
@show.refusals()
def first_layer() -> None:
    """A Gabor for every first-layer filter of the net; take one by hand, or put them all in its place."""
    layer = firstlayer.layer()
    if layer is None:
        return
    model = state.engine().model(state.model())
    fits = firstlayer.fits(model.fingerprint, layer)
    firstlayer.gallery(model, layer, fits)
    order = sorted(range(len(fits)), key=lambda i: -fits[i].r2)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        at = controls.pick("Filter", "filter", order, order[0], parse=int, words=lambda i: f"{i}, R² {fits[i].r2:.2f}")
        target = firstlayer.Target(f"Filter {at} of {model.title}", fits[at].plane, model.fingerprint, at)
        by_hand = st.button("Match it by hand", icon=":material/back_hand:")
        if by_hand or st.button("Hold its fit"):
            hold(gabor.Gabor() if by_hand else fits[at].gabor, target)

    mine = {i: wave for (net, i), wave in kept.get("grafts", {}).items() if net == model.fingerprint}
    grafted = firstlayer.transplant(model, layer, fits, mine, photo)
    if mine:
        st.button("Give the learned ones back", type="tertiary", on_click=kept.update, args=({"grafts": {}},))
    show.take_away("first-layer", array=lambda: grafted)


{"One filter": one, "Filter bank": bank, "Learned filters": first_layer}[view]()
