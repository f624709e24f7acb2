"""ARCHITECTURE.md says what the code does: who imports whom, which modules there are, and the names it mentions."""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys
from pathlib import Path

import pytest
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cnnviz"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
LADDER = runpy.run_path(str(ROOT / "tests" / "test_imports.py"))
ROWS = dict(re.findall(r"^\| ([\w\\/]+) \|([^|\n]*)\|$", TEXT.split("## The rooms")[0].replace("\\_", "_"), re.M))
BULLETS = dict(re.findall(r"^- \*\*([\w/]+)\*\*: (.+)$", TEXT, re.M))
NAMES = sorted(set(re.findall(r"`((?:ui|cli|\w+)(?:\.\w+)+)`", TEXT)) - {"app.py", "plan.json", "events.jsonl"})
REAL = [
    name for name in NAMES if (PACKAGE / name.split(".")[0]).is_dir() or (PACKAGE / f"{name.split('.')[0]}.py").exists()
]


def names(cell: str) -> set[str]:
    """The rooms of a cell of the table."""
    return {name.strip() for name in cell.split(",") if name.strip()}


def leaves() -> set[str]:
    return LADDER["LEAVES"]


def test_the_table_is_the_one_the_imports_are_tested_against():
    rooms = {room: names(cell) for room, cell in ROWS.items() if not room.startswith("ui/") and room != "room"}
    opened = {
        room: set().union(*(leaves() if name == "leaves" else {name} for name in cell)) for room, cell in rooms.items()
    }
    everywhere = dict.fromkeys(leaves(), opened.pop("leaves"))
    assert everywhere | opened == LADDER["ROOMS"]
    inside = {room.removeprefix("ui/"): names(cell) for room, cell in ROWS.items() if room.startswith("ui/")}
    assert inside == LADDER["UI"]


def modules(room: str) -> set[str]:
    """The modules (and folders of them) that lie in a room."""
    if room == "leaves":
        return leaves()
    folder = PACKAGE / room
    found = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    return found | {path.name for path in folder.iterdir() if (path / "__init__.py").is_file()}


def test_every_room_is_described():
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()} - {"ui"}
    inside = {f"ui/{path.name}" for path in (PACKAGE / "ui").iterdir() if (path / "__init__.py").is_file()}
    assert set(BULLETS) == rooms | inside | {"leaves"}


@pytest.mark.parametrize("room", BULLETS)
def test_the_list_of_a_room_is_its_modules(room):
    listed = set(re.findall(r"`(\w+)`", BULLETS[room]))
    assert listed == modules(room), f"in {room}, ARCHITECTURE.md and the folder differ"


def place(name: str) -> tuple[Path, list[str]]:
    """The file of a dotted name, and what it names inside of it."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        path = PACKAGE.joinpath(*parts[:end])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file, parts[end:]
    raise AssertionError(f"there is no module for {name}")


def defined(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """What a module or class defines by itself: name to statement."""
    found: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("name", REAL)
def test_every_name_is_where_the_text_says(name):
    path, rest = place(name)
    body = ast.parse(path.read_text()).body
    for part in rest:
        known = defined(body)
        assert part in known, f"{path.relative_to(ROOT)} defines no {part}"
        body = getattr(known[part], "body", [])


def test_the_names_are_found_in_the_text():
    assert len(REAL) > 40
    assert "ui.session.photos.add_photo" in REAL


def part(title: str) -> set[str]:
    """The functions that a trip names, as file and name."""
    text = TEXT.split(f"### {title}\n", 1)[1].split("\n#", 1)[0]
    called = set()
    for name in re.findall(r"`((?:\w+\.)+\w+)`", text):
        if name in REAL:
            path, rest = place(name)
            called.add((str(path), rest[-1]))
    return called


def calls(work) -> set[tuple[str, str]]:
    """The functions of the package that ran on this thread, as file and name."""
    seen: set[tuple[str, str]] = set()

    def hear(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            seen.add((frame.f_code.co_filename, frame.f_code.co_name))

    sys.setprofile(hear)
    try:
        work()
    finally:
        sys.setprofile(None)
    return seen


def missed(title: str, ran: set[tuple[str, str]], without: set[str]) -> set[str]:
    """What a trip names and did not come through, classes and those that are named elsewhere left out."""
    return {name for file, name in part(title) if name[0].islower() and (file, name) not in ran} - without


def test_a_model_key_takes_the_trip_that_is_told(tmp_path):
    from cnnviz.models import build, catalog, load
    from cnnviz.runtime.engine import Engine

    net = build.torchvision_net("squeezenet1_1", 3).to_empty(device="cpu")
    load._initialise(net, 0)
    save_file(net.state_dict(), tmp_path / "mine.safetensors")
    described = build.build("squeezenet1_1", {"outputs": 2, "size": 64}).to_empty(device="cpu")
    load._initialise(described, 0)
    save_file(described.state_dict(), tmp_path / "told.safetensors")
    (tmp_path / "told.json").write_text(json.dumps({"net": "squeezenet1_1", "spec": {"outputs": 2, "size": 64}}))

    def trip() -> None:
        engine = Engine(device="cpu", weights=tmp_path)
        assert "file/mine" in [row.key for row in catalog.rows(tmp_path)]
        engine.model("file/mine")
        engine.model("file/told")  # which has a card that describes it

    assert missed("A model key", calls(trip), {"fetch"}) == set()


def test_a_photo_takes_the_trip_that_is_told(photo):
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

    def trip() -> None:
        engine = Engine(device="cpu")
        engine.heatmap("lecture/cats_gap", Photo.open(photo.image()))
        assert engine.purge() > 0

    outside = {name for file, name in part("A photo") if f"{Path('ui', 'session')}" in file}
    assert {"add_photo", "forget_photos"} <= outside
    assert missed("A photo", calls(trip), outside) == set()


def test_a_plan_takes_the_trip_that_is_told(tmp_path):
    from cnnviz.data.counting import Counting, write
    from cnnviz.train import run
    from cnnviz.train.loop import fit
    from cnnviz.train.plan import Plan

    write(tmp_path / "circles", Counting(low=1, high=2, per_class=4, size=32))

    def trip() -> None:
        plan = Plan(data=str(tmp_path / "circles"), net="lecture/mnist_gap", epochs=1, device="cpu", threads=1)
        folder = run.create(plan, tmp_path / "runs")
        assert fit(folder) == "finished"
        assert run.read(folder).last("finished")

    elsewhere = {"ask", "begin", "spawn", "train", "live", "stop"}  # of the page, and of the process it starts
    assert missed("A plan", calls(trip), elsewhere) == set()


def test_the_disk_cache_holds_what_the_text_says():
    """Three kinds of answers have a codec, which is what lets them reach the disk."""
    used = [
        (path.stem, codec)
        for path in PACKAGE.rglob("*.py")
        for codec in re.findall(r"codec=([A-Z_]+)", path.read_text())
    ]
    assert {codec for _, codec in used} == {"ON_DISK", "CURVES", "ARRAY"}
    assert {stem for stem, _ in used} == {"feature_vis"}
