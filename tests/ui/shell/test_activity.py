"""What the list of running work reads of a run."""

from __future__ import annotations

import pytest

from cnnviz.train import run
from cnnviz.ui.shell import activity


def test_only_the_tail_of_a_long_run_is_read(training, monkeypatch):
    log = run.Log(training)
    for step in range(3000):
        log("step", step=step, epoch=step / 1000)
    told = activity._training(training)
    assert told.share == pytest.approx(2.999 / 4)
    assert len(activity._tail(training / run.EVENTS)) < 400
