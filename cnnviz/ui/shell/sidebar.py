"""The sidebar: which net, which photo, the presenter's switch, and what becomes of people's photos."""

from __future__ import annotations

import collections
import functools
import html
import io
from collections.abc import Mapping
from typing import Any

import streamlit as st

from cnnviz.image_file import in_words
from cnnviz.models import catalog
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples
from cnnviz.picture import data_url
from cnnviz.ui.server import startup
from cnnviz.ui.session import address, link, networks, uploads, visit
from cnnviz.ui.session.photos import MOST, add_photo, own_photos, photo_store
from cnnviz.ui.session.visit import OWN
from cnnviz.ui.shell import checkpoint_upload, network_list, network_upload
from cnnviz.ui.widgets import crop, forgetting, network, show
from cnnviz.ui.widgets.controls import pick, tick

THUMB = 96  # px
GONE = "_net_gone"  # which net went while it was shown, which one is shown instead, and on which page
NETLESS = {"present", "set", "run"}  # what an address says that has nothing to do with a network
ELSEWHERE = "The link names a network that was uploaded in another visit and is gone; load its file here again."


def draw() -> tuple[Any, Any]:
    """Net, photos and the presenter's switch; returns the places for what is drawn when the page is done: what is known
    of a checkpoint, and the `foot`.
    """
    with st.sidebar:
        _net()
        about = st.container()
        _photos()
        place = st.container()
        present()
    return about, place


def _net() -> None:
    listed, why = startup.listing()
    if why:
        st.error(show.plain(why), icon=":material/error:")
    listed = (*networks.own_rows(), *listed)
    order = ["live", "uploaded", "bundled", "run", "on disk", "untrained", "download"]
    listed = tuple(sorted(listed, key=lambda row: order.index(row.where) if row.where in order else len(order)))
    named = {row.key: network_list.words(row) for row in listed}
    often = collections.Counter(named.values())
    named = {key: words if often[words] == 1 else f"{words} · {key}" for key, words in named.items()}
    _back()
    named = network_list.complete(named)
    first, opening = startup.first(listed), startup.opening(listed)
    alone = not {*st.query_params} - NETLESS
    if link.noted("model") is None and alone:
        st.session_state["model"] = opening
    before = link.noted("model")
    # a link says which one it is wherever an address without a query would mean another; but who goes back to such an
    # address is left there, or the way back would never lead out
    named_in_links = opening != first and not (alone and address.went_back())
    chosen = pick(
        "Network", "model", list(named), opening if alone else first, words=lambda key: named.get(key, key),
        always=named_in_links, accept_new_options=True,
    )  # fmt: skip
    if before is not None and before not in named and before != chosen and not why:
        st.session_state[GONE] = before, chosen, visit.page()
    _gone(named)
    _strange(named)
    _snapshot(chosen)
    _live(chosen)
    (network_upload if startup.public() else checkpoint_upload).draw()


def _gone(named: Mapping[str, str]) -> None:
    """A sentence where the net that this visit had is not in the list any more, until another is picked."""
    before, instead, page = st.session_state.get(GONE, ("", "", ""))
    if (instead, page) != (st.session_state["model"], visit.page()):
        st.session_state.pop(GONE, None)
        return
    name = before.partition("/")[2] or before
    st.warning(show.plain(f"{name} is no longer here; this is {named[instead]}."), icon=":material/link_off:")


def _back() -> None:
    """Where the net that was picked could not be had: pick the one that the page shows."""
    if (shown := st.session_state.pop(network.INSTEAD, None)) is not None:
        st.session_state["model"] = shown


def _snapshot(key: str) -> None:
    """Which of its weights a run is asked with: the best, the last, or those after a step."""
    run, _, which = key.partition("@")
    kept = startup.snapshots(run)
    if len(kept) < 2:
        return

    def take() -> None:
        st.session_state["model"] = f"{run}@{st.session_state[name]}"

    name = f"snapshot of {run}"
    st.session_state[name] = which
    st.selectbox("Snapshot", kept, key=name, on_change=take, format_func=lambda w: f"step {w}" if w.isdecimal() else w)


def _live(key: str) -> None:
    """How a network of the program's own is asked: what its input is made by, and whether that was given."""
    if key.startswith("live/") and startup.START.ready():
        with show.refusals():
            st.caption(show.plain(startup.START.engine().model(key).source))


def _strange(known: Mapping[str, str]) -> None:
    """A sentence where a link or what was typed names a net that is not here, until another one is picked."""
    said = link.strange_of("model")
    if said is not None:
        words = f"There is no network {said.text[:60]!r} here; this is {known[said.instead]}."
        if said.text.startswith(catalog.UPLOAD):
            words = f"{ELSEWHERE} This is {known[said.instead]}."
        st.warning(show.plain(words), icon=":material/link_off:")


def unknown_photo() -> str:
    """A sentence where a link names a photo that is not here, until another one is picked; else ""."""
    said = link.strange_of("photo")
    if said is None or said.text == OWN:
        return ""
    return f"There is no photo {said.text[:60]!r} here; this is {_named(_offered())[said.instead]}."


