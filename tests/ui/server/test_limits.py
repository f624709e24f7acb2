"""Uploads and connections of a public server are bounded, also of those who ask its addresses without a page."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.visitor import Visitor
from cnnviz.ui.server import limits
from cnnviz.ui.server.connections import network
from cnnviz.ui.server.limits import Limited, Pace, Uploads
from tests.dashboard import Dashboard


def test_a_visitor_has_a_burst_and_then_so_much_a_minute():
    pace = Pace(lambda: 3.0, lambda: 60.0)
    assert [pace.taken("a", now) for now in (0, 0, 0, 0, 0.5, 1.0, 1.1)] == [
        True,
        True,
        True,
        False,
        False,
        True,
        False,
    ]
    assert pace.taken("b", 1.1)
    assert pace.taken("a", 1000.0)


def test_no_more_visitors_are_remembered_than_a_few_thousand():
    pace = Pace(lambda: 3.0, lambda: 60.0)
    for number in range(limits.KNOWN + 100):
        pace.taken(str(number), 0.0)
    assert len(pace._left) == limits.KNOWN


def test_files_under_way_are_bounded_in_number_and_bytes_of_a_visit_and_of_all(monkeypatch):
    uploads = Uploads()
    monkeypatch.setattr(limits, "_held", lambda: {"a": [1000] * 10})
    for number in range(limits.FILES - 10):
        assert uploads.begin(number, "a", 1000) is None
    refusal = uploads.begin("one more", "a", 1)
    assert refusal is not None
    assert refusal.status == 413
    uploads.end(3)
    assert uploads.begin("one more", "a", 1) is None
    assert uploads.begin("large", "b", limits.VISIT + 1).status == 413
    for visit in range(limits.ROOM // limits.VISIT):
        assert uploads.begin(f"x{visit}", f"x{visit}", limits.VISIT) is None
    refusal = uploads.begin("all", "y", limits.VISIT)
    assert refusal.status == 429
    assert "no room" in refusal.words


def scope(kind: str, path: str = "/", **headers: str) -> dict[str, Any]:
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": kind, "path": path, "method": "PUT", "headers": listed, "client": ("192.0.2.7", 5)}


def test_a_body_in_chunks_counts_as_the_most_there_may_be_whatever_length_is_said_beside_it():
    most = limits._size(scope("http"))
    assert most > 1 << 20
    assert limits._size(scope("http", content_length="7")) == 7
    for said in ("1", "", "-1", "1" * 20):
        assert limits._size(scope("http", content_length=said, transfer_encoding="chunked")) == most


def test_all_addresses_of_one_network_of_ipv6_count_as_one():
    assert network("2001:db8::1") == network("2001:db8::ffff:1") == network("2001:db8::5%eth0")
    assert network("2001:db8::1") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.7") == network("192.0.2.7") == "192.0.2.7"
    assert network("198.51.100.7") != network("198.51.100.8")
    assert network("unknown") == "unknown"


def answered(app: Any, asked: dict[str, Any], *parts: Any) -> list[Any]:
    told: list[Any] = []
    given = list(parts)

    async def receive() -> Any:
        if not given:
            await asyncio.sleep(3600)
        return given.pop(0)

    async def send(message: Any) -> None:
        told.append(message)

    ran(app(asked, receive, send))
    return told


def ran(work: Coroutine[Any, Any, Any]) -> None:
    """Done in a thread of its own: in this one a browser's loop may run."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def test_connections_of_one_address_have_a_pace_and_others_go_on(monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    monkeypatch.setattr(limits, "CONNECTED", Pace(lambda: 2.0, lambda: 0.01))
    reached = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    limited = Limited(app)
    connect = {"type": "websocket.connect"}
    for _ in range(2):
        assert answered(limited, scope("websocket"), connect) == []
    assert answered(limited, scope("websocket"), connect)[0]["type"] == "websocket.close"
    able = scope("websocket") | {"extensions": {"websocket.http.response": {}}}
    assert answered(limited, able, connect)[0]["status"] == 429
    other = scope("websocket") | {"client": ("192.0.2.8", 5)}
    assert answered(limited, other, connect) == []
    assert len(reached) == 3
    monkeypatch.setenv("CNNVIZ_PUBLIC", "")
    assert answered(limited, scope("websocket"), connect) == []


def test_a_forwarded_address_counts_where_a_proxy_is_said_to_be_there(monkeypatch):
    asked = scope("http", x_forwarded_for="198.51.100.1, 203.0.113.9")
    assert limits.address(asked) == "192.0.2.7"
    monkeypatch.setenv("CNNVIZ_PROXY", "1")
    assert limits.address(asked) == "203.0.113.9"  # the proxy's own word: what comes before is the sender's
    assert limits.address(scope("http")) == "192.0.2.7"


def test_a_body_that_stops_is_over_and_gives_its_room_back(monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    monkeypatch.setattr(limits, "SILENCE", 0.2)
    monkeypatch.setattr(limits, "_active", lambda visit: True)
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            heard.append(message)

    asked = scope("http", "/_stcore/upload_file/one/two", content_length="900")
    start = time.monotonic()
    answered(Limited(app), asked, {"type": "http.request", "body": b"x", "more_body": True})
    assert time.monotonic() - start < 3
    assert len(heard) == 1
    assert limits.UPLOADS.arriving == {}


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    running = Dashboard(tmp_path_factory.mktemp("public"), "--public")
    yield running
    running.end()


def files_held(server: Dashboard) -> int:
    time.sleep(0.6)
    return int(json.loads((Path(server.places) / "watch" / "held.json").read_text())["files"])


def test_a_visit_cannot_fill_a_public_server_by_its_upload_address(public):
    """Forty files of 9 MB of one visit were all held before, until its tab was closed."""

    async def main() -> None:
        visitor = Visitor(public.address)
        await visitor.arrive()
        statuses = []
        for _ in range(limits.FILES + 5):
            url = f"/_stcore/upload_file/{visitor.session}/{uuid.uuid4()}"
            statuses.append(await asyncio.to_thread(visitor._fetcher.put, url, "x.jpg", "image/jpeg", bytes(1000)))
        assert statuses == [204] * limits.FILES + [413] * 5
        assert files_held(public) == limits.FILES
        await visitor.leave()

    ran(main())
    for _ in range(60):
        if files_held(public) == 0:
            return
    pytest.fail("the files of a closed tab are still held")
