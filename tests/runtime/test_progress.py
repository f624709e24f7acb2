"""Whoever stops stops alone."""

from __future__ import annotations

import threading

import pytest

from cnnviz.attribution import saliency
from cnnviz.runtime.engine import Engine


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
