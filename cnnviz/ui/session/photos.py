"""The photos people brought along, of all visits together: bounded in bytes, and gone soon after their visit."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from typing import Any, Protocol

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cnnviz.photo import PIXELS, Photo, PhotoError
from cnnviz.ui.server import jobs, startup
from cnnviz.ui.session.visit import Visit, connected, this_visit, visit_id

ROOM = 2**30  # bytes for the decoded photos of all visits together
MOST = 24  # photos of a visit; `ROOM` bounds those of all visits together
STORES = ("_mine", "_many")  # the photos of the sidebar, and those of the pages that take many
DECODING = threading.BoundedSemaphore(2)  # 50 megapixels take 200 MiB while they are decoded
SWEEPER = "cnnviz-photos"  # the thread that does it
GRACE = 90.0  # seconds until a visit whose tab was closed is over; a network hiccup is shorter


class PhotoStore(dict[str, Photo]):
    """One visit's photos by name; `lost` tells that photos had to make room for somebody's newer ones.

    `visit` is what the visit keeps beside them, some of which holds photos, too.
    """

    def __init__(self, visit: Visit) -> None:
        super().__init__()
        self.visit, self.lost = visit, False

    def bytes(self) -> int:
        """Bytes of the pixels."""
        return sum(photo.pixels.nbytes for photo in list(self.values()))

    def give_up(self, name: str) -> None:
        """Lose a photo to somebody's newer one, and everything of the visit that may hold it."""
        photo = self.pop(name, None)
        self.lost = True
        if photo is not None:
            self.visit.forget_photo(photo.digest)


_stores: list[weakref.ref[PhotoStore]] = []  # the oldest visit first
_cleanups: dict[str, PhotoCleanup] = {}  # by visit
_lock = threading.Lock()


def photo_store(name: str) -> PhotoStore:
    """The photo store of that name of the present visit."""
    if name not in st.session_state:
        st.session_state[name] = made = PhotoStore(this_visit())
        with _lock:
            _stores[:] = [ref for ref in _stores if ref() is not None] + [weakref.ref(made)]
    store: PhotoStore = st.session_state[name]
    return store


def put(into: PhotoStore, name: str, photo: Photo) -> None:
    """Take a photo in; where there is no room, photos of the oldest visits go first, its own last."""
    with _lock:
        into[name] = photo
        others = [found for ref in _stores if (found := ref()) is not None and found is not into]
        for other in [*others, into]:
            for old in list(other):
                if sum(found.bytes() for found in (*others, into)) <= ROOM:
                    return
                if other is not into or old != name:
                    other.give_up(old)


def let_go(file: Any) -> None:
    """Forget the bytes of an uploaded file as they came, with all that a camera writes beside the pixels."""
    context = get_script_run_ctx()
    if context is not None and (ident := getattr(file, "file_id", None)):
        files: Any = context.uploaded_file_mgr  # the one in memory, which has more than its protocol
        files.remove_file(context.session_id, ident)


def let_all_go() -> None:
    """Forget the bytes of every file this visit uploaded."""
    if (context := get_script_run_ctx()) is not None:
        context.uploaded_file_mgr.remove_session_files(context.session_id)


class Brought(Protocol):
    """What one visit brought along of one kind."""

    visit: Visit

    def __len__(self) -> int: ...

    def clear(self) -> None:
        """Let go of all."""


