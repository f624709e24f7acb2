"""What strangers may not have done is refused by what does it, whatever a page shows or a browser sends."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.visitor import Visitor, Widget
from cnnviz.data.counting import Counting, write
from cnnviz.models import weights
from cnnviz.options import RequestError
from cnnviz.train.plan import Plan
from cnnviz.ui.server import capabilities, data_sets, runs
from cnnviz.ui.shell import checkpoint_card, checkpoint_upload
from tests.dashboard import Dashboard

ROOT = Path(__file__).resolve().parents[3]
TOUCHING = {
    *("write_text", "write_bytes", "unlink", "mkdir", "rmtree", "iterdir", "glob", "rglob", "scandir", "listdir"),
    *("Popen", "touch", "chmod", "NamedTemporaryFile", "TemporaryDirectory", "mkdtemp", "symlink_to", "copytree"),
    *("rename", "spawn", "trial", "extend", "fetch", "unpack", "apply", "holding"),
}
FREE = {  # file and function -> why it needs no capability
    ("cnnviz/ui/shell/document.py", "early"): "the dashboard's own styles",
    ("cnnviz/ui/views/train/plan_files.py", "draw"): "the plans that are part of cnnviz",
    ("cnnviz/ui/components/camera/__init__.py", "_do"): "a class of frames, in memory",
    ("cnnviz/ui/server/runs.py", "_gather"): "a thread of `find_rate`, which is refused before",
    ("cnnviz/ui/views/train/run_view.py", "_rename"): "runs.rename, which is refused",
    ("cnnviz/ui/views/data/adding.py", "_upload"): "writes where data_sets.place_for says, which is refused",
    ("cnnviz/ui/views/data/adding.py", "_download"): "writes where data_sets.place_for says, which is refused",
}


PAGES = ("", "convolution", "gabor", "activations", "filters", "class_activation", "data", "train")


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A public server with a data set and a weights folder; the folder with all of it."""
    for name in ("DATA", "RUNS", "WEIGHTS"):
        (tmp_path / name.lower()).mkdir()
        monkeypatch.setenv(f"CNNVIZ_{name}", str(tmp_path / name.lower()))
    write(tmp_path / "data" / "circles", Counting(per_class=2, size=32, smallest=2.0, largest=2.0))
    (tmp_path / "weights" / "mine.pth").write_bytes(b"x")
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    return tmp_path


def contents(place: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in place.rglob("*")}


def test_whoever_started_the_server_may_do_all_and_strangers_nothing(monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "")
    assert capabilities.granted() == capabilities.OWN
    for text in ("1", "maybe"):
        monkeypatch.setenv("CNNVIZ_PUBLIC", text)
        assert capabilities.granted() == capabilities.STRANGERS
        for name in capabilities.NAMES:
            with pytest.raises(RequestError, match="server"):
                capabilities.require(name)


def test_each_function_that_lists_or_writes_refuses_strangers_by_itself(strangers):
    before, weight = contents(strangers), strangers / "weights" / "mine.pth"
    plan = Plan(data=str(strangers / "data" / "circles"))
    for act in (
        data_sets.data_sets,
        lambda: data_sets.data_set("circles"),
        lambda: data_sets.surveyed("circles"),
        lambda: data_sets.audited("circles"),
        lambda: data_sets.place_for("new"),
        lambda: data_sets.set_labels("circles", ""),
        lambda: data_sets.remove("circles"),
        data_sets.trashed,
        lambda: data_sets.restore("x"),
        data_sets.empty_trash,
        lambda: data_sets.correct("circles", "new", ()),
        runs.names,
        runs.listing,
        lambda: runs.look("x"),
        lambda: runs.begin(plan),
        lambda: runs.rename("x", "y"),
        lambda: runs.go_on("x"),
        lambda: runs.more("x", 3),
        lambda: runs.find_rate(plan),
        lambda: runs.forget_rate(strangers / "runs" / "x"),
        lambda: checkpoint_upload.keep("other.pth", b"x", strangers / "weights"),
        lambda: checkpoint_upload._remove("file/mine"),
        lambda: checkpoint_card.save(weight, {"title": "x"}, "file/mine"),
        lambda: weights.fetch("resnet18", "resnet18-f37072fd"),
    ):
        with pytest.raises(RequestError, match="public server"):
            act()
    checkpoint_card.undo(weight)
    assert contents(strangers) == before


