"""Who may ask what of the server itself: on the real process, and by rule."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request

from cnnviz.options import RequestError
from cnnviz.ui.server import health, startup
from cnnviz.ui.server.startup import Start
from tests.ui.server.test_metrics import read

ROOT = Path(__file__).resolve().parents[3]


def asked(client: str = "127.0.0.1", host: str = "localhost:8501", **headers: str) -> Request:
    named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    listed = [(name.encode(), value.encode()) for name, value in named.items()]
    return Request({"type": "http", "path": "/metrics", "client": (client, 1), "headers": listed, "method": "GET"})


@pytest.mark.parametrize(
    ("public", "metrics", "request_", "told"),
    [
        ("", "", asked(), True),
        ("", "", asked("::1", "[::1]:8501"), True),
        ("", "", asked("127.0.0.1", "127.0.0.1"), True),
        ("", "", asked("192.0.2.7"), False),
        ("", "", asked(host="attacker.example:8501"), False),  # DNS rebinding
        ("", "", asked(x_forwarded_for="192.0.2.7"), False),  # a proxy on this machine
        ("", "", asked(forwarded="for=192.0.2.7"), False),
        ("1", "", asked(), False),
        ("1", "1", asked("192.0.2.7", "cnn.example"), True),
        ("", "1", asked("192.0.2.7"), True),
        ("maybe", "", asked(), False),
        ("", "maybe", asked(), False),
    ],
)
def test_metrics_are_for_this_machine_and_of_a_public_server_for_nobody_unless_asked(
    monkeypatch, public, metrics, request_, told
):
    monkeypatch.setenv("CNNVIZ_PUBLIC", public)
    monkeypatch.setenv("CNNVIZ_METRICS", metrics)
    assert health.told_to(request_) is told
    assert health.numbers(request_).status_code == (200 if told else 404)


def test_ready_says_what_is_missing_and_names_no_folder(monkeypatch):
    start = Start()
    monkeypatch.setattr(startup, "START", start)
    assert health.ready(asked()).body == b"PyTorch is loading\n"
    start._ready.set()
    start._failed = RequestError("There is no folder /home/me/secret.")
    answer = health.ready(asked())
    assert (answer.status_code, answer.body) == (503, b"the engine could not be loaded\n")


def test_a_first_network_that_does_not_answer_is_not_ready_and_others_are_served_all_the_same(monkeypatch):
    start = Start()
    monkeypatch.setattr(startup, "START", start)
    monkeypatch.setattr(
        startup, "rehearse", lambda _: (_ for _ in ()).throw(RequestError("/home/me/net.pt is damaged."))
    )
    start._load(guest=True)
    assert health.ready(asked()).body == b"the first network cannot be used\n"
    assert start.engine() is start.loaded()
    monkeypatch.setattr(startup, "rehearse", lambda _: None)
    start._load(guest=True)
    assert health.ready(asked()).status_code == 200


@pytest.fixture(scope="module", params=[(), ("--public",)], ids=["own", "public"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, bool]]:
    """The address of a real server, and whether it is public."""
    places = tmp_path_factory.mktemp("served")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {f"CNNVIZ_{name}": str(places / name) for name in ("WEIGHTS", "RUNS", "CACHE", "DATA")}
    (places / "WEIGHTS").mkdir()
    command = [sys.executable, "-m", "cnnviz", "serve", "--port", str(port), *request.param]
    environment = {**os.environ, **own, "STREAMLIT_SERVER_HEADLESS": "true"}
    with (places / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}", bool(request.param)
    process.terminate()
    process.wait(20)


def ask(address: str) -> tuple[int, str, str]:
    """Status, type and text."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read().decode()


@pytest.mark.timeout(120)
def test_a_server_is_alive_at_once_and_ready_when_the_first_network_has_answered(served):
    address, public = served
    seen: list[tuple[int, str]] = []
    for _ in range(400):
        try:
            alive = ask(f"{address}/health")
        except OSError:
            time.sleep(0.1)
            continue
        assert alive[0] == 200
        seen.append(ask(f"{address}/ready")[::2])
        if seen[-1][0] == 200:
            break
        time.sleep(0.1)
    assert seen[-1] == (200, "ready\n")
    assert {code for code, _ in seen[:-1]} <= {503}
    assert seen[0][0] == 503, "it was alive before it was ready"
    for path in ("metrics", "_stcore/metrics"):
        code, kind, text = ask(f"{address}/{path}")
        assert code == (404 if public else 200)
        assert "Not Found" in text if public else kind.startswith(("text/plain", "application/openmetrics"))
    if not public:
        found = read(ask(f"{address}/metrics")[2])
        assert found["cnnviz_ready"] == 1
        assert found["cnnviz_cache_misses_total answers"] > 0
        assert found["cnnviz_sessions"] == 0
    assert ask(f"{address}/")[0] == 200  # pages are where they were
    assert ask(f"{address}/train")[0] == 200
