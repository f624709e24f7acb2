"""The dashboard in somebody's program: its photos, its address, its end. Once in a process of its own, for Streamlit
keeps what it is told for as long as the process lives; tests/docs/test_your_own_network.py has what a browser sees.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples
from cnnviz.ui.shell import embedded

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import gc, json, os, sys, threading, urllib.error, urllib.request
frozen = gc.get_freeze_count()  # Python 3.12 begins with some
import torch
from torch import nn
import cnnviz
from cnnviz.ui.server import startup

torch.manual_seed(0)
def net():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
def answers(url):
    try:
        return urllib.request.urlopen(url.split("?")[0] + "_stcore/health", timeout=5).read().decode()
    except OSError:
        return "nothing"

one, two, found = net(), net(), {}
drawn = torch.get_rng_state()
first = cnnviz.show(one, photos=[cnnviz.Photo.sample("cat").image(), sys.argv[1]], labels=["a", "b", "c"], name="one")
second = cnnviz.show(two, name="two")
found["addresses"] = [first.url, second.url]
found["first photos"] = startup.photos()[:2]
found["opens with"] = startup.first(startup.START.engine().models())
found["up"] = answers(first.url)
os.environ["CNNVIZ_PASSWORD"] = "mine"
try:
    urllib.request.urlopen(first.url, timeout=5)
except urllib.error.HTTPError as refused:
    found["locked"] = refused.code
del os.environ["CNNVIZ_PASSWORD"]
first.stop()
found["with the other"] = answers(second.url)
second.stop()
second.stop()
found["ended"] = answers(second.url)
found["photos left"] = list(startup.LENT)
again = cnnviz.show(one, name="one")
found["again"] = [again.url, answers(again.url)]
found["frame"] = again.url in again._repr_html_()
again.stop()
found["giving memory back"] = sum(thread.name == "cnnviz-memory" for thread in threading.enumerate())
found["same random numbers"] = torch.equal(drawn, torch.get_rng_state())
found["frozen objects"] = gc.get_freeze_count() - frozen
found["threads"] = [thread.name for thread in threading.enumerate() if thread.name == "cnnviz-show"]
print(json.dumps(found))
"""


def test_it_opens_on_several_networks_ends_with_the_last_and_opens_again(tmp_path):
    Photo.sample("coffee").image().save(tmp_path / "mine.png")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", PROGRAM, "mine.png"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    one, two = found["addresses"]
    assert one.startswith("http://127.0.0.1:")
    assert (one.endswith("/?model=live/one"), two.endswith("/?model=live/two")) == (True, True)
    assert one.split("?")[0] == two.split("?")[0] == found["again"][0].split("?")[0]
    assert found["first photos"] == ["photo 1", "mine.png"]
    assert found["opens with"] == "live/two"
    assert (found["up"], found["with the other"], found["ended"], found["again"][1]) == ("ok", "ok", "nothing", "ok")
    assert found["photos left"] == []
    assert found["locked"] == 401
    assert found["giving memory back"] <= 1
    assert found["frame"]
    assert found["same random numbers"]
    assert (found["frozen objects"], found["threads"]) == (0, [])
    assert done.stderr == ""


def test_photos_come_as_people_have_them(tmp_path, photo):
    path = tmp_path / "one.png"
    photo.image().save(path)
    gray = photo.pixels[..., 0].copy()
    given = [path, str(path), path.read_bytes(), photo.pixels, gray, photo.image(), photo, Photo.sample("cat")]
    lent = embedded._lent(given)
    assert list(lent)[:4] == ["one.png", "one.png 2", "photo 3", "photo 4"]
    assert len(lent) == len(given)
    assert not set(lent) & set(samples())
    assert all(np.array_equal(one.pixels, photo.pixels) for one in list(lent.values())[:4])
    assert np.array_equal(lent["photo 5"].pixels[..., 1], gray)
    assert not any(one.personal for one in lent.values())
    assert len(embedded._lent(photo)) == 1
    for wrong in (tmp_path / "none.png", np.zeros((4, 4, 2), np.uint8), [Image.new("RGB", (4, 4))] * 51):
        with pytest.raises(RequestError):
            embedded._lent(wrong if isinstance(wrong, list) else [wrong])
