"""The command that starts the dashboard."""

from __future__ import annotations

import pytest

from cnnviz import places, settings
from cnnviz.cli import serve


def test_serve_stays_on_this_machine_unless_it_is_public(tmp_path):
    arguments, variables = serve.serving(False, 8600, tmp_path)
    assert arguments[:2] == ["run", str(places.APP)]
    assert "--server.address=127.0.0.1" in arguments
    assert "--server.port=8600" in arguments
    assert variables == {"CNNVIZ_WEIGHTS": str(tmp_path)}
    arguments, variables = serve.serving(True, 8501, None)
    assert "--server.address=0.0.0.0" in arguments
    assert "--server.maxUploadSize=10" in arguments
    assert variables == {"CNNVIZ_PUBLIC": "1"}
    assert serve.serving(False, 8501, None, "cuda:1")[1] == {"CNNVIZ_DEVICE": "cuda:1"}


def test_serve_hands_over_to_streamlit(monkeypatch, told):
    from streamlit.web import cli

    handed: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda arguments, **_: handed.append(arguments))
    monkeypatch.delenv("CNNVIZ_PUBLIC", raising=False)
    monkeypatch.setattr(settings.os, "environ", dict(settings.os.environ))
    assert told("serve", "--port", 8601)[0] == 0
    assert handed[0][1].endswith("app.py")


def test_serve_refuses_to_start_where_it_cannot_tell_whether_strangers_are_served(refused, monkeypatch):
    from streamlit.web import cli

    monkeypatch.setattr(cli, "main", lambda *_, **__: pytest.fail("it started"))
    monkeypatch.setenv("CNNVIZ_PUBLIC", "maybe")
    assert "CNNVIZ_PUBLIC is 'maybe'" in refused("serve", "--port", 8602)


def test_serve_refuses_a_port_that_is_none(refused):
    assert "--port" in refused("serve", "--port", 99_999)
