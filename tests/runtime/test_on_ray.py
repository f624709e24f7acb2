"""Folders on Ray: the results of this process, whatever is killed on the way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from cnnviz.options import RequestError
from cnnviz.runtime import on_ray
from cnnviz.runtime.engine import Engine
from cnnviz.runtime.folder_questions import HeatMaps, Predictions
from cnnviz.runtime.folder_work import items, run
from cnnviz.runtime.on_ray import OnRay
from cnnviz.runtime.shards import Item

KEY = "lecture/cats_gap"


@pytest.fixture
def photos(tmp_path, rng):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(24):
        Image.fromarray(rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)).save(folder / f"{i:02}.png")
    (folder / "07.png").write_bytes(b"no photo")
    return folder


DRIVER = """
import os, signal, sys
from pathlib import Path
from cnnviz.runtime.engine import Engine
from cnnviz.runtime.folder_questions import HeatMaps
from cnnviz.runtime.folder_work import items, run
from cnnviz.runtime.on_ray import OnRay
photos, out = map(Path, sys.argv[1:])
import ray
ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
engine, pids = Engine(device="cpu"), []
files = items([photos], out)
executor = OnRay(engine, workers=1, started=pids.extend)
def killing(done, of):
    print("done", done, flush=True)
    if done == 4:
        os.kill(pids[0], signal.SIGKILL)
    if done == 12:
        os.kill(os.getpid(), signal.SIGKILL)
