"""The engine behind the pages: loaded by a thread of its own when the server starts, so that pages paint first."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from streamlit.runtime.scriptrunner import get_script_run_ctx

from cnnviz import settings
from cnnviz.models import catalog, stamps, timm_nets, weights  # list nets without torch
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples
from cnnviz.ui.server import connections, event_loop, memory

if TYPE_CHECKING:
    from cnnviz.runtime.engine import Engine

T = TypeVar("T")
SPOOL = 2**31  # bytes, beyond any upload that `server.maxUploadSize` lets through
PATIENCE = 1.0  # seconds until the port answers
EVERYDAY = "ImageNet"  # classes of everyday things, for a photo that none of few classes fits
SPARE = "lecture/cats_gap"  # untrained, but always there


class Start:
    """Loads the engine once, in the background, and rehearses the first picture anybody will ask for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._answered = threading.Event()
        self._engine: Engine | None = None
        self._failed: Exception | None = None

    def begin(self, guest: bool = False) -> None:
        """Start loading, unless somebody has; as a `guest`, in a program whose objects are not ours to keep."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._load, args=(guest,), name="cnnviz-start", daemon=True)
                self._thread.start()

    def ready(self) -> bool:
        """Whether the engine can be asked without waiting for it to load."""
        return self._ready.is_set()

    def answers(self) -> bool:
        """Whether the first network has answered."""
        return self._answered.is_set()

    def unready(self) -> str:
        """Why the first network has not answered, in a few words that name no folder; "" once it has."""
        if self.answers():
            return ""
        if self._failed is not None:
            return "the engine could not be loaded" if self._engine is None else "the first network cannot be used"
        return "the first network is loading" if self.ready() else "PyTorch is loading"

    def loaded(self) -> Engine | None:
        """The engine, where it is there by now."""
        return self._engine if self.ready() else None

    def engine(self, timeout: float | None = None) -> Engine:
        """The engine, waited for. Raises `RequestError` where it could not be loaded."""
        self.begin()
        self._ready.wait(timeout)
        if self._engine is None and isinstance(self._failed, RequestError):
            raise RequestError(str(self._failed))  # it says what to do; anew, for each thread has its own traceback
        if self._engine is None:
            why = f" ({self._failed})" if self._failed else ""
            raise RequestError(f"The engine could not be loaded{why}; check that torch is installed, then start again.")
        return self._engine

    def _load(self, guest: bool) -> None:
        try:
            settings.check()
            from cnnviz.runtime.engine import shared

            self._engine = shared()
            self._engine.gate.asker = _visit
        except Exception as error:  # whatever went wrong with torch is told on the page, not lost in a thread
            self._failed = error
            return self._ready.set()
        self._ready.set()
        try:
            rehearse(self._engine)
            self._answered.set()
        except Exception as error:  # told to whoever asks whether the server is ready; pages serve other networks
            self._failed = error
        if guest:
            return
        gc.collect()
        gc.freeze()  # torch's 400,000 objects are here to stay: no collection needs to walk them again
        import pandas  # type: ignore[import-untyped]  # noqa: F401  # half a second that the first table would take

        with contextlib.suppress(Exception):  # five seconds that the first ImageNet net would take; told where needed
            import torchvision  # noqa: F401
        return gc.freeze()


START = Start()
_LISTED: ContextVar[list[tuple[tuple[catalog.ModelInfo, ...], str]] | None] = ContextVar("listed", default=None)
LENT: dict[str, Photo] = {}  # by name: photos of the program that opened the dashboard, before the samples


def photos() -> tuple[str, ...]:
    """Names of the photos that every visit has: those of the program that opened the dashboard, then the samples."""
    return (*LENT, *samples())


def sample(name: str) -> Photo:
    """The photo of one of these names."""
    return LENT[name] if name in LENT else Photo.sample(name)


def _visit() -> str | None:
    """The visit whose page is computed by this thread."""
    return getattr(get_script_run_ctx(suppress_warning=True), "session_id", None)


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """The server's life: load the engine as it comes up, and open a browser where `streamlit run` would."""
    from streamlit import config
    from streamlit.web import server

    set_up()
    event_loop.set_up(asyncio.get_running_loop())
    memory.set_up()
    connections.bound()
    settings.share_cores()
    START.begin()
    if not config.get_option("server.headless"):
        url = server.server_util.get_url("127.0.0.1")
        opener = threading.Timer(PATIENCE, webbrowser.open, (url,))
        opener.daemon = True
        opener.start()
    yield


def set_up() -> None:
    """What Streamlit must do otherwise: it asks nobody, keeps uploads in memory, and tells files apart by every byte.

    Above 1 MB Streamlit knows a file by its length and three samples of 64 KB, and serves the one that it had first: an
    array that differs elsewhere would come as the one before, or as another visitor's.
    """
    from starlette.formparsers import MultiPartParser
    from streamlit import net_util
    from streamlit.runtime import memory_media_file_storage

    net_util.get_external_ip = lambda: None  # it asks a service of others, at the start and for strangers' origins
    MultiPartParser.spool_max_size = SPOOL  # an upload of more than 1 MB would pass through a file on disk
    memory_media_file_storage._PARTIAL_HASH_THRESHOLD = sys.maxsize  # type: ignore[misc]