def functions() -> Iterator[tuple[str, ast.FunctionDef, set[str]]]:
    """Each function of the pages that touches files or starts processes, and what it calls."""
    for path in (*(ROOT / "cnnviz" / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
                names = {one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in calls}
                yield path.relative_to(ROOT).as_posix(), node, names


def test_every_function_of_the_pages_that_touches_files_asks_for_a_capability():
    touching = [(file, node.name, names) for file, node, names in functions() if names & TOUCHING]
    assert len(touching) > 10
    bare = {(file, name) for file, name, names in touching if "require" not in names and "granted" not in names}
    assert bare - set(FREE) == set(), "begin it by capabilities.require(...), or say in FREE why it needs none"


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Dashboard]:
    """A public server with a data set."""
    running = Dashboard(tmp_path, "--public")
    write(tmp_path / "data" / "circles", Counting(per_class=2, size=32, smallest=2.0, largest=2.0))
    yield running
    running.end()


def states(one: Widget) -> Iterator[WidgetState]:
    """What a browser may say of a widget that strangers have not."""
    if one.kind in ("button", "download_button"):
        yield WidgetState(id=one.proto.id, trigger_value=True)
    elif one.kind == "checkbox":
        yield WidgetState(id=one.proto.id, bool_value=True)
    elif one.kind == "text_input":
        yield WidgetState(id=one.proto.id, string_value="../x")
    elif one.kind == "bidi_component":
        yield WidgetState(id=one.proto.id, json_trigger_value='[{"event": "done", "value": {"do": "save"}}]')
    elif one.kind == "selectbox" and one.proto.options:
        yield WidgetState(id=one.proto.id, string_value=one.proto.options[0])


def nonsense(one: Widget) -> Iterator[WidgetState]:
    """What no browser says of a widget that strangers have: paths, names of another, numbers that are none."""
    name = one.proto.id
    for text in ("../../weights/mine", "\0" + "a" * 4000):
        if one.kind in ("selectbox", "text_input"):
            yield WidgetState(id=name, string_value=text)
        elif one.kind in ("button_group", "multiselect"):
            state = WidgetState(id=name)
            state.string_array_value.data.extend([text, text])
            yield state
        elif one.kind == "bidi_component":
            told = {"event": "choice", "value": text}, {"event": text, "value": {"do": "save", "index": -1e308}}
            yield WidgetState(id=name, json_trigger_value=json.dumps([*told, text, None]))
            yield WidgetState(id=name, json_value=json.dumps({"state": {text: text}, "opened": {"index": text}}))
    if one.kind in ("slider", "number_input"):
        for number in (1e308, -1.0):  # none of Streamlit's own integers can be NaN: it says so to whoever sent it
            state = WidgetState(id=name)
            state.double_array_value.data.append(number)
            yield state if one.kind == "slider" else WidgetState(id=name, double_value=number)


async def all_pressed(own: Dashboard, public: Dashboard, pages: tuple[str, ...]) -> tuple[int, set[str]]:
    """How many widgets of one's own server strangers have not, all of them used by a stranger; and what these read."""
    missing, read = 0, set[str]()
    for page in pages:
        mine, theirs = Visitor(own.address), Visitor(public.address)
        await mine.arrive(page)
        await theirs.arrive(page)
        for name, one in mine.widgets.items():
            if name in theirs.widgets or one.proto.id in {other.proto.id for other in theirs.widgets.values()}:
                continue
            missing += 1
            for state in states(one):
                await theirs._run(name, "", state)
                read |= {text for text in theirs.texts if "circles" in text.lower() and "data set" in text.lower()}
        assert theirs.errors == []
        await mine.leave()
        await theirs.leave()
    return missing, read


def test_messages_for_controls_that_strangers_have_not_write_and_list_nothing(common, public):
    folders = [public.places / name for name in ("data", "runs", "weights")]
    before: list[Any] = [contents(place) for place in folders]
    with ThreadPoolExecutor(1) as pool:
        missing, read = pool.submit(asyncio.run, all_pressed(common, public, PAGES)).result()
    assert missing > 10
    assert read == set()
    assert [contents(place) for place in folders] == before
    assert touched(public, folders) == []


async def all_mistold(public: Dashboard, page: str) -> tuple[int, list[str]]:
    """How many widgets of a page a stranger told nonsense, and the errors that the page showed."""
    visitor = Visitor(public.address)
    await visitor.arrive(page)
    widgets = [*visitor.widgets.items()]
    for name, one in widgets:
        for state in nonsense(one):
            await visitor._run(name, one.fragment, state)
    await visitor.leave()
    return len(widgets), [error for error in visitor.errors if error.startswith("exception")]


def test_nonsense_said_of_any_widget_of_any_page_ends_in_no_exception_and_touches_no_folder(public):
    folders = [public.places / name for name in ("data", "runs", "weights")]
    before: list[Any] = [contents(place) for place in folders]
    for page in PAGES:
        with ThreadPoolExecutor(1) as pool:
            told, errors = pool.submit(asyncio.run, all_mistold(public, page)).result()
        assert errors == []
        assert told > 2
    assert [contents(place) for place in folders] == before
    assert touched(public, folders) == []


def touched(public: Dashboard, folders: list[Path]) -> list[str]:
    """What the server wrote below the folders, by its own account."""
    written = (public.places / "watch" / "written.log").read_text().splitlines()
    return [line for line in written if line.startswith(tuple(map(str, folders)))]