run(engine, HeatMaps("lecture/cats_gap"), files, out, executor, killing, together=4)
"""


def test_batches_survive_a_killed_worker_and_a_killed_driver(photos, tmp_path):
    pytest.importorskip("ray", reason="needs ray: pip install cnnviz[ray]")
    out = tmp_path / "out"
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    driver = subprocess.run(
        [sys.executable, "-c", DRIVER, photos, out], env=environment, capture_output=True, text=True, check=False
    )
    assert driver.returncode == -signal.SIGKILL, driver.stderr
    assert re.findall(r"^done (\d+)$", driver.stdout, re.MULTILINE) == ["0", "4", "8", "12"]  # Ray prints, too
    engine = Engine(device="cpu")
    found = run(engine, HeatMaps(KEY), items([photos], out), out, together=4)
    assert 4 <= found.computed <= 12  # what the worker had begun when its driver was killed is done, or done again
    assert [name for name, _ in found.unreadable] == ["07.png"]
    whole = run(engine, HeatMaps(KEY), items([photos], tmp_path / "whole"), tmp_path / "whole", together=4)
    assert found.rows["file"].equals(whole.rows["file"])
    for one, other in zip(found.rows["map"].to_pylist(), whole.rows["map"].to_pylist(), strict=True):
        np.testing.assert_allclose(one, other, atol=5e-6 * np.abs(other).max())
    for row in whole.rows.to_pylist():
        assert (out / row["image"]).read_bytes() == (tmp_path / "whole" / row["image"]).read_bytes()


class Counting:
    """What `_worked` asks of Ray, in this process: the task that began last ends first."""

    class exceptions:
        class RayTaskError(Exception):
            def __init__(self, cause):
                self.cause = cause

        class RayActorError(Exception):
            pass

    def __init__(self, actors, result=len, without_room=0):
        self.most, self.begun, self.result, self.ready, self.pids = 0, [], result, [], {}
        self.actors = [self._actor(i, i >= without_room) for i in range(actors)]

    def _actor(self, i, fits):
        def ask(function):
            place = object()
            if fits:
                self.ready.append(place)
                self.pids[place] = 1000 + i
            return place

        return SimpleNamespace(__ray_call__=SimpleNamespace(remote=ask), work=SimpleNamespace(remote=self._begin))

    def _begin(self, batch):
        self.begun.append(place := object())
        self.most = max(self.most, len(self.begun))
        self._of = getattr(self, "_of", {}) | {place: batch}
        return place

    def wait(self, running, timeout):
        found = self.ready or self.begun
        if not found:
            assert timeout is not None, "would wait for ever"
        return [found.pop()] if found else [], []

    def get(self, place):
        if place in self.pids:
            return self.pids[place]
        return self.result(self._of[place])


def test_no_more_than_two_batches_of_each_actor_are_handed_out_and_none_is_lost():
    ray, batches = Counting(3), [[None] * n for n in range(1, 30)]
    assert sorted(on_ray._worked(ray, ray.actors, batches)) == list(range(1, 30))
    assert ray.most == 6


def test_workers_that_fit_no_node_get_no_batches():
    ray, batches, pids = Counting(3, without_room=2), [[None] * n for n in range(1, 30)], []
    assert sorted(on_ray._worked(ray, ray.actors, batches, pids.append)) == list(range(1, 30))
    assert (ray.most, pids) == (2, [[1002]])
    ray = Counting(2, without_room=2)
    with pytest.raises(RequestError, match=r"No worker has begun .* within 7 s"):
        list(on_ray._worked(ray, ray.actors, batches, patience=7))


@pytest.mark.parametrize(
    ("nodes", "workers", "count", "cores"),
    [
        ([(4, 0)], 1, 1, 4),
        ([(4, 0), (4, 0)], 1, 1, 4),
        ([(6, 0), (6, 0)], 0, 4, 3),
        ([(6, 0), (6, 0)], 3, 3, 3),
        ([(16, 0)], 0, 4, 4),
        ([(2, 0)], 0, 2, 1),
        ([(8, 0), (2, 0), (0, 0)], 3, 3, 2),
        ([(8, 0), (2, 0)], 2, 2, 4),
        ([(8, 4), (64, 0)], 0, 4, 2),
        ([(8, 1), (2, 2)], 3, 3, 1),
        ([(8, 1), (2, 2)], 1, 1, 8),
    ],
)
def test_each_worker_fits_one_node(nodes, workers, count, cores):
    on_gpu = any(gpus for _, gpus in nodes)
    assert on_ray.shares(nodes, on_gpu, workers, 99) == (count, cores)
    one, other = on_ray.shares(nodes, on_gpu, workers, 1)
    assert (one, other) == (1, max(has for has, gpus in nodes if gpus or not on_gpu))


@pytest.mark.parametrize(
    ("nodes", "workers", "cores"), [([(4, 0)], 5, 0), ([(0, 0)], 0, 0), ([], 0, 0), ([(4, 0), (4, 0)], 1, 5)]
)
def test_too_little_room_is_refused(nodes, workers, cores):
    with pytest.raises(RequestError, match=r"has \d cores, too few for \d workers"):
        on_ray.shares(nodes, False, workers, 99, cores)


def test_what_goes_wrong_in_a_worker_is_told_as_if_it_had_been_here():
    def refused(batch):
        raise Counting.exceptions.RayTaskError(RequestError("no class 'elephant'"))

    def killed(batch):
        raise Counting.exceptions.RayActorError

    batch = [Item("a.jpg", "", ""), Item("b.jpg", "", "")]
    for result, words in ((refused, "no class 'elephant'"), (killed, r"killed 4 times.*a\.jpg to b\.jpg")):
        ray = Counting(1, result)
        with pytest.raises(RequestError, match=words):
            list(on_ray._worked(ray, ray.actors, [batch]))


def test_why_a_worker_could_not_begin_is_told():
    ray = Counting(1)

    def ended(_):
        raise Counting.exceptions.RayActorError(
            "The actor died\n  at its start\nDeviceError: There is no device 'cuda'"
        )

    ray.get = ended
    with pytest.raises(RequestError, match=r"could not begin .*: DeviceError: There is no device"):
        list(on_ray._worked(ray, ray.actors, [[None]]))


def test_where_ray_is_absent_the_cure_is_named(engine, monkeypatch):
    monkeypatch.setattr(on_ray.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"pip install cnnviz\[ray\]"):
        OnRay(engine)


def test_an_address_that_is_none_one_gpu_and_a_network_of_this_process_alone_are_refused(engine, photos, monkeypatch):
    monkeypatch.setattr(on_ray.importlib.util, "find_spec", lambda name: True)
    with pytest.raises(RequestError, match="'photos' is no address"):
        OnRay(engine, "photos")
    with pytest.raises(RequestError, match="one GPU of this machine"):
        OnRay(SimpleNamespace(torch_device=torch.device("cuda:2")))
    files = items([photos], photos / "out")
    with pytest.raises(RequestError, match="live/mine is in this process alone"):
        next(OnRay(engine)(Predictions("live/mine"), photos / "out", [files]))
