"""The dashboard in the process of somebody's program, on a thread of its own: `cnnviz.show`."""

from __future__ import annotations

import os
import socket
import threading
import time
import webbrowser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from cnnviz import places, settings
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples
from cnnviz.runtime.engine import shared
from cnnviz.ui.server import guard, health, limits, password, startup

HOST = "127.0.0.1"
PATIENCE = 30.0  # seconds until the server answers
GRACE = 2  # seconds for what the browser still wants when it ends
PHOTOS = 50  # at most

Source = str | os.PathLike[str] | bytes | np.ndarray | Image.Image | Photo


@dataclass(frozen=True)
class Shown:
    """A dashboard that was opened: its address, and the network's key."""

    url: str
    key: str

    def stop(self) -> None:
        """Let go of the network; with the last one, its photos are let go of and the server ends."""
        _SHOWN.close(self.key)

    def wait(self) -> None:
        """Wait until Ctrl-C, then stop: what a script does at its end."""
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            self.stop()

    def _repr_html_(self) -> str:
        """The dashboard in a notebook."""
        return (
            f'<a href="{self.url}" target="_blank">{self.url}</a>'
            f'<iframe src="{self.url}" width="100%" height="800" style="border:0"></iframe>'
        )


def show(
    net: object,
    photos: Source | Iterable[Source] = (),
    labels: Iterable[str] | Mapping[int, str] | None = None,
    preprocess: object = None,
    name: str | None = None,
    browser: bool = False,
) -> Shown:
    """The dashboard on a network of this program: its address in `.url`; `.stop()` ends it.

    It runs on a thread of this process, for this machine alone, and answers for the weights of the moment, so the
    program may train it meanwhile. `net`, `labels`, `preprocess` and `name` are as in `Engine.add`; `photos` are paths,
    encoded bytes, PIL images, uint8 arrays (H, W, 3) or (H, W), or `Photo`s. With `browser` it is opened there, too.
    Raises `RequestError` where the network or a photo cannot be used.
    """
    settings.check()
    lent = _lent(photos)
    key = shared().add(net, name, labels, preprocess)
    startup.LENT.update(lent)
    try:
        port = _SHOWN.open(key)
    except BaseException:
        shared().remove(key)
        raise
    url = f"http://{HOST}:{port}/?{urlencode({'model': key}, safe='/')}"
    if browser:
        webbrowser.open(url)
    return Shown(url, key)


def _lent(photos: Source | Iterable[Source]) -> dict[str, Photo]:
    """The photos by name, each name once."""
    given = [photos] if isinstance(photos, (str, os.PathLike, bytes, np.ndarray, Image.Image, Photo)) else list(photos)
    if len(given) > PHOTOS:
        raise RequestError(f"There are {len(given)} photos; give {PHOTOS} at most.")
    found: dict[str, Photo] = {}
    for i, one in enumerate(given, 1):
        photo = _photo(one, f"photo {i}")
        title, again = photo.name, 1
        while title in found or title in samples():
            again += 1
            title = f"{photo.name} {again}"
        found[title] = Photo.of(photo.pixels, title, personal=False)
    return found


def _photo(source: Source, name: str) -> Photo:
    if isinstance(source, Photo):
        return source
    if not isinstance(source, np.ndarray):
        return Photo.open(source, name=name if isinstance(source, (bytes, Image.Image)) else None)
    return Photo.of(np.repeat(source[..., None], 3, 2) if source.ndim == 2 else source, name)


class _Embedded:
    """The one server of this process, up while there is a network to show."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._port = 0

    def open(self, key: str) -> int:
        """The port where the dashboard answers from now on."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._begin()
            self._keys.add(key)
            return self._port

    def close(self, key: str) -> None:
        """One network less; without effect where it is gone already."""
        shared().remove(key)
        with self._lock:
            self._keys.discard(key)
            if self._keys or self._thread is None:
                return
            startup.LENT.clear()
            self._server.should_exit = True
            self._thread.join()
            self._thread = None

    def _begin(self) -> None:
        import uvicorn
        from streamlit.runtime import Runtime
        from streamlit.web.server.starlette.starlette_server import _get_uvicorn_config_kwargs

        if Runtime.exists():
            raise RequestError("Streamlit runs in this process already; call cnnviz.show from a program of its own.")
        listening = self._listening()
        self._port = listening.getsockname()[1]
        about = {"timeout_graceful_shutdown": GRACE, "log_config": None, "log_level": "error"}
        self._server = uvicorn.Server(uvicorn.Config(_app(self._port), **{**_get_uvicorn_config_kwargs(), **about}))
        self._thread = threading.Thread(target=self._run, args=(listening,), name="cnnviz-show", daemon=True)
        self._thread.start()
        patience = time.monotonic() + PATIENCE
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > patience:
                raise RequestError("The dashboard did not start; look at the messages above.")
            time.sleep(0.01)

    def _listening(self) -> socket.socket:
        """At the port of the last time, where it is free: an open tab finds the dashboard again."""
        try:
            return socket.create_server((HOST, self._port))
        except OSError:
            return socket.create_server((HOST, 0))

    def _run(self, listening: socket.socket) -> None:
        from streamlit.runtime import Runtime

        try:
            self._server.run(sockets=[listening])
        finally:
            listening.close()
            Runtime._instance = None  # Streamlit itself never begins anew in a process


def _app(port: int) -> Any:
    """The dashboard as app.py has it, with Streamlit's options for this server."""
    import streamlit as st
    from starlette.middleware import Middleware
    from streamlit import config
    from streamlit.web import bootstrap

    from cnnviz.ui.shell import document, main

    config._main_script_path = str(places.APP)  # beside it lies .streamlit/config.toml
    options = {"server.address": HOST, "server.port": port, "server.headless": True}
    bootstrap.load_config_options(options)
    startup.START.begin(guest=True)
    return st.App(
        main.__file__,
        lifespan=startup.lifespan,
        routes=health.ROUTES,
        middleware=[
            *(Middleware(guard.Guarded), Middleware(password.Locked), Middleware(limits.Limited)),
            *(Middleware(document.Styled), Middleware(health.Fenced)),
        ],
    )


_SHOWN = _Embedded()
