"""Which requests the server answers, and the headers of its answers.

A site that makes its own name point at this machine (DNS rebinding) could otherwise drive a server that is meant for
this machine alone, from any browser on it. Addresses in digits cannot be made to point elsewhere and are let through.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from cnnviz import settings

LOCAL = ("localhost", "*.localhost")
FRAMED = ("'self'", "http://localhost:*", "http://127.0.0.1:*")  # a notebook on this machine has the page in a frame
MEDIA = "/media/"  # pictures of photos among them: a shared computer's browser keeps none
MISDIRECTED = 421

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Guarded:
    """An ASGI application that answers as another one does, to its own names alone, with headers for browsers."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        if not answers(host):
            await _refuse(scope["type"], host, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with(message.get("headers", ()), scope["path"])}
            await send(message)

        await self.app(scope, receive, answer)


def answers(host: str) -> bool:
    """Whether a request with this Host header is answered: an address in digits, localhost, a name of CNNVIZ_HOSTS.

    A public server without CNNVIZ_HOSTS answers to every name.
    """
    names = settings.hosts()
    if "*" in names or (not names and _public()):
        return True
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    return _in_digits(name) or any(_fits(name, pattern) for pattern in (*LOCAL, *names))


def _in_digits(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _fits(name: str, pattern: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def _public() -> bool:
    try:
        return settings.public()
    except settings.SettingError:
        return False  # here the narrow choice is the other one: names are checked


def _with(headers: Any, path: str) -> list[tuple[bytes, bytes]]:
    """Headers with ours, which take the place of those of the same name."""
    ours = {
        b"content-security-policy": f"frame-ancestors {' '.join((*FRAMED, *settings.frames()))}".encode("latin-1"),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"same-origin",
    }
    if MEDIA in path:
        ours[b"cache-control"] = b"no-store"
    return [pair for pair in headers if pair[0].lower() not in ours] + list(ours.items())


async def _refuse(kind: str, host: str, receive: Receive, send: Send) -> None:
    if kind == "websocket":
        await receive()  # the request to connect, which is answered by closing
        await send({"type": "websocket.close", "code": 1008, "reason": "another host's name"})
        return
    shown = "".join(letter for letter in host[:100] if letter.isprintable())
    words = (
        f"cnnviz does not respond to the name {shown!r} here. Set CNNVIZ_HOSTS to the names this server is reached by, "
        "separated by commas, and start it again."
    ).encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(words)).encode())]
    await send({"type": "http.response.start", "status": MISDIRECTED, "headers": headers})
    await send({"type": "http.response.body", "body": words})
