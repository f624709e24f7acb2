"""A small part of the fuzzing, and what it has found: kinds of hostile input, each with every reader of its kind."""

from __future__ import annotations

import ast
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cnnviz.models import checkpoint
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.train import checkpoints, plan, remembered, run
from cnnviz.ui.components import convlab, gaborlab
from cnnviz.ui.components.camcanvas import look
from cnnviz.ui.components.convlab import field, link
from cnnviz.ui.shell import activity

ROOT = Path(__file__).resolve().parents[2]
PARSERS = ("photos", "zips", "checkpoints", "plans", "runs", "links", "messages", "labels")
DEEP = '{"preprocess":' * 100_000
OWN = {  # file and function -> why what it reads cannot be nested too deeply
    ("cnnviz/cli/train.py", "_plan"): "a plan that was read, written anew",
    ("cnnviz/train/checkpoints.py", "card"): "a plan that was read, written anew",
    ("cnnviz/models/trial.py", "main"): "what the process that starts it has written",
    ("cnnviz/models/whole.py", "_told"): "words that the reader of the file has written",
    ("cnnviz/runtime/feature_vis.py", "_unpack"): "an entry of the cache, which takes any exception for a damaged one",
    ("cnnviz/feature_vis/bundled.py", "_opened"): "a file that ships with cnnviz",
    ("cnnviz/runtime/shards.py", "_plain"): "a question that is asked here, written anew",
}


