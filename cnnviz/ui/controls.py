"""The widgets of all pages: linked pickers, the sidebar with net and photos, the presenter's frame."""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import functools
import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from cnnviz.options import Knob, Options, RequestError, knobs
from cnnviz.photo import Photo, samples
from cnnviz.ui import checkpoints, luggage, show, start, state
from cnnviz.ui.state import OWN

T = TypeVar("T")
SHORT = {"global average pooling": "GAP", "without max pooling": "no pooling", "convolutional base": "base"}
WHERE = {"bundled": "bundled", "on disk": "on disk", "run": "trained here", "untrained": "untrained"}
THUMB = 96  # px
STEPS = 1000  # the most that a slider may have


def pick(
    label: str,
    key: str,
    options: Sequence[T],
    default: T,
    *,
    parse: Callable[[str], T] = str,  # type: ignore[assignment]
    words: Callable[[T], str] = str,
    always: bool = False,
    **how: Any,
) -> T:
    """A searchable list whose value stands in the link under `key`; returns the value picked.

    The default stands in the link too where it `always` has to: where tomorrow's default is another one.
    """
    state.linked(key, default, lambda value: value in options, parse)
    st.selectbox(label, options, key=key, format_func=words, **how)
    state.note(key, None if always else default)
    return st.session_state[key]


def switch(label: str, key: str, options: Sequence[str], default: str, **how: Any) -> str:
    """A few alternatives side by side, linked; returns the one chosen."""
    state.linked(key, default, lambda value: value in options, str)
    st.segmented_control(label, options, key=key, required=True, **how)
    state.note(key, default)
    return st.session_state[key]


def slide(label: str, key: str, low: Any, high: Any, default: Any, step: Any = None, **how: Any) -> Any:
    """A slider, linked; returns its value."""
    state.linked(key, default, lambda value: low <= value <= high, type(default))
    st.slider(label, low, high, step=step, key=key, **how)
    state.note(key, default)
    return st.session_state[key]


def linked_tick(key: str, default: bool = False) -> bool:
    """Whether the switch `key` will be on, before it is drawn."""
    state.linked(key, default, lambda value: True, lambda text: text.lower() in ("true", "1", "yes"))
    return st.session_state[key]


def tick(label: str, key: str, default: bool = False, **how: Any) -> bool:
    """A switch, linked; returns whether it is on."""
    linked_tick(key, default)
    st.toggle(label, key=key, **how)
    state.note(key, default)
    return st.session_state[key]


def options(kind: type[Options], prefix: str, begin: Options | None = None, columns: int = 1) -> Options:
    """One linked widget for each knob of an options class, in so many columns; returns the options set.

    The knobs begin at the values of `begin`, or at their own defaults.
    """
    values: dict[str, Any] = {}
    places = st.columns(columns, gap="medium") if columns > 1 else [contextlib.nullcontext()]
    for i, known in enumerate(knobs(kind)):
        k = known if begin is None else dataclasses.replace(known, default=known.kind(getattr(begin, known.name)))
        key, label = f"{prefix}-{k.name}", k.name.replace("_", " ").capitalize() + (f", {k.unit}" if k.unit else "")
        with places[i % columns]:
            if k.kind is bool:
                values[k.name] = tick(label, key, k.default, help=k.help)
            elif k.choices:
                values[k.name] = pick(label, key, list(k.choices), k.default, parse=k.kind, help=k.help)
            else:
                values[k.name] = _number(label, key, k)
    return kind(**values)


def _number(label: str, key: str, k: Knob) -> Any:
    """A number between bounds as a slider; one without them, or with more steps than a hand can find, as a field."""
    low, high, step = (None if n is None else k.kind(n) for n in (k.low, k.high, k.step))
    if low is not None and high is not None and k.default is not None and (high - low) / (step or 1) <= STEPS:
        how = {"format": "%g"} if k.kind is float else {}
        return slide(label, key, low, high, k.default, step, help=k.help, **how)

    def fits(value: Any) -> bool:
        return (low is None or value >= low) and (high is None or value <= high)

    state.linked(key, k.default, fits, k.kind)
    st.number_input(label, low, high, value=None, step=step, key=key, help=k.help, placeholder="none")
    if st.session_state[key] is None and not k.optional:
        st.session_state["_notes"].pop(key, None)
        return k.default
    state.note(key, k.default)
    return st.session_state[key]


def sidebar() -> Any:
    """Net, photos and the presenter's switch; returns the place for the `foot`, drawn when the page is done."""
    with st.sidebar:
        _net()
        _photos()
        place = st.container()
        present()
    return place


def _net() -> None:
    listed, why = start.listing()
    if why:
        st.error(show.plain(why), icon=":material/error:")
    order = ["bundled", "run", "on disk", "untrained", "download"]
    listed = tuple(sorted(listed, key=lambda row: order.index(row.where) if row.where in order else len(order)))
    named = {row.key: _words(row) for row in listed}
    often = collections.Counter(named.values())
    named = {key: words if often[words] == 1 else f"{words} · {key}" for key, words in named.items()}
    asked = st.query_params.get("model")
    pick("Net", "model", list(named), start.first(listed), words=named.__getitem__)
    _strange("net", "model", asked, named)
    checkpoints.draw()


