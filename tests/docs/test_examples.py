"""Each example runs from an empty folder, without a connection and without a warning, and draws something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
OFFLINE = """
import runpy, socket, sys
def refuse(*_): raise AssertionError("An example asked for a connection.")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_runs_as_it_stands(script, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout
    pictures = list(tmp_path.glob("*.png"))
    assert pictures
    for path in pictures:
        assert np.asarray(Image.open(path)).std() > 5, f"{path.name} shows nothing"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_what_it_is(script):
    text = script.read_text()
    assert text.startswith('"""\n')
    assert 20 < len(text.splitlines()) <= 100
    assert "assert " in text  # it checks what it claims


def test_the_gallery_puts_every_example_in_its_place(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    from gallery_order import LESSONS

    assert sorted(LESSONS) == [path.stem for path in SCRIPTS]
