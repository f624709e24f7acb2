"""Each recipe of CONTRIBUTING.md is followed word for word on a copy of the repository, and does what it says."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"(?:(?P<new>A new file)|(?P<end>At the end of)"
    r'|In the (?:section "(?P<section>[^"]*)" of the )?table `(?P<table>\w+)` of) `(?P<path>[^`]+)`:\n\n'
    r"```python\n(?P<code>.*?)```",
    re.I | re.S,
)
COPIED = ("cnnviz", "pages", "tests", "plans", ".streamlit", "app.py", "pyproject.toml", "README.md")
LONGEST = 15  # lines of code in a recipe
WAITING = """\
from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def loaded():
    yield
    from cnnviz.ui.server.startup import START

    if START._thread is not None:  # a process that ends while a thread imports torch is aborted
        START._thread.join()

"""


@dataclass(frozen=True)
class Step:
    """One block of a recipe: which file, where in it, and what is put there."""

    path: str
    code: str
    table: str | None = None
    section: str | None = None
    new: bool = False


def recipe(title: str) -> list[Step]:
    """The steps of the recipe under a heading of CONTRIBUTING.md."""
    part = TEXT.split(f"### {title}\n", 1)[1].split("\n### ", 1)[0]
    return [
        Step(found["path"], found["code"], found["table"], found["section"], bool(found["new"]))
        for found in STEP.finditer(part)
    ]


def follow(steps: list[Step], copy: Path) -> None:
    """Does to the files of a copy what the steps say."""
    for step in steps:
        path = copy / step.path
        if step.new:
            assert not path.exists()
            path.write_text(step.code)
        elif step.table is None:
            path.write_text(path.read_text().rstrip("\n") + "\n\n\n" + step.code)
        else:
            _insert(path, step)


def _insert(path: Path, step: Step) -> None:
    """Puts a row behind the last one of a table (or of one section of it)."""
    node = table(path, step.table)
    if step.section is not None:
        node = next(v for k, v in zip(node.keys, node.values, strict=True) if ast.literal_eval(k) == step.section)
    lines = path.read_text().splitlines(keepends=True)
    last = node.end_lineno - 1
    if node.lineno == node.end_lineno:  # a table in one line
        at = node.end_col_offset - 1
        lines[last] = f"{lines[last][:at]}, {step.code.strip().rstrip(',')}{lines[last][at:]}"
    else:
        lines.insert(last, step.code)
    path.write_text("".join(lines))


def table(path: Path, name: str) -> ast.expr:
    """The literal that is assigned to a name in a file."""
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and any(getattr(t, "id", "") == name for t in targets):
            return node.value
    raise AssertionError(f"{path.name} has no table {name}")


def take_out(path: Path, name: str, word: str) -> int:
    """Removes every row of a table that has a word in it; how many there were."""
    node, text = table(path, name), path.read_text()
    lines = text.splitlines(keepends=True)
    rows = [row for row in node.elts if word in ast.get_source_segment(text, row)]
    for row in reversed(rows):
        del lines[row.lineno - 1 : row.end_lineno]
    path.write_text("".join(lines))
    return len(rows)


def run(copy: Path, *command: str) -> str:
    """What a Python command prints in the copy, where it has to succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-B", "-m", *command],
        cwd=copy,
        env=environment | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def passes(copy: Path, tests: dict[str, str], *more: str) -> str:
    """What pytest says of the copy: of tests written here, as files at these places, and of some that were there."""
    for place, test in tests.items():
        (copy / place).write_text(WAITING + dedent(test))
    how = ("-n", "0", "-p", "no:cacheprovider", f"--basetemp={copy.parent / 'temp'}")
    return run(copy, "pytest", *how, *tests, *more)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository to change."""
    place = tmp_path / "cnnviz"
    place.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, place / name)
    return place


def is_tidy(copy: Path, steps: list[Step]) -> None:
    """What a recipe leaves behind passes the linter and the formatter as the rest does."""
    paths = sorted({step.path for step in steps})
    run(copy, "ruff", "check", "--no-cache", *paths)
    run(copy, "ruff", "format", "--no-cache", "--check", *paths)


TITLES = re.findall(r"^### (Add .+)$", TEXT, re.M)


def test_these_recipes_are_there():
    assert TITLES == ["Add a CAM method", "Add a network family", "Add a kernel", "Add a data set", "Add a page"]


@pytest.mark.parametrize("title", TITLES)
def test_a_recipe_is_short_and_each_of_its_blocks_is_followed(title):
    part = TEXT.split(f"### {title}\n", 1)[1].split("\n### ", 1)[0]
    steps = recipe(title)
    assert len(steps) == part.count("```python") > 0
    assert sum(bool(line.strip()) for step in steps for line in step.code.splitlines()) <= LONGEST


def test_a_network_family_is_added_by_its_recipe(copy):
    steps = recipe("Add a network family")
    assert [step.table for step in steps] == ["FAMILIES", "TORCHVISION"]
    assert take_out(copy / steps[0].path, "FAMILIES", "shufflenet") == 1
    assert take_out(copy / steps[1].path, "TORCHVISION", "shufflenet") > 1
    assert not [p for p in (copy / "cnnviz").rglob("*.py") if "shufflenet" in p.read_text().lower()]
    follow(steps, copy)
    is_tidy(copy, steps)
    passes(
        copy,
        {
            "tests/models/test_recipe.py": """
        import os
        from pathlib import Path

        import numpy as np
        from safetensors.torch import save_file

        from cnnviz.models import build, catalog, families, identify, load
        from cnnviz.models.families import FAMILIES
        from cnnviz.photo import Photo
        from cnnviz.runtime.engine import Engine

        NAME = "shufflenet_v2_x1_0"


        def test_its_networks_are_listed_built_identified_and_explained():
            assert FAMILIES[-1].prefix == "shufflenet"
            assert NAME in [row.key for row in catalog.rows()]
            seven = build.torchvision_net(NAME, 7)
            assert identify.name_of(seven.state_dict()) == NAME
            assert families.last_block(NAME) == ("stage4", "conv5")
            assert build.graft(seven, NAME, build.Head(outputs=2)) == "fc"
            net = build.torchvision_net(NAME, 7).to_empty(device="cpu")
            load._initialise(net, 0)
            save_file(net.state_dict(), Path(os.environ["CNNVIZ_WEIGHTS"], "mine.safetensors"))
            engine = Engine(device="cpu")
            heat = engine.heatmap("file/mine", Photo.sample("cat"), 3)
            assert heat.layer.startswith("conv5") and heat.raw.shape == (7, 7) and np.isfinite(heat.raw).all()
            assert engine.stages("file/mine")
        """
        },
    )


# What holds of a copy in which the recipes were followed.
PROMISES = {
    "method": """
        from cnnviz.attribution.methods import METHODS
        from cnnviz.photo import Photo


        def test_engine_and_page_have_it(visit, engine):
            assert list(METHODS)[-1] == "xgradcam"
            heat = engine.heatmap("lecture/cats_gap", Photo.sample("cat"), method="xgradcam")
            assert heat.method == "xgradcam" and heat.values.max() == 1
            at = visit("class_activation", method="xgradcam")
            chosen = next(box for box in at.selectbox if box.label == "Method")
            assert "XGrad-CAM" in chosen.options
            assert chosen.value == "xgradcam" and not at.exception
    """,
    "kernel": """
        import json

        from cnnviz.signal import kernels


        def test_table_and_lab_have_it(visit):
            rows = [[5, 5, 5], [-3, 0, -3], [-3, -3, -3]]
            assert kernels.kernel("kirsch_north").weights.tolist() == rows
            assert list(kernels.KERNELS)[-1] == "kirsch_north"
            at = visit("convolution", lab="f.kirsch_north")
            sent = json.loads(at.get_by_key("convlab").proto.json)
            assert sent["presets"][-1]["name"] == "kirsch_north"
            assert sent["start"]["filters"][0]["weights"] == [rows] and not at.exception
    """,
    "data_set": """
        import gzip
        import hashlib
        import struct
        import urllib.request

        import numpy as np
        from torchvision import datasets

        from cnnviz.data import downloads, folder


        def test_it_downloads_and_the_page_offers_it(visit, tmp_path, monkeypatch):
            site = tmp_path / "site"
            site.mkdir()
            for name, count in (("train", 40), ("t10k", 20)):
                images, labels = np.full((count, 28, 28), 7, np.uint8), np.arange(count) % 10
                for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
                    whole = gzip.compress(head + array.astype(np.uint8).tobytes())
                    (site / f"{name}-{kind}-ubyte.gz").write_bytes(whole)
            sums = [(p.name, hashlib.md5(p.read_bytes()).hexdigest()) for p in sorted(site.iterdir())]
            monkeypatch.setattr(datasets.KMNIST, "resources", sums)
            monkeypatch.setattr(datasets.KMNIST, "mirrors", [f"{site.as_uri()}/"])
            urlopen = urllib.request.urlopen

            def answer(*given, **how):
                found = urlopen(*given, **how)
                found.length = None  # which only answers of HTTP have
                return found

            monkeypatch.setattr(urllib.request, "urlopen", answer)
            data = folder.read(downloads.fetch("kmnist", tmp_path / "kmnist"))
            assert sorted(data.classes) == sorted(datasets.KMNIST.classes)
            assert (len(data.train), len(data.val)) == (40, 20)
            at = visit("data")
            offered = next(box for box in at.selectbox if box.key == "catalog").options
            assert offered[-1].startswith("Kuzushiji-MNIST") and not at.exception
    """,
    "page": """
        from cnnviz.ui.shell.navigation import PAGES


        def test_it_opens_by_its_link_and_by_the_list_of_pages(visit, words):
            at = visit("brightness", bins="16", photo="coins")
            assert not at.exception
            assert "How often each brightness occurs" in words(at)
            assert next(s for s in at.slider if s.label == "Bins").value == 16
            assert "brightness" in [page[0] for page in PAGES["Labs"]]
    """,
}
# Tests of the tables that the recipes add to, by a word in the names of those that are about what was added.
KNOWN = {
    "xgradcam": ("tests/attribution/test_cam.py", "tests/attribution/test_methods.py"),
    "test_kernels": ("tests/signal/test_kernels.py",),
    "kmnist": ("tests/data/test_downloads.py",),
    "brightness": ("tests/test_imports.py",),
}


def test_a_cam_method_a_kernel_a_data_set_and_a_page_are_added_by_their_recipes(copy):
    """On one copy, one after another; what they promise is looked at in one run."""
    steps = [step for title in TITLES if title != "Add a network family" for step in recipe(title)]
    follow(steps, copy)
    is_tidy(copy, steps)
    promised = {f"tests/pages/test_recipe_{name}.py": test for name, test in PROMISES.items()}
    known = [place for places in KNOWN.values() for place in places]
    out = passes(copy, promised, *known, "-rp", "-k", " or ".join(["test_recipe", *KNOWN]))
    for place in promised:
        assert f"PASSED {place}" in out
    for word, places in KNOWN.items():
        assert all(re.search(f"PASSED {place}.*{word}|PASSED .*{word}.py::", out) for place in places), word
    assert len(re.findall("PASSED .*xgradcam", out)) == 6  # four places of the grad-cam package, the engine, its parts
