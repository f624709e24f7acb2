"""Memory that is free goes back to the system."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from cnnviz.ui.server import memory, metrics

PROGRAM = """
import gc, threading
import numpy as np
from cnnviz.ui.server import memory, metrics

def work():  # small blocks that are kept lie between large ones that go
    kept.append([(np.ones(100_000, np.uint8), bytes(200))[1] for _ in range(400)])
    held.append([np.ones(100_000, np.uint8) for _ in range(400)])

kept, held = [], []
if {bounded}:
    memory.set_up()
for _ in range(24):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if len(held) > 8:
        held.pop(0)
held.clear()
gc.collect()
before = metrics.memory()
memory.give_back()
print(before, metrics.memory())
"""


@pytest.mark.skipif(memory._glibc() is None, reason="the C library is another one")
def test_what_is_free_between_what_is_kept_goes_back():
    program = textwrap.dedent(PROGRAM.format(bounded=True))
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    before, after = map(int, told.split())
    assert after < before
    assert after < 200e6
    assert metrics.memory() > 0


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    assert not memory.set_up()
    assert not memory.give_back()
