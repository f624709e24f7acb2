"""The guide's Python and the notebook run as they stand; training with the dashboard open is bit-identical."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "your_own_network.md").read_text()
NOTEBOOK = json.loads((ROOT / "examples" / "own_network.ipynb").read_text())
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
ASKS = ("cnnviz.", "shown.", "from cnnviz")  # how lines begin that the training can do without

# The notebook's cells on a running event loop, as in a notebook, up to the one that closes the dashboard.
OPEN = """
import asyncio, json, sys
async def run():
    space = {}
    for cell in json.loads(sys.stdin.readline()):
        exec(compile(cell, "cell", "exec"), space)
    return space
space = asyncio.run(run())
import hashlib
weights = hashlib.sha256(b"".join(v.numpy().tobytes() for v in space["net"].state_dict().values()))
print(json.dumps({"weights": weights.hexdigest(), "training": space["net"].training}), flush=True)
for line in sys.stdin:  # one more cell
    exec(compile(json.loads(line), "cell", "exec"), space)
    print("done", flush=True)
"""


def started(cells: list[str], places: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN],
        cwd=places,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(json.dumps(cells) + "\n")
    process.stdin.flush()
    return process


def read(process: subprocess.Popen[str]) -> tuple[list[str], dict[str, object]]:
    """What the cells printed, and what became of the network."""
    said = []
    for line in process.stdout:
        if line.startswith("{"):
            return said, json.loads(line)
        said.append(line.strip())
    pytest.fail("the notebook broke off")


@pytest.mark.timeout(300)
def test_the_guide_runs_as_it_stands(tmp_path):
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.S))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "?model=live/Sequential" in done.stdout
    assert "read from the transform" in done.stdout
    assert (tmp_path / "dog.png").stat().st_size > 10_000


@pytest.mark.timeout(300)
def test_the_notebook_ends_with_the_very_same_weights_without_the_dashboard(tmp_path):
    alone = [cell for cell in CELLS if "shown" not in cell] + ["print(train(40))"]
    first, second = started(CELLS, tmp_path), started(alone, tmp_path)
    (said, watched), (_, plain) = read(first), read(second)
    assert watched == plain
    assert watched["training"] is True
    assert any("reddish" in line for line in said)
    for process in (first, second):
        process.communicate(timeout=60)
        assert process.returncode == 0


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_browser_sees_the_maps_of_the_notebooks_network(browser, tmp_path):
    from tests.dashboard import window

    process = started(CELLS[:-1], tmp_path)
    said, _ = read(process)
    url = next(line for line in said if line.startswith("http"))
    server = f"http://{urlsplit(url).netloc}"
    with window(browser, server) as context:
        page = context.new_page()
        page.goto(url.replace("/?", "/class_activation?"))
        page.locator(".cam canvas").first.wait_for()
        sidebar = page.get_by_test_id("stSidebar")
        sidebar.get_by_text("live in this program; input: 64 x 64").wait_for()
        page.get_by_text(re.compile("reddish|bluish")).first.wait_for()
        assert page.get_by_test_id("stException").count() == 0
        page.goto(url.replace("/?", "/activations?"))
        page.locator("canvas").first.wait_for()
        assert page.get_by_test_id("stException").count() == 0
        assert not page.get_by_test_id("stAlert").all_inner_texts()
    process.stdin.write(json.dumps(CELLS[-1]) + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"
    process.communicate(timeout=60)
