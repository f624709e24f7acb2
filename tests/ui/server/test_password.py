"""Where a password is set, nothing is answered without it, and guessing is slow; on a real server, too."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator

import pytest

from cnnviz.ui.server import password
from cnnviz.ui.server.limits import Pace
from tests.dashboard import Dashboard
from tests.ui.server.test_limits import answered, scope

SECRET = "a long pässword: of words"


def basic(said: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{said}".encode()).decode()


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in"})


def status(kind: str = "http", path: str = "/", **headers: str) -> int:
    return int(answered(password.Locked(app), scope(kind, path, **headers), {"type": kind})[0].get("status", 1008))


@pytest.fixture(autouse=True)
def _locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNVIZ_PASSWORD", SECRET)
    monkeypatch.setattr(password, "TRIES", Pace(lambda: 3.0, lambda: 0.01))


def test_nothing_is_answered_without_the_password(monkeypatch):
    assert status() == 401
    assert status("websocket", "/_stcore/stream") == 1008
    assert status(path="/_stcore/upload_file/a/b") == 401
    assert status(cookie=f"{password.COOKIE}=x") == 401
    assert status(authorization="Basic ~~~") == 401
    assert status(authorization=basic(SECRET)) == 200
    assert status(path="/ready") == 200
    told = answered(password.Locked(app), scope("http", authorization=basic(SECRET)), {"type": "http"})[0]["headers"]
    cookie = dict(told)[b"set-cookie"].decode()
    assert "HttpOnly" in cookie
    assert status("websocket", "/_stcore/stream", cookie=cookie.partition(";")[0]) == 200
    monkeypatch.setenv("CNNVIZ_PASSWORD", "")
    assert status() == 200


def test_guessing_is_slow_also_for_the_right_one():
    assert [status(authorization=basic("wrong")) for _ in range(4)] == [401, 401, 401, 429]
    assert status(authorization=basic(SECRET)) == 429


def test_the_right_one_is_answered_as_often_as_it_is_said():
    assert [status(authorization=basic(SECRET)) for _ in range(20)] == [200] * 20
    assert [status(authorization=basic("wrong")) for _ in range(4)] == [401, 401, 401, 429]


@pytest.fixture
def server(tmp_path) -> Iterator[Dashboard]:
    running = Dashboard(tmp_path)
    yield running
    running.end()


def test_a_real_server_asks_before_pages_and_its_own_addresses(server):
    def asked(path: str, **headers: str) -> tuple[int, list[tuple[str, str]]]:
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        answer.read()
        link.close()
        return answer.status, answer.getheaders()

    assert asked("/")[0] == 401
    assert asked("/_stcore/host-config")[0] == 401
    assert asked("/health")[0] == 200
    status, headers = asked("/", Authorization=basic(SECRET))
    assert status == 200
    cookie = next(value for name, value in headers if name.lower() == "set-cookie" and password.COOKIE in value)
    assert asked("/_stcore/host-config", Cookie=cookie.partition(";")[0])[0] == 200
