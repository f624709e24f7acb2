"""Whoever stops stops alone."""

from __future__ import annotations

import threading

import pytest

from cnnviz.attribution import saliency
from cnnviz.runtime.engine import Engine
from cnnviz.runtime.progress import Cancelled, part, stoppable


def test_stop_stops_the_work_and_others_who_wait_get_their_answer(photo):
    engine, key, told = Engine(device="cpu"), "lecture/cats_gap", []
    given = saliency.Smoothing(samples=40)
    second: list = []
    waiting = threading.Thread(target=lambda: second.append(engine.heatmap(key, photo, 1, None, "smoothgrad", given)))

    def stop(share: float) -> None:
        told.append(share)
        if len(told) == 1:
            waiting.start()
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.heatmap(key, photo, 1, None, "smoothgrad", given, progress=stop)
    waiting.join(60)
    assert len(told) == 3
    assert second[0].method == "smoothgrad"
    assert engine.busy() == (0, 0)


def test_what_a_progress_raises_reaches_its_own_caller_as_it_was():
    class Left(BaseException):
        pass

    def stop(*_: float) -> None:
        raise Left

    def work(told):
        told(0.5)
        pytest.fail("went on")

    with pytest.raises(Left):
        stoppable(stop, work)


def test_somebody_elses_stop_means_to_begin_anew():
    begun = []

    def work(told):
        begun.append(told)
        if len(begun) < 3:
            raise Cancelled(object()) from KeyboardInterrupt()
        return "done"

    assert stoppable(None, work) == "done"
    assert begun == [None] * 3


def test_an_error_of_the_work_itself_passes_as_it_is():
    def work(told):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stoppable(lambda share: None, work)


def test_the_shares_of_jobs_in_a_row_rise_from_nothing_to_all():
    told: list[float] = []
    for job in range(3):
        for share in (0.0, 0.5, 1.0):
            part(told.append, job, 3)(share)
    assert told == pytest.approx([0, 1 / 6, 1 / 3, 1 / 3, 1 / 2, 2 / 3, 2 / 3, 5 / 6, 1])
