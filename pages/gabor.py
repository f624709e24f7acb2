"""Gabor lab: one oriented filter in the hand, a bank of them, and those that nets learn by themselves."""

import time
from functools import partial

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.signal import code, gabor, learned, pictures
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


def hold(filter: gabor.Gabor, target: tuple[str, np.ndarray] | None = None) -> None:
    """Open the lab with this filter, beside a learned one where there is one."""
    kept["gabor-begin"], kept["gabor-target"], kept["gabor-go"] = (filter, time.time_ns()), target, views[0]
    st.rerun()


@st.fragment
def one() -> None:
    """The filter in the hand; Python hears of it on release."""
    # ask
    if "gaborlab" not in st.session_state or "gabor-begin" not in kept:  # first sight, or back from another page
        kept.setdefault("gabor-begin", (gabor.from_link(st.query_params.get("wave", "")), time.time_ns()))
    target = kept.get("gabor-target")

    # compute and show
    shown = pictures.beside(photo)
    beginning, again = kept["gabor-begin"]
    now, which, _ = gaborlab(shown, photo.digest, beginning, again=str(again), target=target, big=show.presenting())
    st.query_params["wave"] = gabor.to_link(now)
    if target and st.button("Put the learned filter away", type="tertiary"):
        kept["gabor-target"] = None
        st.rerun(scope="fragment")
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
    names = ", ".join(f"{n}={v}" for n, v in (("thetas", thetas), ("frequencies", frequencies), ("sigmas", sigmas)))
    lines = f"import cnnviz\nfrom cnnviz.signal import gabor, pictures\n\n{show.opening(photo)}\n"
    lines += "gray = pictures.gray(pictures.square(photo, 128))\n"
    show.take_away(
        "gabor-bank",
        picture=lambda: picture.mosaic(
            np.concatenate([gabor.responses(g, filters) for g in small.values()]), columns=len(filters),
            scope="channel", colour_map=picture.HEAT,
        ),
        array=lambda: np.stack([gabor.responses(g, filters) for g in small.values()]),
        python=f"{lines}responses = gabor.responses(gray, gabor.bank({names}))  # (filters, 128, 128)\n",
    )  # fmt: skip


@st.fragment
def first_layer() -> None:
    """A Gabor for every first-layer filter of the net; take one by hand, or put them all in its place."""
    layer = firstlayer.layer()
    if layer is None:
        return
    engine, key = state.engine(), state.model()
    model = engine.model(key)
    fits = firstlayer.fits(model.fingerprint, layer)
    firstlayer.gallery(model, layer, fits)
    order = sorted(range(len(fits)), key=lambda i: -fits[i].r2)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        at = controls.pick("Filter", "filter", order, order[0], parse=int, words=lambda i: f"{i}, R² {fits[i].r2:.2f}")
        target = (f"Filter {at} of {model.title}", fits[at].plane)
        by_hand = st.button("Match it by hand", icon=":material/back_hand:")
        if by_hand or st.button("Hold its fit"):
            hold(gabor.Gabor() if by_hand else fits[at].gabor, target)

    show.section("Transplant", "put Gabors in the place of learned filters, and ask the net again")
    floor = controls.slide("Only filters matched at least this well (R²)", "least", 0.0, 1.0, 0.5, 0.05)
    chosen = [i for i, fit in enumerate(fits) if fit.r2 >= floor]
    grafted = learned.transplanted(layer, fits, chosen)
    said = show.asked("said", partial(engine.predict, key, photo, top=5))
    after = show.asked("grafted", partial(learned.answers, model, photo, layer, grafted))
    firstlayer.side_by_side(
        {"As learned": said, f"With {len(chosen)} of {len(fits)} filters replaced by Gabors": after}
    )
    show.take_away("first-layer", array=lambda: grafted)


{"One filter": one, "Filter bank": bank, "Learned filters": first_layer}[view]()
