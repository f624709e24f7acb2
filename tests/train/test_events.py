"""Events are read as they are appended, and a broken one costs itself alone."""

from __future__ import annotations

import json

from cnnviz.train import events

STEP = {"event": "step", "time": 1.0, "step": 1, "epoch": 0.1, "loss": 2.0}


def written(*all_of_them):
    return "".join(json.dumps(event) + "\n" for event in all_of_them)


def test_only_what_was_appended_is_read_and_the_answer_is_that_of_reading_it_all(tmp_path):
    path = tmp_path / "events.jsonl"
    assert events.read(path) == []
    path.write_text(written(STEP))
    assert events.read(path) == [STEP]
    for n in range(2, 5):
        with path.open("a") as file:
            file.write(written(STEP | {"step": n}) + '{"event": "st')
        assert [e["step"] for e in events.read(path)] == list(range(1, n + 1))
        with path.open("a") as file:
            file.write("\n")
    path.write_text(written(*[STEP | {"step": n, "loss": 9.0} for n in range(40)]))  # another file by that name
    assert [e["loss"] for e in events.read(path)] == [9.0] * 40
    path.write_text(written(STEP))
    assert events.read(path) == [STEP]
    path.unlink()
    assert events.read(path) == []


def test_an_outline_parses_no_line_of_a_single_step_and_says_the_same_about_the_run(tmp_path, monkeypatch):
    path, loads, parsed = tmp_path / "events.jsonl", json.loads, []
    monkeypatch.setattr(events.json, "loads", lambda line: parsed.append(line) or loads(line))
    epoch = {"event": "epoch", "epoch": 1, "step": 500}
    steps = [STEP | {"step": n} for n in range(500)]
    path.write_text(written({"event": "start", "step": 0}, *steps, {"event": "snapshot", "step": 4}, epoch))
    assert [e["event"] for e in events.read(path, outline=True)] == ["start", "epoch"]
    assert len(parsed) < 5
    with path.open("a") as file:
        file.write(written(*steps, {"event": "stopped"}))
    assert [e["event"] for e in events.read(path, outline=True)] == ["start", "epoch", "stopped"]
    assert len(events.read(path)) == 500 + 3 + 501
    path.write_text(written(STEP, STEP))  # a run whose other lines were lost has begun all the same
    assert events.read(path, outline=True) == [STEP]


def test_a_last_line_without_its_end_is_read_and_not_twice(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(written(STEP).rstrip())
    assert events.read(path) == events.read(path) == [STEP]
    with path.open("a") as file:
        file.write("\n")
    assert events.read(path) == [STEP]


def test_lines_that_are_no_events_are_left_out_and_incomplete_ones_are_known(tmp_path):
    path = tmp_path / "events.jsonl"
    odd = [
        {"event": "resume"}, {"event": "start", "step": "many"}, {"event": ["step"]}, {"no": "event"}, [1],
        {"event": "step", "step": True}, {"event": "stopped", "step": None}, {"event": "prepare", "done": "half"},
    ]  # fmt: skip
    path.write_bytes(written(STEP, *odd).encode() + b"\xff\xfe\n" + b"[" * 100_000 + b"\n" + written(STEP).encode())
    assert events.read(path) == [STEP, STEP]
    assert list(events.standing(events.read(path))) == [STEP, STEP]
    assert events.complete(STEP)
    lacking = [{"event": "epoch", "epoch": 1}, {"event": "best"}, {"event": "warning"}, {"event": "start", "step": 0}]
    assert not any(map(events.complete, lacking))
