"""The sidebar's list of what runs: on every page, with a Stop that works, and nothing at all while nothing runs."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

from cnnviz.train import run
from cnnviz.train.plan import Plan
from cnnviz.ui.server import runs
from cnnviz.ui.server.jobs import JOBS
from cnnviz.ui.shell import activity


class Shelf:
    def lay(self, event: int) -> None:
        """Nothing is kept."""

    def share(self) -> float:
        return 0.25

    def pace(self) -> tuple[int, int]:
        return 10, 30


def endless():
    while True:
        yield time.sleep(0.01)


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Nothing runs any more that other tests began."""
    for left in JOBS.running():
        JOBS.drop(left.name)


@pytest.fixture
def job():
    """A function that starts a job which runs until it is stopped; all are dropped in the end."""
    names = []

    def start(title: str, owner: str = ""):
        names.append(title)
        made = JOBS.ask(title, title, Shelf, endless, owner)
        end = time.monotonic() + 10
        while made.state == "queued" and time.monotonic() < end:
            time.sleep(0.01)
        return made

    yield start
    for name in names:
        JOBS.drop(name)


def stops(at) -> dict:
    """The sidebar's Stop buttons by what they stop."""
    titles = [link.proto.label.replace("\\", "") for link in at.sidebar.get("page_link")]
    return dict(zip(titles, (button for button in at.sidebar.button if button.label == "Stop"), strict=True))


@pytest.mark.parametrize("page", ["", "convolution", "data"])
def test_a_job_is_in_the_sidebar_of_any_page_and_is_stopped_there(visit, job, page):
    made = job("a gallery")
    at = visit(page)
    began = time.monotonic()
    stops(at)["a gallery"].click().run()
    assert made.state == "stopped"
    assert stops(at) == {}
    assert not at.exception
    made._thread.join(1)
    assert not made._thread.is_alive()
    assert time.monotonic() - began < 5  # of which a second for the thread; the page itself is drawn anew


def test_what_a_page_begins_is_in_the_sidebar_at_once(visit):
    at = visit("filters", layer="conv2", which="list", channels="1,5", **{"auto-steps": "400"})
    request = at.session_state["_gallery"]
    (title,) = stops(at)
    assert title.startswith("2 filters of conv2, ")
    stops(at)[title].click().run()
    assert JOBS.get(request).state == "stopped"
    assert any(button.label == "Resume" for button in at.button)  # the page heard of it
    JOBS.drop(request)


def test_its_line_leads_to_the_very_gallery_also_where_the_knobs_have_been_turned_since(visit):
    at = visit("filters", layer="conv2", which="list", channels="1,5", **{"auto-steps": "400", "auto-jitter": "3"})
    request = at.session_state["_gallery"]
    (link,) = at.sidebar.get("page_link")
    query = dict(parse_qsl(link.proto.query_string))
    assert {"auto-rate", "auto-noise", "auto-tv"} <= set(query)  # also what stands at its default
    assert visit("filters", **query).session_state["_gallery"] == request
    JOBS.drop(request)


def test_what_has_ended_goes_before_the_page_is_drawn_anew(visit, job, monkeypatch):
    made = job("a gallery")
    at = visit("convolution")
    assert list(stops(at)) == ["a gallery"]
    JOBS.drop(made.name)
    sent = []
    enqueue = ScriptRunContext.enqueue
    monkeypatch.setattr(ScriptRunContext, "enqueue", lambda self, msg: (sent.append(msg), enqueue(self, msg))[1])
    at.run()
    paths = [list(msg.metadata.delta_path[:2]) for msg in sent]
    place = paths.index(max(path for path in paths if path[:1] == [1]))  # the last of the sidebar
    assert sent[place].delta.new_element.WhichOneof("type") == "empty"  # instead of what stood there
    title = next(i for i, msg in enumerate(sent) if "cv-title" in msg.delta.new_element.html.body)
    assert place < title


def test_what_begins_to_run_moves_nothing_in_the_sidebar(visit, job):
    job("a gallery")
    at = visit("convolution")
    drawn = [str(getattr(one, "key", "")) for one in at.sidebar]
    (running,) = [i for i, key in enumerate(drawn) if key.startswith("end-")]
    assert max(drawn.index("model"), drawn.index("photo"), drawn.index("present")) < running


def test_an_idle_sidebar_has_no_gap(visit):
    at = visit("convolution")
    assert {block.type for block in at.sidebar.children.values() if not list(block)} <= {"empty", "unknown"}


def test_an_idle_sidebar_asks_nothing_again(visit, monkeypatch):
    drawn = []
    monkeypatch.setattr(activity, "_drawn", drawn.append)
    visit("convolution")
    assert drawn == []


def test_the_work_of_other_peoples_photos_is_nobody_elses_business(visit, job):
    job("theirs", owner="somebody else")
    assert stops(visit("convolution")) == {}


def test_strangers_see_what_they_asked_for_alone(visit, job, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    job("a gallery")
    at = visit("convolution")
    assert stops(at) == {}
    at.session_state["_wanted"] = {"a gallery": None}
    assert list(stops(at.run())) == ["a gallery"]


def test_a_long_list_is_cut(visit, job, words, monkeypatch):
    monkeypatch.setattr(activity, "MOST", 1)
    for name in ("one", "two"):
        job(name)
    at = visit("convolution")
    assert len(stops(at)) == 1
    assert "and 1 more" in words(at)


def test_a_training_run_tells_how_far_it_is_and_is_asked_to_stop(visit, training):
    log = run.Log(training)
    log("start", step=0, steps=400)
    for second in range(3):
        log("step", step=100 + second, epoch=1 + second / 100)
    lines = (training / run.EVENTS).read_text().splitlines()
    begun = json.loads(lines[1])["time"]
    timed = [json.dumps({**json.loads(line), "time": begun + i}) for i, line in enumerate(lines)]
    (training / run.EVENTS).write_text("\n".join(timed) + "\n")
    at = visit("convolution")
    assert list(stops(at)) == ["mnist_gap trains on circles"]
    (bar,) = at.sidebar.get("progress")
    assert bar.proto.value == 25
    assert bar.proto.text == "Epoch 2 of 4, 5 min left"  # one hundredth of an epoch a second
    stops(at)["mnist_gap trains on circles"].click().run()
    assert (training / run.STOP).exists()
    assert [bar.proto.text for bar in at.sidebar.get("progress")] == ["Stopping"]


def test_runs_are_nothing_for_strangers(visit, training, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    assert stops(visit("convolution")) == {}


def test_a_run_that_has_ended_is_listed_no_more_while_its_process_still_exits(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path))
    folder = run.create(Plan(data="data/circles", net="lecture/mnist_gap", epochs=4), tmp_path, "one")
    monkeypatch.setitem(runs._processes, "one", SimpleNamespace(poll=lambda: None))
    monkeypatch.setitem(runs._begun, "one", 0)
    assert [work.title for work in activity._trainings()] == ["mnist_gap trains on circles"]  # it imports torch
    with run.holding(folder):
        run.Log(folder)("finished", step=4)
    assert runs.spawned("one")
    assert activity._trainings() == []