def test_a_few_hundred_cases_of_each_parser_end_in_a_result_or_a_refusal():
    command = [sys.executable, "-m", "tests.fuzz", *PARSERS, "--cases", "150", "--seed", "7"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    lines = [line for line in ran.stdout.splitlines() if " cases, " in line]
    assert [line.partition(":")[0] for line in lines] == list(PARSERS)
    for line in lines:
        results, refusals = (
            int(line.split(word)[0].split()[-1].replace(",", "")) for word in (" results", " refusals")
        )
        assert results > 0, f"no sound case among them: {line}"
        assert refusals > 0 or line.startswith("messages"), line


def test_a_case_at_fault_is_told_and_the_command_fails(monkeypatch, capsys):
    code = (
        "import sys; from tests.fuzz import __main__, parsers\n"
        "from cnnviz.options import RequestError\n"
        "from pathlib import Path\n"
        "def read(rng, place):\n"
        "    kind = rng.randrange(5)\n"
        "    if kind == 0: raise KeyError('raw')\n"
        "    if kind == 1: Path('/tmp/outside-of-fuzz').open('a').close()\n"
        "    if kind == 2:\n"
        "        while True: pass\n"
        "    if kind == 3: bytearray(8 << 30)\n"
        "    raise RequestError('A clean refusal.')\n"
        "__main__.SECONDS = 0.2\n"
        "parsers.PARSERS = {'odd': parsers.Parser('odd', read)}\n"
        "sys.argv = ['fuzz', 'odd', '--cases', '30']\n"
        "sys.exit(__main__.main())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    Path("/tmp/outside-of-fuzz").unlink(missing_ok=True)
    assert ran.returncode == 1, ran.stderr
    for words in ("RAISED KeyError", "OUTSIDE", "RAISED TooLong", "RAISED MemoryError"):
        assert words in ran.stdout


def readers() -> list[tuple[str, str, ast.Call, bool]]:
    """Every call of json.loads in the package: its file, function, and whether what is nested too deeply is caught."""
    found = []
    for path in sorted((ROOT / "cnnviz").rglob("*.py")):
        tree = ast.parse(path.read_text())
        around = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "json.loads":
                at, caught, function = node, False, ""
                while at in around:
                    at = around[at]
                    if isinstance(at, ast.Try):
                        caught |= any(_catches(handler.type) for handler in at.handlers)
                    elif isinstance(at, ast.With):
                        caught |= any(_catches(item.context_expr) for item in at.items)
                    elif isinstance(at, ast.FunctionDef):
                        function = function or at.name
                found.append((str(path.relative_to(ROOT)), function, node, caught))
    return found


def _catches(handled: ast.expr | None) -> bool:
    words = ast.unparse(handled) if handled is not None else "Exception"
    return any(word in words for word in ("RecursionError", "Exception", "RuntimeError"))


def test_every_reader_of_json_expects_what_is_nested_too_deeply():
    bare = [(file, function) for file, function, _, caught in readers() if not caught]
    assert set(bare) <= set(OWN)
    assert len(readers()) > 10


def test_deep_json_in_a_run_is_a_refusal_or_nothing(tmp_path):
    (tmp_path / run.PLAN).write_text(json.dumps({"data": "x"}))
    for name in (remembered.DATA, run.VERDICT, checkpoints.CARD, run.EVENTS):
        (tmp_path / name).write_text(DEEP)
    with pytest.raises(RequestError, match="damaged"):
        remembered.read(tmp_path)
    assert run.verdict(tmp_path) is None
    assert checkpoints.seen(tmp_path) is None
    assert run.events_of(tmp_path) == []
    assert activity._tail(tmp_path / run.EVENTS) == []
    with pytest.raises(RequestError):
        plan.parse(DEEP)


@pytest.mark.parametrize("said", ["[]", "3", '"x"', "null", "[{}]"])
def test_a_verdict_that_is_no_object_is_none(tmp_path, said):
    (tmp_path / run.VERDICT).write_text(said)
    assert run.verdict(tmp_path) is None


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 10**400, -(10**400), "9" * 5000, None, [], {}])
def test_numbers_that_are_none_are_read_as_nothing_by_every_part_of_the_browser(number):
    for place in range(3):
        dab = [0.1, 0.2, 0.3]
        dab[place] = number
        assert look.read({"photo": "p", "strokes": [[dab]]}, "p").strokes == ()
    row = {"kind": "conv", "kernel": 3, "stride": 1, "padding": 1, "dilation": 1}
    stack = field.read([{**row, "kernel": number}])
    assert stack is None or 1 <= stack[0].kernel <= 64
    shown = field.read_shown({"at": [number, 0.5], "effective": True})
    assert all(0 <= at < 1 for at in shown.at)
    view = link.from_link("f.sobel_x")
    for name in ("stride", "padding", "selected", "position", "gain"):
        read = convlab.read({**view, name: number})
        assert read is None or link.to_link(read)
    gabor = {"frequency": 0.1, "theta": 3, "sigma": 3, "gamma": 1, "phase": 0, "view": "response", "picture": 0}
    for name in ("frequency", "theta", "sigma", "picture"):
        read = gaborlab.read({**gabor, name: number}, 3)
        assert read is None or all(map(math.isfinite, vars(read[0]).values()))


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_whole_number_that_no_float_holds_is_refused_in_a_card_and_left_out_of_a_run(tmp_path, number):
    sound = {"resize": 28, "crop": 28, "mean": [0.5], "std": [0.5], "channels": 1}
    for name in ("mean", "std"):
        with pytest.raises(RequestError, match=r"\.$"):
            Preprocess.parse({**sound, name: [number]})
    (tmp_path / run.EVENTS).write_text(json.dumps({"event": "step", "step": number}) + "\n")
    assert run.events_of(tmp_path) == []


def test_a_torch_file_that_claims_a_zip_version_of_the_future_is_refused(tmp_path):
    data = io.BytesIO()
    torch.save({"fc.weight": torch.zeros(2, 2)}, data)
    changed = bytearray(data.getvalue())
    changed[changed.index(b"PK\x01\x02") + 6] = 127  # the version that is needed to unpack
    (tmp_path / "net.pt").write_bytes(changed)
    with pytest.raises(RequestError, match=r"net\.pt"):
        checkpoint.contents(tmp_path / "net.pt")