def _strange(what: str, key: str, asked: str | None, known: Mapping[str, str]) -> None:
    """A sentence where a link names a net or photo that is not here, until another one is picked."""
    now = st.session_state[key]
    if asked not in (None, OWN, *known):
        st.session_state[f"_strange_{key}"] = asked, now
    name, instead = st.session_state.get(f"_strange_{key}", (None, None))
    if name is not None and instead == now:
        st.warning(show.plain(f"There is no {what} {name!r} here; this is {known[now]}."), icon=":material/link_off:")


def _words(row: Any) -> str:
    size = f"{row.bytes / 1e6:,.0f} MB" if row.bytes >= 1e7 else f"{row.bytes / 1e6:.1f} MB"
    where = WHERE.get(row.where, f"download {size}")
    title = row.title
    for long, short in SHORT.items():
        title = title.replace(long, short)
    return title if where in title else f"{title} · {where}"


def _photos() -> None:
    mine = state.own_photos()
    options = [*reversed(mine), *samples()]
    photos = {**{name: Photo.sample(name) for name in samples()}, **mine}
    named = _named(photos)
    st.html(f"<style>{''.join(_thumb(i, photos[name]) for i, name in enumerate(options, 1))}</style>")
    asked = st.query_params.get("photo")
    state.linked("photo", samples()[0], lambda value: value in options, str)
    st.pills("Photo", options, key="photo", required=True, format_func=named.__getitem__)
    state.note("photo", samples()[0], secret=st.session_state["photo"] in mine)
    _strange("photo", "photo", asked, named)
    if asked == OWN and not mine:
        st.session_state["_gone"] = True
    if st.session_state.get("_gone") and not mine:
        st.info("A photo of one’s own outlives no reload and is part of no link; add it again.")
    if luggage.bag("_mine").lost:
        luggage.bag("_mine").lost = False
        st.info("Photos of yours made room for newer ones of others; add them again.")
    turn = st.session_state.setdefault("_turn", 0)  # a fresh uploader after each upload: the strip shows the photos

    def bring(key: str) -> None:
        files = st.session_state[key]
        st.session_state["_refused"] = state.bring(files if isinstance(files, list) else [files] if files else [])
        st.session_state["_turn"] += 1

    for sentence in st.session_state.pop("_refused", []):
        st.error(show.plain(sentence), icon=":material/error:")
        st.toast(show.plain(sentence), icon=":material/error:", duration="long")  # the sidebar may be scrolled away
    key = f"upload-{turn}"
    st.file_uploader(
        "Add photos", accept_multiple_files=True, key=key, on_change=bring, args=(key,),
        type=["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"],
    )  # fmt: skip
    if st.toggle("Camera", key="camera-on"):
        key = f"camera-{turn}"
        st.camera_input("Take a photo", key=key, on_change=bring, args=(key,), resolution="480p")
    if mine:
        st.button("Forget my photos", on_click=state.forget_photos, icon=":material/delete:", width="stretch")


def unseen() -> None:
    """What the sidebar does for the link, where there is no sidebar: net and photo are taken from it and kept."""
    keys = [row.key for row in start.rows()]
    first, mine = start.first(start.rows()), state.own_photos()
    for key, allowed, default in (("model", keys, first), ("photo", [*mine, *samples()], samples()[0])):
        state.linked(key, default, allowed.__contains__, str)
        state.note(key, default, secret=st.session_state[key] in mine)


def foot() -> None:
    """The device in words, and what becomes of people's photos."""
    words = "Loading PyTorch"
    if start.START.ready():
        try:
            engine = start.START.engine()
            _, waiting = engine.busy()
            words = engine.device + (f" · {waiting} waiting" if waiting else "")
        except RequestError:
            words = "No engine"
    st.html(
        f'<p class="cv-foot"><b>{html.escape(words)}</b><br>Your photos stay in this server’s memory: never on its '
        "disk, never passed on, gone within two minutes after you close this tab.</p>"
    )


def present() -> None:
    """The presenter's switch; it lives in the sidebar, and above the page while presenting."""
    tick("Present", "present", help="Big type and no sidebar, for a lecture hall; left and right change pages")


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
    if not photo.personal:
        return _sample(photo.name)
    kept = state.kept()
    if (name := f"thumbnail {photo.digest}") not in kept:
        kept[name] = _data(photo)
    return kept[name]


def _data(photo: Photo) -> str:
    small, file = photo.image(), io.BytesIO()
    short = min(small.size)
    left, top = (small.width - short) // 2, (small.height - short) // 2
    small = small.resize((THUMB, THUMB), box=(left, top, left + short, top + short), reducing_gap=2)
    small.save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
