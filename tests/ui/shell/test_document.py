"""The document that a browser is given first: Streamlit's, with our style in it before any script has run."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from typing import Any

import pytest

from cnnviz.ui.shell import document

HTML = b"<html><body><div id=root></div></body></html>"


def driven(answer: Coroutine[Any, Any, None]) -> None:
    """Runs what waits for nothing, without an event loop: a test in a browser may have left one in this thread."""
    with pytest.raises(StopIteration):
        answer.send(None)


def answered(path: str, kind: bytes, body: bytes, accept: bytes = b"text/html,*/*") -> tuple[dict[bytes, bytes], bytes]:
    """The headers and body that a browser gets for what an application answers in two pieces."""
    told: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert b"accept-encoding" not in dict(scope["headers"]) or b"text/html" not in accept
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"etag", b"old")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body[:9], "more_body": True})
        await send({"type": "http.response.body", "body": body[9:]})

    async def send(message: Any) -> None:
        told.append(message)

    headers = [(b"accept", accept), (b"accept-encoding", b"gzip"), (b"if-none-match", b"old")]
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers}
    driven(document.Styled(app)(scope, None, send))  # type: ignore[arg-type]
    return dict(told[0]["headers"]), b"".join(message["body"] for message in told[1:])


def test_a_page_comes_with_our_style_behind_streamlits():
    headers, body = answered("/gabor", b"text/html; charset=utf-8", HTML)
    assert body.startswith(b"<html><body><div id=root></div><style>")
    assert body.endswith(b"</script></body></html>")
    assert all(path.read_bytes() in body for path in document.STYLES)
    assert int(headers[b"content-length"]) == len(body)
    assert b"etag" not in headers  # it was that of the file without our style


def test_whatever_else_is_asked_for_stays_as_it_is():
    assert answered("/media/1.png", b"image/png", HTML)[1] == HTML
    headers, body = answered("/static/a.js", b"text/javascript", HTML, accept=b"*/*")
    assert (headers[b"etag"], body) == (b"old", HTML)
    assert answered("/odd", b"text/html", b"no end of a body")[1] == b"no end of a body"


def test_the_scripts_fetched_early_are_those_that_streamlit_has():
    script = document.early().decode()
    for kind in document.KINDS:
        assert script.count(f"/static/js/{kind}.") == 1, kind


def test_the_page_is_seen_when_its_head_stands_and_no_grey_bar_is_left():
    script = document.early().decode()
    assert script.index("import(place)") < script.index(".cv-title") < script.index("cv-ready")
    assert "stSkeleton" in script
    assert "stSidebarNavItems" in script


def test_no_style_of_the_document_asks_what_the_app_has_in_it():
    """Each element that comes or goes would have the browser style all others anew: 20 ms for another layer."""
    for place in document.STYLES:
        for selector in re.findall(r"([^{}]*):has\(", place.read_text()):
            subject = re.split(r"[\s>+~]+", selector.strip())[-1]
            assert subject.strip("&"), f"{selector}:has() is asked of every element"
            assert not re.search("stApp|stSidebar|stMain|html|body", subject), selector
