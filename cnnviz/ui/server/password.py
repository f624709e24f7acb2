"""One password for all visitors, asked before anything else of the server: pages, uploads, images, connections."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse

from cnnviz import settings
from cnnviz.ui.server.guard import Message, Receive, Scope, Send
from cnnviz.ui.server.limits import Pace, address

COOKIE = "cnnviz_pass"  # a browser that has said the password; connections carry it, which prompt for nothing
OPEN = ("/health", "/ready", "/_stcore/health")  # of whoever looks after the server
_KEY = secrets.token_bytes(32)  # of this process: after another start the password is asked for again
TRIES = Pace(lambda: 10.0, lambda: 10.0)  # wrong ones of an address


class Locked:
    """An ASGI application that answers as another one does, once the password was said, where one is set."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = settings.password()
        if not wanted or scope["type"] not in ("http", "websocket") or scope["path"] in OPEN:
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if _same(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""), _token(wanted)):
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008, "reason": "password"})
        said = _said(headers.get("authorization", ""))
        status, words = 401, "This server asks for a password; any name will do.\n"
        if said is not None:
            if not TRIES.has(address(scope)):
                status, words = 429, "Too many wrong passwords from this address; try again in a minute.\n"
            elif _same(said, wanted):
                return await self.app(
                    scope, receive, _with_cookie(send, _token(wanted), scope.get("scheme") == "https")
                )
            else:
                TRIES.taken(address(scope))
        ask = {"www-authenticate": 'Basic realm="cnnviz", charset="UTF-8"', "cache-control": "no-store"}
        return await PlainTextResponse(words, status, headers=ask if status == 401 else None)(scope, receive, send)


def _said(header: str) -> str | None:
    """The password in a header of basic authentication; None where there is none."""
    kind, _, coded = header.partition(" ")
    if kind.lower() != "basic" or len(coded) > 2000:
        return None
    try:
        return base64.b64decode(coded, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _token(password: str) -> str:
    return hmac.new(_KEY, password.encode(), hashlib.sha256).hexdigest()


def _same(one: str, other: str) -> bool:
    """Whether these are equal, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(hashlib.sha256(one.encode()).digest(), hashlib.sha256(other.encode()).digest())


def _with_cookie(send: Send, token: str, secure: bool) -> Send:
    cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{'; Secure' * secure}"

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"set-cookie", cookie.encode())]}
        await send(message)

    return told
