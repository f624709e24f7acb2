"""Uploads: one limit for each kind, none above the server's, none that passes through a file on the way."""

from __future__ import annotations

import tomllib
from pathlib import Path

from streamlit.runtime.uploaded_file_manager import DeletedFile

from cnnviz.cli import serve
from cnnviz.photo import MAX_BYTES
from cnnviz.ui.server import startup
from cnnviz.ui.session import uploads

CONFIG = tomllib.loads((Path(__file__).parents[3] / ".streamlit" / "config.toml").read_text())


class File:
    def __init__(self, name: str, size: int = 10) -> None:
        self.name, self.size = name, size


def test_the_server_lets_through_what_the_widgets_promise(monkeypatch):
    server = CONFIG["server"]["maxUploadSize"]
    monkeypatch.setattr(uploads.config, "get_option", lambda _: server)
    assert {kind: uploads.limit(kind) for kind in uploads.LIMITS} == uploads.LIMITS
    assert max(uploads.LIMITS.values()) == server
    assert uploads.LIMITS["photo"] << 20 == MAX_BYTES


def test_a_public_server_lets_large_networks_through_and_of_other_files_small_ones(monkeypatch):
    monkeypatch.setattr(uploads.config, "get_option", lambda _: serve.PUBLIC_UPLOAD)
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    assert uploads.limit("network") == uploads.LIMITS["network"] == serve.PUBLIC_UPLOAD
    assert uploads.limit("photo") == uploads.limit("zip") == uploads.STRANGERS < serve.PUBLIC_UPLOAD
    assert uploads.limit("plan") == uploads.LIMITS["plan"]


def test_no_upload_passes_through_a_file():
    assert (max(uploads.LIMITS.values()) + 1) << 20 < startup.SPOOL  # a form has some bytes beside its file


def test_files_that_were_let_go_are_not_taken_again(monkeypatch):
    monkeypatch.setattr(
        uploads.st, "session_state", {"a": [DeletedFile("1"), one := File("b.jpg")], "b": DeletedFile("2")}
    )
    assert uploads.arrived("a") == [one]
    assert uploads.arrived("b") == []
    uploads.take("here", "photo", "b", lambda _: 1 / 0)
    assert uploads.turn("here") == 0  # nothing came, so the uploader stays


def test_a_file_above_its_limit_is_refused_with_a_sentence(monkeypatch):
    monkeypatch.setattr(uploads.st, "session_state", {"a": [File("big.jpg", 33 << 20), File("small.jpg")]})
    kept = []
    uploads.take("here", "photo", "a", kept.append)
    assert [file.name for file in kept] == ["small.jpg"]
    assert uploads.refused("here") == ("big.jpg is larger than 32 MB; choose a smaller file.",)
    assert uploads.turn("here") == 1
