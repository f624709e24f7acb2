"""Metrics are what has happened, in the text that Prometheus reads."""

from __future__ import annotations

import re

import pytest

from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from cnnviz.ui.server import metrics, startup

NET = "lecture/cats_gap"
LINE = re.compile(r'([a-z_]+)(?:\{([a-z]+)="((?:[^"\\]|\\["\\n])*)"\})? ([\d.]+(?:e[+-]\d+)?)')


@pytest.fixture
def engine(monkeypatch) -> Engine:
    """The engine of this server, which has been asked nothing."""
    made = Engine(device="cpu")
    monkeypatch.setattr(startup.START, "loaded", lambda: made)
    return made


def read(text: str) -> dict[str, float]:
    """The numbers of a text by name and label, held to the format's rules."""
    found: dict[str, float] = {}
    typed: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            assert len(line.split(" ", 3)) == 4
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in ("gauge", "counter")
            assert name not in typed
            assert name.endswith("_total") == (kind == "counter")
            typed[name] = kind
        else:
            match = LINE.fullmatch(line)
            assert match, line
            assert match[1] in typed
            key = match[1] + (f" {match[3]}" if match[2] else "")
            assert key not in found
            found[key] = float(match[4])
    assert text.endswith("\n")
    return found


def test_before_the_engine_is_there_the_rest_is_told(monkeypatch):
    monkeypatch.setattr(startup.START, "loaded", lambda: None)
    found = read(metrics.text())
    assert found["process_resident_memory_bytes"] > 10**7
    assert {"cnnviz_ready", "cnnviz_sessions", "cnnviz_jobs running", "cnnviz_jobs queued", "cnnviz_trainings"} <= set(
        found
    )
    assert not [name for name in found if name.startswith(("cnnviz_cache", "cnnviz_device"))]


def test_a_question_is_a_miss_and_the_same_again_a_hit(engine):
    engine.predict(NET, Photo.sample("cat"))
    first = read(metrics.text())
    engine.predict(NET, Photo.sample("cat"))
    second = read(metrics.text())
    assert first["cnnviz_cache_misses_total answers"] > 0
    assert second["cnnviz_cache_misses_total answers"] == first["cnnviz_cache_misses_total answers"]
    assert second["cnnviz_cache_hits_total answers"] > first["cnnviz_cache_hits_total answers"]
    assert second["cnnviz_cache_bytes answers"] == engine.cache.bytes
    assert second["cnnviz_cache_limit_bytes networks"] == engine.nets.memory_limit
    assert second["cnnviz_device_turns_total"] > 0
    assert second["cnnviz_device_wait_seconds_total"] >= 0
    assert second["cnnviz_device_info cpu"] == 1
    assert second["cnnviz_personal_bytes"] == 0


def test_refusals_are_counted_by_kind_and_a_label_can_hold_anything(monkeypatch):
    tally = metrics.Tally()
    monkeypatch.setattr(metrics, "REFUSED", tally)
    for kind in ("photo", "photo", 'a"b\\c\nd'):
        tally.add(kind)
    found = read(metrics.text())
    assert found["cnnviz_uploads_refused_total photo"] == 2
    assert found['cnnviz_uploads_refused_total a\\"b\\\\c\\nd'] == 1
