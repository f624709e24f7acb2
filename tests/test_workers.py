"""How many processes the tests are shared out to: none for a single file, two for more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


@pytest.mark.parametrize(
    ("asked", "workers"),
    [("test_one.py", False), ("test_one.py::test test_one.py::test", False), (".", True), (". -n 0", False)],
)
def test_a_single_file_is_run_without_workers(asked: str, workers: bool, tmp_path: Path):
    shutil.copy(TESTS / "conftest.py", tmp_path)
    for name in ("one", "another"):
        (tmp_path / f"test_{name}.py").write_text("def test(worker_id):\n    print('by', worker_id)\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rP", *asked.split()]
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120).stdout
    assert " passed in " in told, told
    assert ("by gw0" in told, "by gw1" in told, "by master" in told) == (workers, workers, not workers)
