"""Addresses for those who look after a server: whether it is alive, whether it is ready, and what it does."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cnnviz import settings
from cnnviz.ui.server import metrics, startup

OWN = "/_stcore/metrics"  # Streamlit's
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")  # how a proxy says that somebody else asks
NEVER = {"cache-control": "no-store"}

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


def health(_: Request) -> Response:
    """200 as long as the server answers."""
    return PlainTextResponse("alive\n", headers=NEVER)


def ready(_: Request) -> Response:
    """200 once the first network has answered, else 503 with the reason."""
    why = startup.START.unready()
    return PlainTextResponse(f"{why or 'ready'}\n", 503 if why else 200, headers=NEVER)


def numbers(request: Request) -> Response:
    """The metrics, for those who may have them; for others there is no such address."""
    if not told_to(request):
        return PlainTextResponse("Not Found", 404, headers=NEVER)
    return Response(metrics.text(), media_type=metrics.TYPE, headers=NEVER)


def told_to(request: HTTPConnection) -> bool:
    """Whether who asks may have the metrics.

    Everybody where CNNVIZ_METRICS is set; else nobody on a public server, and on another one this machine alone.
    """
    try:
        if settings.metrics():
            return True
    except settings.SettingError:
        return False
    return not startup.public() and _here(request.client.host if request.client else "", request.headers)


def _here(client: str, headers: Mapping[str, str]) -> bool:
    """Whether this machine asks by an own name of it; what a proxy passes on comes from elsewhere."""
    host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
    return _loopback(client) and _loopback(host.strip("[]")) and not any(name in headers for name in FORWARDED)


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Fenced:
    """An ASGI application that answers as another one does, but has Streamlit's metrics where it has ours alone."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].endswith(OWN) and not told_to(HTTPConnection(scope)):
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


ROUTES = (Route("/health", health), Route("/ready", ready), Route("/metrics", numbers))
