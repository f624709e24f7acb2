"""The engine behind the pages: loaded by a thread of its own when the server starts, so that pages paint first."""

from __future__ import annotations

import contextlib
import gc
import threading
import webbrowser
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from cnnviz.nets import zoo  # lists nets without torch
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples

if TYPE_CHECKING:
    from cnnviz.engine import Engine

STAGES = 6
PATIENCE = 1.0  # seconds until the port answers
SPARE = "lecture/cats_gap"  # untrained, but always there


class Start:
    """Loads the engine once, in the background, and rehearses the first picture anybody will ask for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._engine: Engine | None = None
        self._failed: Exception | None = None

    def begin(self) -> None:
        """Start loading, unless somebody has."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._load, name="cnnviz-start", daemon=True)
                self._thread.start()

    def ready(self) -> bool:
        """Whether the engine can be asked without waiting for it to load."""
        return self._ready.is_set()

    def engine(self, timeout: float | None = None) -> Engine:
        """The engine, waited for. Raises `RequestError` where it could not be loaded."""
        self.begin()
        self._ready.wait(timeout)
        if self._engine is None:
            why = f" ({self._failed})" if self._failed else ""
            raise RequestError(f"The engine could not be loaded{why}; check that torch is installed, then start again.")
        return self._engine

    def _load(self) -> None:
        try:
            from cnnviz import engine as make

            self._engine = make()
        except Exception as error:  # whatever went wrong with torch is told on the page, not lost in a thread
            self._failed = error
            return self._ready.set()
        self._ready.set()
        with contextlib.suppress(RequestError):
            rehearse(self._engine)
        gc.collect()
        gc.freeze()  # torch's 400,000 objects are here to stay: no collection needs to walk them again
        with contextlib.suppress(Exception):  # five seconds that the first ImageNet net would take; told where needed
            import torchvision  # noqa: F401
        return gc.freeze()


START = Start()


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """The server's life: load the engine as it comes up, and open a browser where `streamlit run` would."""
    from streamlit import config
    from streamlit.web import server

    START.begin()
    if not config.get_option("server.headless"):
        url = server.server_util.get_url("127.0.0.1")
        opener = threading.Timer(PATIENCE, webbrowser.open, (url,))
        opener.daemon = True
        opener.start()
    yield


def rows() -> tuple[zoo.Row, ...]:
    """The nets that can be chosen, as `Engine.models` lists them, also before the engine is there."""
    return START.engine().models() if START.ready() else zoo.rows()


def first(listed: tuple[zoo.Row, ...]) -> str:
    """The key of the net to open with: one that needs no download."""
    best = next((row.key for where in ("bundled", "run", "on disk") for row in listed if row.where == where), None)
    return best or SPARE


def stages(engine: Engine, key: str) -> tuple[str, ...]:
    """At most six layers that tell a net's story: the last one at each size of its maps, pooling left out."""
    kinds = {layer.name: layer for layer in engine.layers(key).layers}
    last, kind = engine.default_layer(key), ""
    size: tuple[int, ...] = (0, 0)
    found: dict[tuple[int, ...], str] = {}
    for name in engine.map_layers(key):  # a block comes after its layers, with the size of the last of them
        if name in kinds:
            kind, size = kinds[name].kind, kinds[name].shape[-2:]
        if "Pool" not in kind and max(size) > 1:
            found[size] = name
        if name == last:
            found[size] = name
            break
    order = {name: i for i, name in enumerate(engine.map_layers(key))}
    return tuple(sorted(found.values(), key=order.__getitem__))[-STAGES:]


def methods() -> dict[str, Any]:
    """The ways to make a heat map, by name: title, what it says, what it reads, its options."""
    from cnnviz.explain.methods import METHODS  # brings in torch, so only once somebody asks

    return METHODS


def rehearse(engine: Engine) -> None:
    """Ask what the first visitor will see: the first net, the first photo."""
    from cnnviz import picture

    key, photo = first(engine.models()), Photo.sample(samples()[0])
    engine.predict(key, photo)
    picture.encode(picture.overlay(photo, engine.heatmap(key, photo)))
    engine.all_activations(key, photo, stages(engine, key))
