"""Gabor lab: one oriented filter in the hand, a bank of them, and those that nets learn by themselves."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.photo import Photo
from cnnviz.signal import code, gabor, pictures
from cnnviz.ui.components.gaborlab import VIEWS, gaborbank, gaborlab
from cnnviz.ui.session import address, current, visit
from cnnviz.ui.session.link import linked, note, noted, stand
from cnnviz.ui.views import first_layer as firstlayer
from cnnviz.ui.views.labs import GaborLab, heading
from cnnviz.ui.widgets import controls, show
from cnnviz.ui.widgets.file_name import file_name

if TYPE_CHECKING:
    from cnnviz.signal.gaborfit import Fit

# say
show.head("Gabor lab", "A sine wave under a Gaussian: it responds where the image has that frequency and orientation.")
photo, lab = current.photo(), visit.this_visit().state(GaborLab)
BANK: tuple[tuple[str, str, Sequence[float], Sequence[float]], ...] = (
    ("Orientations θ (degrees)", "thetas", list(range(0, 180, 15)), [0, 45]),
    ("Frequencies (cycles/px)", "frequencies", [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0], [0.1, 0.4]),
    ("Sigmas σ (px)", "sigmas", [0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0], [1.0, 3.0]),
)
views = ["One filter", "Filter bank", "Learned filters"]
if lab.view is not None:  # a filter was chosen elsewhere: hold it
    st.session_state["gabor-view"], lab.view = lab.view, None
linked("gabor-view", views[0], views.__contains__, str)
view: str = st.session_state["gabor-view"]


def listed(word: str) -> list[float]:
    """The numbers of a list in a link; ValueError for anything else."""
    values = json.loads(word) if len(word) <= 400 else None
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise ValueError("not a list of numbers")
    return values


def hold(filter: gabor.Gabor, target: firstlayer.LearnedFilter | None = None) -> None:
    """Open the lab with this filter, beside a learned one where there is one."""
    address.write("wave", gabor.to_link(filter))
    address.write("match", str(target.index) if target else None)
    lab.hold(target, views[0])
    st.rerun()


@st.fragment
@show.refusals()
def one() -> None:
    """The filter in the hand; Python hears of it on release."""
    # ask
    with st.container(horizontal=True, key="lab-head"):
        heading("gabor-view", views, view)
    if "gaborlab" not in st.session_state or lab.begin is None:  # first sight, or back from another page
        word, on, shows = (st.query_params.get(name) for name in ("wave", "on", "shows"))
        wave, which, seen = lab.last
        which, seen = int(on) if on in ("1", "2", "3", "4") else which, shows if shows in VIEWS else seen
        lab.begin = (gabor.from_link(word) if word else wave, which, seen, time.time_ns())
        if lab.target is None and (matched := st.query_params.get("match", "")).isdecimal():
            lab.target = firstlayer.learned(int(matched[:6]))
    target = lab.target
    if target and target.model != current.model_picked():
        show.say(f"{target.title} waits until its network is chosen again.")
        target = None

    # compute and show
    shown = pictures.beside(photo, drawn=True)
    begun, at, looks, again = lab.begin
    aim = (target.title, target.fit) if target else None
    now, which, seen, locked = gaborlab(
        shown, begun, picture=min(at, len(shown) - 1), view=looks, again=str(again), target=aim,
        big=show.presenting(),
    )  # fmt: skip
    lab.last = now, which, seen
    stands = {"wave": gabor.to_link(now), "on": str(which), "shows": seen, "match": str(target.index) if target else ""}
    for name, default in (("wave", gabor.to_link(gabor.FIRST)), ("on", "0"), ("shows", VIEWS[0]), ("match", "")):
        stand(name, stands[name], default)
    if target:
        with st.container(horizontal=True):
            if st.button("Replace the learned filter in the network"):
                lab.grafts[target.fingerprint, target.index] = now
                lab.target, lab.view = None, views[2]
                address.write("match", None)
                st.rerun()
            st.button("Close", type="tertiary", on_click=lab.put_away)
    name, gray = list(shown.items())[which]
    drawn = name if which > 0 and name in pictures.DRAWN else ""
    lines = "" if drawn else show.opening(photo if which == 0 else Photo.sample(name))
    directed = seen == VIEWS[1]

    def numbers() -> np.ndarray:
        """What is shown, float32: the response (S, S), or the directions and how strong they are (2, S, S)."""
        if not directed:
            return gabor.response(gray, now)
        found = gabor.orientations(gray, now)
        return np.stack([found.angle, found.strength])

    def drawn_as_shown() -> np.ndarray:
        """The same in colours, uint8 (S, S, 3), on the locked scale where there is one."""
        if not directed:
            return bank_drawn(numbers()[None, None], locked)
        angle, strength = numbers()
        return picture.directions(angle, strength, locked)

    show.take_away(
        "gabor",
        picture=drawn_as_shown,
        array=numbers,
        python=code.gabor_as_python(now, lines, directed, drawn),
        link=current.link("gabor", **stands),
        file=file_name("gabor", name, seen, gabor.to_link(now)),
    )


@st.fragment
@show.refusals()
def bank() -> None:
    """Orientation x frequency x sigma over several images."""
    # ask
    asked = []
    with st.container(horizontal=True, key="lab-head"):
        heading("gabor-view", views, view)
        if folded := show.presenting():  # on a stage the filters are chosen before
            fold = st.popover("Filters", icon=":material/tune:")
    for place, (label, key, offered, first) in zip([fold] * 3 if folded else st.columns(3), BANK, strict=True):
        with place:
            linked(key, first, set(offered).issuperset, listed)
            asked.append(st.multiselect(label, offered, key=key))
            note(key, first)
    thetas, frequencies, sigmas = asked
    filters = gabor.bank(thetas, frequencies, sigmas)
    if not 0 < len(filters) <= 64:
        st.info("Choose at least one orientation, frequency and sigma, and at most 64 filters together.")
        return

    # compute and show
    if not show.presenting():
        show.say(f"{len(filters)} filters; each column has one colour scale, so images can be compared.")
    small = pictures.beside(photo, 128)
    directions = gabor.Gabor(frequencies[0], 0.0, sigmas[-1])
    chosen = gaborbank(small, filters, directions, big=show.presenting())
    if chosen:
        hold(chosen)
    show.take_away(
        "gabor-bank",
        picture=lambda: bank_drawn(np.stack([gabor.responses(g, filters) for g in small.values()])),
        array=lambda: np.stack([gabor.responses(g, filters) for g in small.values()]),
        python=code.bank_as_python(thetas, frequencies, sigmas, show.opening(photo)),
        link=current.link("gabor", **{"gabor-view": view} | {key: st.session_state[key] for _, key, _, _ in BANK}),
        file=file_name("gabor-bank", photo.name),
    )


def bank_drawn(responses: np.ndarray, locked: float = 0.0) -> np.ndarray:
    """The bank as it stands on the page, uint8: images (n) down, filters (F) across, one colour scale per filter.

    The scale ends at `locked` where that is above 0.
    """
    most = locked or responses.max((0, 2, 3), keepdims=True)  # (n, F, S, S) -> (1, F, 1, 1)
    scaled = np.minimum(responses / np.where(most > 0, most, 1), 1)
    painted = picture.colourise(scaled.reshape(-1, *scaled.shape[2:]), picture.HEAT)
    return picture.grid(painted, responses.shape[1])


@st.fragment
@show.refusals()
def first_layer() -> None:
    """A Gabor for every first-layer filter of the net; take one by hand, or put them all in its place."""
    heading("gabor-view", views, view)
    layer = firstlayer.layer()
    if layer is None:
        return
    model = current.engine().model(current.model())
    fits = firstlayer.fits(model.fingerprint, layer)
    mine = {i: wave for (net, i), wave in lab.grafts.items() if net == model.fingerprint}
    wide, aside = st.columns([2, 1], gap="large")
    with wide:
        firstlayer.gallery(model, layer, fits)
        at = one_of_them(fits)
        grafted = firstlayer.transplant(model, layer, fits, mine, photo)
        if mine:
            st.button("Restore the learned filters", type="tertiary", on_click=lab.grafts.clear)
    with aside:
        firstlayer.compassed(fits)
        show.take_away(
            "first-layer",
            picture=lambda: firstlayer.figure(model, layer, fits),
            array=lambda: grafted,
            link=current.link("gabor", **{"gabor-view": view, "filter": at, "least": noted("least")}),
            file=file_name("first-layer", model.title, "with-gabors" if mine else ""),
        )


def one_of_them(fits: Sequence[Fit]) -> int:
    """Which filter is picked; it can be matched by hand, or its fit be loaded."""
    order = sorted(range(len(fits)), key=lambda i: -fits[i].r2)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        at = controls.pick(
            "Filter", "filter", order, order[0], parse=int, words=lambda i: f"Filter {i}, R² {fits[i].r2:.2f}",
            label_visibility="collapsed",
        )  # fmt: skip
        by_hand = st.button("Match it by hand", icon=":material/back_hand:")
        if by_hand or st.button("Load this fit"):
            hold(gabor.Gabor() if by_hand else fits[at].gabor, firstlayer.learned(at))
    return at


{"One filter": one, "Filter bank": bank, "Learned filters": first_layer}[view]()
