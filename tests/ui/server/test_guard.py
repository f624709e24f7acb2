"""Which names the server answers to, and the headers of its answers; asked of a real server, too."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnviz.ui.server import guard
from tests.dashboard import Dashboard

UNSENT = "('8.8.8.8', 1)"  # a datagram socket is pointed there to learn this machine's own address; nothing is sent
REBOUND = "attacker.example"
CONNECT = (
    "GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: streamlit\r\n"
    "Origin: {origin}\r\n\r\n"
)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CNNVIZ_HOSTS", "CNNVIZ_FRAMES", "CNNVIZ_PUBLIC"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8501", "LOCALHOST.", "127.0.0.1:8501", "[::1]:8501", "192.168.1.7", "a.localhost"]
)
def test_a_server_for_this_machine_answers_to_it_and_to_addresses_in_digits(host):
    assert guard.answers(host)


@pytest.mark.parametrize(
    "host", [REBOUND, f"{REBOUND}:8501", "", "localhost.attacker.example", "127.0.0.1.attacker.example", "[::1", "a@b"]
)
def test_it_answers_to_no_other_name(host):
    assert not guard.answers(host)


def test_names_can_be_added_and_a_public_server_answers_to_all_unless_they_are(monkeypatch):
    monkeypatch.setenv("CNNVIZ_HOSTS", "hall.example, *.lab.example")
    assert guard.answers("hall.example:8501")
    assert guard.answers("one.lab.example")
    assert not guard.answers("lab.example")
    assert not guard.answers(REBOUND)
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    assert not guard.answers(REBOUND)
    monkeypatch.setenv("CNNVIZ_HOSTS", "*")
    assert guard.answers(REBOUND)
    monkeypatch.setenv("CNNVIZ_HOSTS", "")
    assert guard.answers(REBOUND)


def test_only_origins_are_allowed_to_show_it_in_a_frame(monkeypatch):
    monkeypatch.setenv("CNNVIZ_FRAMES", "https://course.example, *, https://a.example; script-src *, 'none'")
    policy = dict(guard._with((), "/"))[b"content-security-policy"].decode()
    assert policy == "frame-ancestors 'self' http://localhost:* http://127.0.0.1:* https://course.example"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    running = Dashboard(tmp_path_factory.mktemp("local"))
    yield running
    running.end()


def asked(port: int, path: str, host: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    words = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, words


def connected(port: int, host: str, origin: str) -> str:
    """The first line of the answer to a browser that opens the page's connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(CONNECT.format(host=host, origin=origin).encode())
        return line.recv(200).decode("latin-1").partition("\r\n")[0]


def test_a_site_that_points_its_name_at_this_machine_is_not_answered(local):
    for path, method in (("/", "GET"), ("/_stcore/health", "GET"), ("/_stcore/upload_file/a/b", "PUT")):
        status, _, words = asked(local.port, path, f"{REBOUND}:{local.port}", method)
        assert status == guard.MISDIRECTED
        assert "CNNVIZ_HOSTS" in words
    own = f"127.0.0.1:{local.port}"
    assert "403" in connected(local.port, REBOUND, f"http://{REBOUND}")
    assert "403" in connected(local.port, own, f"http://{REBOUND}")
    assert "101" in connected(local.port, own, f"http://{own}")


def test_every_answer_keeps_other_sites_from_framing_it_and_browsers_from_guessing_types(local):
    for path in ("/", "/_stcore/health", "/static/nothing.js", "/media/nothing.png"):
        headers = asked(local.port, path, "localhost")[1]
        assert headers["content-security-policy"].startswith("frame-ancestors 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers.get("cache-control") == "no-store" or not path.startswith("/media/")


def test_a_public_server_asks_no_service_for_its_address(tmp_path: Path):
    running = Dashboard(tmp_path, "--public")
    try:
        assert "403" in connected(running.port, f"127.0.0.1:{running.port}", f"http://{REBOUND}")
        lines = (tmp_path / "watch" / "reached.log").read_text().splitlines()
    finally:
        running.end()
    own = ("127.0.0.1", "localhost", "0.0.0.0", "::1", UNSENT)
    assert [line for line in lines if not any(place in line for place in own)] == []