def watched(*stores: Brought) -> None:
    """See to it that what this visit brought along goes when its tab has been closed for a while."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return
    with _lock:
        _cleanups[context.session_id] = PhotoCleanup(stores, context.session_id, context.uploaded_file_mgr)
        if len(_cleanups) == 1 and not any(thread.name == SWEEPER for thread in threading.enumerate()):
            threading.Thread(target=_sweeping, name=SWEEPER, daemon=True).start()


def sweep(since: dict[str, float], now: float) -> None:
    """Clear up after each visit that is over; `since` has when those were seen to be gone that may come back.

    Streamlit ends a visit whose tab was closed only when it next looks for one of its visits, which may be never.
    """
    with _lock:
        cleanups = dict(_cleanups)
    for session, cleanup in cleanups.items():
        if connected(session):
            since.pop(session, None)
        elif now - since.setdefault(session, now) >= GRACE:
            since.pop(session, None)
            with _lock:
                _cleanups.pop(session, None)
            with contextlib.suppress(Exception):  # of one visit must not keep the photos of all others
                cleanup.clear()


def _sweeping() -> None:
    since: dict[str, float] = {}
    unused: dict[str, tuple[Any, float]] = {}
    while True:
        time.sleep(min(5.0, GRACE / 4))
        with contextlib.suppress(Exception):
            sweep(since, time.monotonic())
        with contextlib.suppress(Exception):
            remove_unused(runtime.get_instance().media_file_mgr, unused, time.monotonic())


class PhotoCleanup:
    """Forgets what a visit brought along and keeps, some time after its tab was closed."""

    def __init__(self, stores: tuple[Brought, ...], session: str, files: Any) -> None:
        self.stores, self.session, self.files = stores, session, files

    def clear(self) -> None:
        """Forget photos and networks, their files and what was computed from them, unless the visit goes on."""
        if runtime.exists() and runtime.get_instance().is_active_session(self.session):
            return
        self.files.remove_session_files(self.session)
        brought = any(self.stores)
        for store in self.stores:
            store.clear()
            store.visit.forget()
        if brought and (engine := startup.START.loaded()):
            engine.purge()
        if runtime.exists():
            _remove_files(runtime.get_instance().media_file_mgr, self.session)


def _remove_files(files: Any, session: str) -> None:
    """Remove the pictures and downloads of a visit alone: what others make and fetch meanwhile stays."""
    with files._lock:
        of_all = {whose: set(named.values()) for whose, named in files._files_by_session_and_coord.items()}
        own = of_all.pop(session, set()).difference(*of_all.values())
        for ident in own & set(files._file_metadata):
            files._delete_file(ident)
        for ident in list(files._deferred_ids_by_session.get(session, ())):
            files._drop_deferred_id(ident)
    files.clear_session_refs(session)


def remove_unused(files: Any, unused: dict[str, tuple[Any, float]], now: float) -> None:
    """Remove the files that no page has shown for `GRACE` seconds; `unused` has since when none does.

    No page shows a download that is made when it is asked for, so that it belongs to no visit. Streamlit removes such
    a file at the end of the next page run but one, of whomever, which may be never.
    """
    with files._lock:
        idle = {ident: files._file_metadata[ident] for ident in files._get_inactive_file_ids()}
        for ident, (made, _) in list(unused.items()):
            if idle.get(ident) is not made:  # gone, shown again or made again
                del unused[ident]
        for ident, made in idle.items():
            if now - unused.setdefault(ident, (made, now))[1] >= GRACE:
                files._delete_file(ident)
                del unused[ident]


def own_photos() -> dict[str, Photo]:
    """The photos this visit brought along, by the name they have in its link (mine-1, mine-2, ...)."""
    return dict(photo_store("_mine"))


def decoded(file: Any, pixels: int = PIXELS) -> Photo:
    """The photo in an uploaded file, of at most so many pixels. Raises `PhotoError` where it is none."""
    with DECODING:
        return Photo.open(file, name=file.name, pixels=pixels)


def next_name() -> str:
    """What the link of this visit calls its next photo."""
    st.session_state["_brought"] = count = st.session_state.get("_brought", 0) + 1
    return f"mine-{count}"


def add_photo(file: Any) -> None:
    """Take an uploaded file in and make it the current photo; what is kept is its pixels.

    Raises `PhotoError` where it is none, or one too many.
    """
    store = photo_store("_mine")
    if len(store) >= MOST:
        raise PhotoError(f"{file.name}: {MOST} photos are kept at most; forget some first.")
    taken = decoded(file)
    name = next((n for n, p in list(store.items()) if p.digest == taken.digest), None)
    if name is None:
        put(store, name := next_name(), taken)
    st.session_state["photo"] = name


def forget_photo(digest: str) -> None:
    """Drop one photo of this visit, whatever may hold it, and all the engine derived from personal photos."""
    for store in map(photo_store, STORES):
        for name in [name for name, photo in list(store.items()) if photo.digest == digest]:
            del store[name]
    if not any(map(photo_store, STORES)):
        return forget_photos()
    this_visit().forget_photo(digest)
    if st.session_state["photo"] not in {*own_photos(), *startup.photos()}:
        st.session_state["photo"] = next(reversed(own_photos()), startup.photos()[0])
    return _forget_derived()


def forget_photos() -> None:
    """Drop this visit's photos and files, pictures made of them, and all the engine derived from personal photos."""
    for name in STORES:
        photo_store(name).clear()
    let_all_go()
    this_visit().forget()
    st.session_state["photo"] = startup.photos()[0]
    _forget_derived()


def _forget_derived() -> None:
    jobs.JOBS.forget_personal(visit_id())
    if engine := startup.START.loaded():
        engine.purge()
