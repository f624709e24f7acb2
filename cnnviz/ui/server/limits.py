"""How much one visitor of a public server may bring and ask for: bytes, files, and how many of them in a time.

What Streamlit holds of uploads is bounded here, before a body is read, also for requests that no page has made.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from cnnviz import settings
from cnnviz.ui.server import metrics, startup
from cnnviz.ui.server.connections import network
from cnnviz.ui.server.guard import Message, Receive, Scope, Send

UPLOAD = "/_stcore/upload_file/"
FILES = 40  # of one visit that Streamlit holds at once; a page lets them go as it takes them
VISIT = 200 << 20  # bytes of these
ROOM = 1 << 30  # bytes of all visits' files
SILENCE = 20.0  # seconds without a byte of a body
SLOWEST = 20_000  # bytes of a body a second, beside a first `SILENCE`
BURST = 300  # connections of one address at once, then a few a second: a class behind one address
CONNECTS = 300.0  # connections a minute of one address after these
KNOWN = 10_000  # visitors whose pace is remembered


class Refusal(NamedTuple):
    """Why a request is not answered, and with which status."""

    status: int
    words: str


class Pace:
    """A token bucket for each visitor: so many at once, then so many a minute."""

    def __init__(self, burst: Callable[[], float], minute: Callable[[], float]) -> None:
        self.burst, self.minute = burst, minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # by visitor: tokens, and when
        self._lock = threading.Lock()

    def taken(self, visitor: str, now: float | None = None) -> bool:
        """Whether this visitor may go on, which takes one token."""
        now = time.monotonic() if now is None else now
        with self._lock:
            left = self._now(visitor, now)
            self._left.pop(visitor, None)
            self._left[visitor] = (left - 1 if left >= 1 else left), now
            if len(self._left) > KNOWN:
                self._left.popitem(last=False)
        return left >= 1

    def has(self, visitor: str) -> bool:
        """Whether this visitor may go on, which takes nothing."""
        with self._lock:
            return self._now(visitor, time.monotonic()) >= 1

    def _now(self, visitor: str, now: float) -> float:
        most = self.burst()
        left, since = self._left.get(visitor, (most, now))
        return min(most, left + (now - since) * self.minute() / 60)


class Uploads:
    """The files that Streamlit holds and those that arrive now, of one visit and of all."""

    def __init__(self) -> None:
        self.arriving: dict[object, tuple[str, int]] = {}  # by request: its visit, bytes
        self._lock = threading.Lock()

    def begin(self, request: object, visit: str, size: int) -> Refusal | None:
        """Makes room for a file, until `end`; a refusal where there is none."""
        held = _held()
        with self._lock:
            coming = [(of, bytes_) for of, bytes_ in self.arriving.values()]
            own = [bytes_ for of, bytes_ in coming if of == visit] + held.get(visit, [])
            if len(own) >= FILES or sum(own) + size > VISIT:
                return Refusal(
                    413, f"A visit may have {FILES} files of {VISIT >> 20} MB together under way; wait for some."
                )
            if sum(size_ for sizes in held.values() for size_ in sizes) + sum(n for _, n in coming) + size > ROOM:
                return Refusal(429, "This server has no room for more uploads now; try again in a minute.")
            self.arriving[request] = visit, size
        return None

    def end(self, request: object) -> None:
        """The file has arrived, or does not any more."""
        with self._lock:
            self.arriving.pop(request, None)


UPLOADS = Uploads()
UPLOADED = Pace(settings.uploads, settings.uploads)
CONNECTED = Pace(lambda: float(BURST), lambda: CONNECTS)


class Limited:
    """An ASGI application that answers as another one does, but on a public server only so much of one visitor."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not startup.public():
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket" and not CONNECTED.taken(address(scope)):
            await _closed(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "PUT" and UPLOAD in scope["path"]:
            await self._upload(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = scope["path"].partition(UPLOAD)[2].partition("/")[0]
        if not _active(visit):
            return await self.app(scope, receive, send)  # which refuses it before it reads a body
        refusal = None
        if not UPLOADED.taken(visit):
            refusal = Refusal(429, f"A visit may upload {settings.uploads():g} files a minute; try again in a minute.")
        request = object()
        size = _size(scope)
        refusal = refusal or UPLOADS.begin(request, visit, size)
        if refusal:
            metrics.REFUSED.add("upload")
            answer = PlainTextResponse(f"{refusal.words}\n", refusal.status, headers={"connection": "close"})
            return await answer(scope, receive, send)
        try:
            return await self.app(scope, _impatient(receive, size), send)
        finally:
            UPLOADS.end(request)


def address(scope: Scope) -> str:
    """Where a request is from: the other end of its connection, or what a proxy says where CNNVIZ_PROXY is set."""
    with contextlib.suppress(settings.SettingError):
        said = Headers(scope=scope).getlist("x-forwarded-for")
        if settings.proxy() and said:  # the last is the proxy's own word, the others are anybody's
            return network(said[-1].rpartition(",")[2].strip()[:60])
    return network(str((scope.get("client") or ("",))[0]))


def _impatient(receive: Receive, size: int) -> Receive:
    """The same, but a body that stops or trickles is over."""
    end = time.monotonic() + SILENCE + size / SLOWEST

    async def next_part() -> Message:
        try:
            return await asyncio.wait_for(receive(), min(SILENCE, max(0.1, end - time.monotonic())))
        except TimeoutError:
            return {"type": "http.disconnect"}

    return next_part


def _size(scope: Scope) -> int:
    """The bytes that a request says it brings; the most there may be where it does not say."""
    from streamlit import config

    most = int(config.get_option("server.maxUploadSize")) << 20
    headers = Headers(scope=scope)
    said = "" if "transfer-encoding" in headers else headers.get("content-length", "")  # a body in chunks has no length
    return min(most, int(said)) if said.isascii() and said.isdecimal() and len(said) < 16 else most


def _active(visit: str) -> bool:
    from streamlit.runtime import exists, get_instance

    return exists() and bool(get_instance().is_active_session(visit))


def _held() -> dict[str, list[int]]:
    """The bytes of each file that Streamlit holds, by visit."""
    from streamlit.runtime import exists, get_instance

    if not exists():
        return {}
    storage: Any = getattr(get_instance().uploaded_file_mgr, "file_storage", {})
    return {visit: [len(file.data) for file in list(files.values())] for visit, files in list(storage.items())}


async def _closed(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a request to connect by a refusal."""
    await receive()
    words = b"Too many connections from this address; try again in a minute.\n"
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await send({"type": "websocket.http.response.start", "status": 429, "headers": []})
        await send({"type": "websocket.http.response.body", "body": words})
    else:
        await send({"type": "websocket.close", "code": 1013, "reason": "too many connections"})
