"""`python -m cnnviz` is the command line."""

from __future__ import annotations

import subprocess
import sys


def python(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, **more)  # type: ignore[call-overload, no-any-return]


def test_the_module_runs_with_its_exit_code_and_one_line():
    done = python("-m", "cnnviz", "predict", "nowhere.jpg", "--model", "resnet18")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