def drawn(key: tuple[Hashable, ...], draw: Callable[[], T], personal: bool) -> T:
    """A picture of what `key` names exactly, encoded once as long as the engine's memory has it."""
    engine = START.loaded()
    return draw() if engine is None else engine.cache.get(("drawn", *key), draw, personal=personal)


def public() -> bool:
    """Whether strangers are served, who may neither train nor leave data behind, nor make the server download.

    Where the setting cannot be read, they are: nothing is opened by mistake.
    """
    try:
        return settings.public()
    except settings.SettingError:
        return True


def _hidden() -> tuple[str, ...]:
    """What strangers see no networks of: those that would be downloaded, and runs, unless these are offered to them."""
    with contextlib.suppress(settings.SettingError):
        if settings.offer_runs():
            return ("download",)
    return "download", "run"


def rows() -> tuple[catalog.ModelInfo, ...]:
    """The nets that can be chosen, as `Engine.models` lists them, also before the engine is there."""
    return listing()[0]


def listing() -> tuple[tuple[catalog.ModelInfo, ...], str]:
    """The nets that can be chosen, and why those of the weights folder are not among them: "" where they are."""
    held = _LISTED.get()
    if not held:
        found = _listing()
        if held is None:
            return found
        held.append(found)
    return held[0]


@contextlib.contextmanager
def listing_once() -> Iterator[None]:
    """Within the block the nets are listed once, and the files of each looked at once: a page asks dozens of times."""
    token = _LISTED.set([])
    try:
        with stamps.once():
            yield
    finally:
        _LISTED.reset(token)


def _listing() -> tuple[tuple[catalog.ModelInfo, ...], str]:
    try:
        listed = engine.models() if (engine := START.loaded()) else catalog.rows()
        why = ""
    except (RequestError, OSError) as error:  # the folder was never there, or went while the server was up
        listed, why = catalog.spare(), str(error)
    if public():
        return tuple(row for row in listed if row.where not in _hidden()), why and "The weights folder is not there."
    return listed, why


def asked(key: str) -> catalog.ModelInfo | None:
    """The line of a net that the list leaves out, and that may be asked for by its key all the same."""
    engine = START.loaded()
    try:
        row = catalog.asked(key, engine.weights if engine else None)
    except (RequestError, OSError):  # as in `listing`
        return None
    return None if row is None or (public() and row.where in _hidden()) else row


def library() -> tuple[catalog.ModelInfo, ...]:
    """Every network of timm, as a download; none where timm is not installed, or strangers are served."""
    return () if public() or not timm_nets.installed() else _library()


@functools.cache
def _library() -> tuple[catalog.ModelInfo, ...]:
    return tuple(
        catalog.ModelInfo(f"timm/{name}", f"{name} (timm)", net.parameters, 4 * net.parameters, "download")
        for name, net in sorted(timm_nets.table().items())
    )


def snapshots(run: str) -> list[str]:
    """What the weights of a run, run/<id>, can be asked for by: best, last and its steps; nothing for other keys."""
    kind, _, name = run.partition("/")
    runs = engine.runs if (engine := START.loaded()) else None
    folder = catalog.run_folders(settings.runs(runs)).get(name) if kind == "run" else None
    if folder is None:
        return []
    steps = list(map(str, weights.snapshots(folder)))
    return ["best", *(["last", *steps] if steps else [])]


def everyday(listed: tuple[catalog.ModelInfo, ...]) -> catalog.ModelInfo | None:
    """The first network on the disk that knows the 1,000 classes of ImageNet; None where there is none."""
    return next((row for row in listed if row.data == EVERYDAY and row.where == "on disk"), None)


def opening(listed: tuple[catalog.ModelInfo, ...]) -> str:
    """The key of the net of a bare address: as `first`, but of those that are no program's own the widest at hand."""
    key, wide = first(listed), everyday(listed)
    return key if wide is None or key.startswith("live/") else wide.key


def first(listed: tuple[catalog.ModelInfo, ...]) -> str:
    """The key of the net that a link without one means: the program's own, else the first at hand that is trained."""
    own = next((row.key for row in listed if row.where == "live"), None)
    best = own or next(
        (row.key for where in ("bundled", "run", "on disk") for row in listed if row.where == where), None
    )
    return best or SPARE


def methods() -> dict[str, Any]:
    """The ways to make a heat map, by name: title, what it says, what it reads, its options."""
    from cnnviz.attribution.methods import METHODS  # brings in torch, so only once somebody asks

    return METHODS


def rehearse(engine: Engine) -> None:
    """Ask what the first visitor will see: the first net, the first photo."""
    from cnnviz import picture

    key, photo = opening(engine.models()), sample(photos()[0])
    engine.predict(key, photo)
    picture.encode(picture.overlay(photo, engine.heatmap(key, photo)))
    engine.all_activations(key, photo, engine.stages(key))
