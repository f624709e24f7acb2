"""The document that a browser is given before any script has run, with our style in it.

What arrives with a page's first run comes late: the page would be laid out twice, and jump. So would one whose elements
are drawn as grey bars of one height, until Streamlit has fetched the script of each kind.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import streamlit

from cnnviz.ui.server.guard import Message, Receive, Scope, Send

STYLES = tuple(Path(__file__).with_name(name) for name in ("style.css", "stage.css"))
END = b"</body>"  # behind Streamlit's own style, which would otherwise win where both are equally precise
LEFT_OUT = {b"accept-encoding", b"if-none-match", b"if-modified-since", b"range"}  # asks for another body than ours

KINDS = (
    "Html", "ImageList", "BidiComponent", "Selectbox", "Slider", "NumberInput", "TextInput", "Checkbox", "ButtonGroup",
    "Button", "DownloadButton", "PageLink", "FileUploader", "Multiselect", "Progress", "Spinner",
)  # fmt: skip
PRESENTING = (
    b'<script>if (new URLSearchParams(location.search).get("present") === "true") '
    b'document.documentElement.classList.add("cv-presenting");</script>'
)
# The first element of each kind is a grey bar for 0.3 s even where its script is there: that is not shown either.
SEEN = (
    "const bare = () => !document.querySelector('.cv-title, [data-testid=stException]') || "
    "!document.querySelector('[data-testid=stSidebar] [data-testid=stSidebarNavItems]') || "
    "document.querySelector('[data-testid=stMain] [data-testid=stSkeleton]'); "
    "const look = () => setTimeout(() => bare() ? look() : document.documentElement.classList.add('cv-ready'), 100); "
    "look();"
)
SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"


class Styled:
    """An ASGI application that answers as another one does, but HTML with our style at its end."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _for_a_page(scope):
            await self.app(scope, receive, send)
            return
        begun: Message = {}
        body = bytearray()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and _html(message):
                begun.update(message)
            elif begun and message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    whole = styled(bytes(body))
                    await send({**begun, "headers": _headers(begun, len(whole))})
                    await send({"type": "http.response.body", "body": whole})
            else:
                await send(message)

        asked = [(name, value) for name, value in scope["headers"] if name not in LEFT_OUT]
        await self.app({**scope, "headers": asked}, receive, answer)


def styled(html: bytes) -> bytes:
    """A document with our style as the last thing in its body, and a script that fetches Streamlit's elements early."""
    head, end, rest = html.rpartition(END)
    style = b"".join(path.read_bytes() for path in STYLES)
    return head + b"<style>" + style + b"</style>" + PRESENTING + early() + end + rest if end else html


@functools.cache
def early() -> bytes:
    """A script that imports those of Streamlit's elements, as far as it has them, and lets the page be seen drawn."""
    found = [f"./static/js/{path.name}" for kind in KINDS for path in sorted(SCRIPTS.glob(f"{kind}.*.js"))]
    script = f"Promise.allSettled({json.dumps(found)}.map((place) => import(place))).then(() => {{ {SEEN} }});"
    return f'<script type="module">{script}</script>'.encode()


def _for_a_page(scope: Scope) -> bool:
    headers = dict(scope.get("headers", ()))
    return scope["type"] == "http" and scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b"")


def _html(message: Message) -> bool:
    kind: bytes = dict(message["headers"]).get(b"content-type", b"")
    return kind.startswith(b"text/html")


def _headers(message: Message, length: int) -> list[tuple[bytes, bytes]]:
    """Those of an answer, with the new length and without what dates the file."""
    stale = {b"content-length", b"etag", b"last-modified"}
    kept = [(name, value) for name, value in message["headers"] if name.lower() not in stale]
    return [*kept, (b"content-length", str(length).encode())]
