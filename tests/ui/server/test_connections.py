"""Connections that make no request are closed, and one address has a share of them; on a server of uvicorn's own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from cnnviz.ui.server import connections

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def app(scope, receive, send):
    if scope["type"] == "http":
        await asyncio.sleep(1.5 if scope["path"] == "/slow" else 0)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch) -> Iterator[int]:
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    monkeypatch.setenv("CNNVIZ_CONNECTIONS", "20")
    monkeypatch.setattr(connections, "PATIENCE", 0.5)
    monkeypatch.setattr(H11Protocol, "connection_made", H11Protocol.connection_made)
    connections._watch(H11Protocol, 1000)
    server = uvicorn.Server(uvicorn.Config(app, port=0, http="h11", lifespan="off", log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def connected(port) -> Iterator[Callable[..., socket.socket]]:
    with contextlib.ExitStack() as links:

        def connect(source: str = "127.0.0.1") -> socket.socket:
            link = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0))
            return links.enter_context(link)

        yield connect


def closed(link: socket.socket) -> bool:
    link.settimeout(3)
    try:
        return link.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def answered(link: socket.socket, path: bytes = b"/") -> bool:
    link.sendall(HEAD.replace(b"/ ", path + b" ") + b"\r\n")
    told = b""
    while not told.endswith(b"\r\n\r\nok") and (part := link.recv(4096)):
        told += part
    return told.startswith(b"HTTP/1.1 200")


def test_a_request_that_does_not_go_on_is_closed_and_a_slow_answer_is_not(connected):
    silent, half, slow = (connected() for _ in range(3))
    half.sendall(HEAD)
    assert answered(slow, b"/slow")
    assert answered(slow)
    assert closed(silent)
    assert closed(half)
    slow.sendall(HEAD)  # a second request that does not go on
    assert closed(slow)


def test_who_was_answered_a_moment_ago_has_time_for_another_request():
    class Link:
        closed = False

        def is_closing(self):
            return self.closed

        def abort(self):
            self.closed = True

        def get_protocol(self):
            return protocol

    next_look: list = []
    loop = SimpleNamespace(call_later=lambda _, look, *about: next_look.append((look, about)))
    link, protocol = Link(), SimpleNamespace(loop=loop, cycle=SimpleNamespace(response_complete=False))
    connections._check(protocol, link, None)
    protocol.cycle.response_complete = True  # just before the next look
    for wanted in (False, True):
        look, about = next_look.pop()
        look(*about)
        assert link.closed == wanted
    assert not next_look


def test_one_address_has_so_many_connections_and_another_is_answered(connected):
    many = [connected() for _ in range(40)]
    time.sleep(0.2)
    assert sum(map(closed, many[20:])) == 20
    if not _has("127.0.0.2"):
        pytest.skip("one address of this machine alone")
    assert answered(connected("127.0.0.2"))
    time.sleep(1.0)  # the others have made no request
    assert answered(connected())


def _has(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def test_as_many_files_as_there_may_be():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, soft), hard))
        assert connections._more_files() == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_uvicorn_still_has_what_is_watched():
    for name in ("connection_made", "connection_lost", "data_received"):
        assert callable(getattr(H11Protocol, name))
    assert "cycle" in H11Protocol.__init__.__code__.co_names
