"""What takes long: it can be stopped, it keeps what was there, and a click need not wait for it."""

import json
import threading
import time

import pytest
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

from cnnviz.options import RequestError
from cnnviz.ui.widgets import background


def canvas(at) -> dict:
    return json.loads(at.get_by_key("camcanvas").proto.json)


def captions(at) -> str:
    return " ".join(caption.value for caption in at.caption)


@pytest.fixture
def endless(engine, monkeypatch):
    """Occlusion never ends by itself; an event that is set when it was ended."""
    ended, real = threading.Event(), type(engine).heatmap

    def heatmap(self, *asked, progress=None, **how):
        if "occlusion" not in asked:
            return real(self, *asked, progress=progress, **how)
        try:
            while progress is not None:
                progress(0.01)
                time.sleep(0.01)
        finally:
            ended.set()
        raise RequestError("asked without patience")

    monkeypatch.setattr(type(engine), "heatmap", heatmap)
    return ended


@pytest.fixture
def meanwhile(monkeypatch):
    """A function: do this once while the page waits under its bar."""

    def arrange(do) -> None:
        real, looks = background.Task.look, []

        def look(self, patient):
            looks.append(patient)
            if len(looks) == 4:
                do()
            return real(self, patient)

        monkeypatch.setattr(background.Task, "look", look)

    return arrange


def test_stop_keeps_the_picture_that_was_there_and_says_so_instead_of_the_bar(visit, endless, meanwhile, words):
    at = visit("class_activation")
    before = canvas(at)
    meanwhile(lambda: get_script_run_ctx().script_requests.request_stop())
    at.selectbox("method").set_value("occlusion").run()
    assert canvas(at)["heat"] == before["heat"]
    assert 'class="cv-bars"' in words(at)
    assert at.get_by_key("proof")
    assert captions(at) == "Stopped: Occlusion on cat. What is shown is the previous result."
    assert not at.get("progress")
    assert endless.wait(5)
    at.run()  # another click does not begin it again
    assert "Stopped: Occlusion on cat. What is shown is the previous result." in words(at)
    assert canvas(at)["heat"] == before["heat"]
    assert at.code  # what can be taken away is of the map that is shown
    assert not any("occlusion" in lines.value for lines in at.code)


def test_what_was_stopped_can_be_begun_again(visit, endless, meanwhile, monkeypatch, words):
    at = visit("class_activation")
    meanwhile(lambda: get_script_run_ctx().script_requests.request_stop())
    at.selectbox("method").set_value("occlusion").run()
    monkeypatch.undo()
    at.run()
    at.button("again-cam").click().run()
    assert "Stopped" not in words(at) + captions(at)
    assert canvas(at)["method"] == "occlusion"


def test_a_first_picture_that_is_stopped_leaves_the_predictions_and_the_sentence(visit, endless, meanwhile, words):
    at = visit("class_activation")
    at.selectbox("method").set_value("occlusion")
    at.session_state["photo"] = "coffee"
    meanwhile(lambda: get_script_run_ctx().script_requests.request_stop())
    at.run()
    assert 'class="cv-bars"' in words(at)
    assert captions(at) == "Stopped: Occlusion on coffee."
    with pytest.raises(KeyError):  # never one photo's map under another's name
        canvas(at)


def test_a_click_inside_the_page_does_not_wait_for_the_work_before_it(visit, endless, meanwhile, fragment):
    at = visit("class_activation")
    states, before = at._tree.get_widget_states(), canvas(at)

    def click() -> None:
        ids = list(at._fragment_storage._fragments)
        data = RerunData(widget_states=states, fragment_id_queue=ids)
        get_script_run_ctx().script_requests.request_rerun(data)

    meanwhile(click)
    at.selectbox("method").set_value("occlusion")
    began = time.monotonic()
    fragment(at)
    assert time.monotonic() - began < 20
    assert endless.wait(5)
    assert canvas(at)["heat"] == before["heat"]
    assert at.selectbox("method").value == "gradcam"
    assert "Stopped" not in captions(at)


def test_work_that_nobody_looks_at_ends(monkeypatch):
    monkeypatch.setattr(background, "UNWATCHED", 0.05)

    def ask(progress):
        while True:
            progress(0.1)
            time.sleep(0.01)

    task = background.Task("this", ask)
    assert task.done.wait(5)
    assert isinstance(task.error, background.Left)
    assert not isinstance(task.error, Exception)  # which would reach others who asked for the same


def test_work_that_was_given_up_is_begun_anew_for_a_page_that_comes_back_to_it(visit, monkeypatch):
    class Late(background.Task):
        given_up = 0

        def _work(self) -> None:
            if Late.given_up:
                return super()._work()
            Late.given_up, self.error = 1, background.Left()
            self.done.set()

    monkeypatch.setattr(background, "Task", Late)
    at = visit("class_activation", method="occlusion")
    assert Late.given_up
    assert not at.exception
    assert canvas(at)["heat"]


def test_the_same_question_is_not_begun_twice_by_a_click_elsewhere(visit, engine, monkeypatch, meanwhile, fragment):
    asked, real = [], type(engine).heatmap

    def heatmap(self, *given, progress=None, **how):
        if "occlusion" in given and progress is not None:
            asked.append(given)
            time.sleep(2)
        return real(self, *given, progress=progress, **how)

    at = visit("class_activation")
    monkeypatch.setattr(type(engine), "heatmap", heatmap)
    at.selectbox("method").set_value("occlusion")
    states = at._tree.get_widget_states()
    ids = list(at._fragment_storage._fragments)
    data = RerunData(widget_states=states, fragment_id_queue=ids)
    meanwhile(lambda: get_script_run_ctx().script_requests.request_rerun(data))
    fragment(at)
    assert canvas(at)["method"] == "occlusion"
    assert len(asked) == 1