def _offered() -> dict[str, Photo]:
    """The photos to choose from by their keys: the samples, and the visit's own."""
    return {**{name: startup.sample(name) for name in startup.photos()}, **own_photos()}


def _photos() -> None:
    mine, photos = own_photos(), _offered()
    options, named = [*reversed(mine), *startup.photos()], _named(photos)
    st.html(f"<style>{''.join(_thumb(i, photos[name]) for i, name in enumerate(options, 1))}</style>")
    asked = st.query_params.get("photo")
    link.linked("photo", startup.photos()[0], lambda value: value in options, str)
    written = {name: show.plain(words) for name, words in named.items()}  # a name such as **x** is no markdown
    link.called("photo", written[st.session_state["photo"]])
    st.pills("Photo", options, key="photo", required=True, format_func=written.__getitem__)
    link.note("photo", startup.photos()[0], secret=st.session_state["photo"] in mine)
    crop.control()
    if told := photos[st.session_state["photo"]].note:
        st.caption(show.plain(told))
    if asked == OWN and not mine and "_brought" not in st.session_state:
        st.session_state["_gone"] = True
    if st.session_state.get("_gone") and "_brought" not in st.session_state:
        st.info("Your own photos do not survive a reload and are never part of a link; add them again.")
    if photo_store("_mine").lost:
        photo_store("_mine").lost = False
        st.info("Some of your photos were removed to make room for newer ones; add them again.")
    turn = uploads.turn("photos")  # a fresh uploader after each upload: the strip shows the photos
    with st.container(key="adding-here", gap=None):
        show.refused(uploads.refused("photos", "upload", "camera"))
        _uploader("Add photos", f"upload-{turn}")
    if st.toggle("Camera", key="camera-on", persist_state="session"):
        key = f"camera-{turn}"
        st.camera_input("Take a photo", key=key, on_change=_bring, args=(key,), resolution="480p")
    forgetting.draw("mine", {photo.digest: named[name] for name, photo in mine.items()})


def _bring(key: str) -> None:
    uploads.take("photos", "photo", key, add_photo)


def invite() -> None:
    """The sidebar's "Add photos" once more, for the first screen: on a phone the sidebar is shut."""
    with st.container(key="adding-home", gap=None):
        _uploader("Add your photo", f"invite-{uploads.turn('photos')}")
        show.refused(uploads.refused("photos", "invite"))


def _uploader(label: str, key: str) -> None:
    st.file_uploader(
        label, accept_multiple_files=True, key=key, on_change=_bring, args=(key,),
        max_upload_size=uploads.limit("photo"), help=f"{in_words()}; {MOST} photos at most",
    )  # fmt: skip


def foot() -> None:
    """The device in words, and what becomes of people's photos."""
    words = "Loading PyTorch"
    if startup.START.ready():
        try:
            engine = startup.START.engine()
            _, waiting = engine.busy()
            words = engine.device + (f" · {waiting} waiting" if waiting else "")
        except RequestError:
            words = "No engine"
    st.html(
        f'<p class="cv-foot"><b>{html.escape(words)}</b><br>Your photos stay in this server’s memory: never on its '
        "disk, never passed on, gone within two minutes after you close this tab.</p>"
    )


def present() -> None:
    """The presenter's switch."""
    tick(
        "Present",
        "present",
        help="Large type for a lecture hall, and this sidebar as a drawer (M); arrows or a remote change pages, "
        "Esc ends it",
    )


def _named(photos: Mapping[str, Photo]) -> dict[str, str]:
    """What each photo is called on the strip: shortened, and numbered where an earlier one is called the same."""
    called: dict[str, str] = {}
    for key, photo in photos.items():
        short, again = _short(photo.name), 1
        while short in called.values():
            again += 1
            short = f"{_short(photo.name)} ({again})"
        called[key] = short
    return called


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:10]}…{name[-7:]}"


def _thumb(place: int, photo: Photo) -> str:
    """The style that lays a photo's thumbnail under the n-th pill."""
    return f".st-key-photo button:nth-of-type({place}){{background-image:url({_small(photo)})}}"


@functools.cache
def _sample(name: str) -> str:
    return _data(Photo.sample(name))


def _small(photo: Photo) -> str:
    """A thumbnail as a data address, made once: a sample's for the server, a person's own for this visit."""
    if not photo.personal and photo.name in samples():
        return _sample(photo.name)
    thumbnails = visit.this_visit().thumbnails
    if photo.digest not in thumbnails:
        thumbnails[photo.digest] = _data(photo)
    return thumbnails[photo.digest]


def _data(photo: Photo) -> str:
    small, file = photo.image(), io.BytesIO()
    short = min(small.size)
    left, top = (small.width - short) // 2, (small.height - short) // 2
    small = small.resize((THUMB, THUMB), box=(left, top, left + short, top + short), reducing_gap=2)
    small.save(file, "JPEG", quality=80)
    return data_url(file.getvalue())
