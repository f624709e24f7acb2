"""Trips through the modules: how many files a question passes, and that none of them is entered twice on the way."""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from cnnviz.attribution import cam
from cnnviz.attribution.methods import DEFAULT, METHODS
from cnnviz.inference.predict import Target
from cnnviz.models import build, catalog, lecture, load
from cnnviz.models.catalog import UnknownNet
from tests.models.states import filled

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "cnnviz"


@contextmanager
def listening(heard: Callable[[FrameType, str], None]) -> Iterator[None]:
    """Every call and return of this thread's Python functions inside cnnviz is told to `heard`."""

    def told(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        ours = code.co_filename.startswith(str(ENGINE)) and code.co_name != "__torch_function__"  # torch calls that
        if ours and event in ("call", "return"):
            heard(frame, event)

    before = sys.getprofile()
    sys.setprofile(told)
    try:
        yield
    finally:
        sys.setprofile(before)


def module_of(frame: FrameType) -> str:
    """The module a function lies in, named from cnnviz on: models.load."""
    return ".".join(Path(frame.f_code.co_filename).relative_to(ENGINE).with_suffix("").parts)


class Trip:
    """The modules that calls go through, and each call that goes back into one which is still waiting for an answer."""

    def __init__(self) -> None:
        self.below: list[str] = []
        self.entered: set[str] = set()
        self.returns: list[str] = []

    def __call__(self, frame: FrameType, event: str) -> None:
        if event == "return":
            self.below.pop()
            return
        here = module_of(frame)
        if here in self.below and here != self.below[-1]:
            self.returns.append(" -> ".join((*self.below[self.below.index(here) :], here)))
        self.below.append(here)
        self.entered.add(here)


def test_a_plain_grad_cam_runs_through_at_most_four_files():
    net = lecture.build(lecture.NETS["mnist_gap"]).eval().requires_grad_(False)
    x, trip = torch.rand(1, 1, 28, 28), Trip()
    with listening(trip):
        ((one,),) = cam.evidence(net, x, ["relu3"], [Target(4)])
        heat, _ = cam.grad_cam(one)
    assert heat.shape == (3, 3)
    assert "attribution.cam" in trip.entered
    assert len(trip.entered) <= 4, sorted(trip.entered)
    assert trip.returns == []


def test_grad_cam_is_read_on_one_screen():
    source = Path(inspect.getfile(cam)).read_text()
    places = {node.name: node for node in ast.parse(source).body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    first, last = places["Evidence"], places["grad_cam"]
    assert list(places)[:3] == ["Evidence", "evidence", "grad_cam"]
    assert last.end_lineno - first.lineno < 60


def bundled(weights: Path, runs: Path) -> str:
    return f"bundled/{next(iter(catalog.cards()))}"


def of_a_lecture(weights: Path, runs: Path) -> str:
    return "lecture/mnist_flatten"


def of_torchvision(weights: Path, runs: Path) -> str:
    torch.save(filled("squeezenet1_1"), weights / "squeezenet1_1.pth")
    return "squeezenet1_1"


def of_a_file(weights: Path, runs: Path) -> str:
    torch.save(filled("shufflenet_v2_x0_5", 3), weights / "birds.pth")
    return "file/birds"


def of_a_file_with_a_card(weights: Path, runs: Path) -> str:
    torch.save(filled("squeezenet1_1", 2), weights / "birds.pth")
    (weights / "birds.json").write_text(json.dumps({"net": "squeezenet1_1", "labels": ["owl", "wren"]}))
    return "file/birds"


def of_a_run(weights: Path, runs: Path) -> str:
    card = {"net": "shufflenet_v2_x0_5", "spec": {"outputs": 2, "hidden": 8, "size": 64}, "labels": ["owl", "wren"]}
    net = build.build(card["net"], card["spec"]).to_empty(device="cpu")
    load._initialise(net, 0)
    (runs / "one" / "snapshots").mkdir(parents=True)
    (runs / "one" / "card.json").write_text(json.dumps(card))
    save_file(net.state_dict(), runs / "one" / "snapshots" / "7.safetensors")
    return "run/one@last"


@pytest.mark.parametrize(
    "made",
    [bundled, of_a_lecture, of_torchvision, of_a_file, of_a_file_with_a_card, of_a_run],
    ids=lambda f: f.__name__,
)
def test_a_model_key_returns_to_no_module_it_has_left(made, tmp_path):
    weights, runs, trip = tmp_path / "weights", tmp_path / "runs", Trip()
    weights.mkdir()
    key = made(weights, runs)
    with listening(trip):
        model = load.load(key, weights, runs)
    assert model.key == key
    assert {"models.load", "models.preprocess"} <= trip.entered
    assert trip.returns == []


def test_neither_does_a_key_that_names_nothing(tmp_path):
    trip = Trip()
    with pytest.raises(UnknownNet), listening(trip):
        load.load("resnet-18", tmp_path, tmp_path)
    assert "models.catalog" in trip.entered
    assert trip.returns == []


# The help of the command line comes without torch, so it writes the default down instead of reading it.
NAMING = {ENGINE / "attribution" / "methods.py": set(METHODS), ENGINE / "cli" / "render.py": {DEFAULT}}
FILES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted(ENGINE.rglob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: ".".join(path.relative_to(ROOT).with_suffix("").parts))
def test_no_page_and_no_module_names_a_method(path):
    constants = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    assert constants & set(METHODS) == NAMING.get(path, set())


def test_a_trip_sees_a_call_that_goes_back():
    trip = Trip()
    for name in ("load", "load", "catalog", "load"):
        trip(SimpleNamespace(f_code=SimpleNamespace(co_filename=str(ENGINE / "models" / f"{name}.py"))), "call")
    assert trip.returns == ["models.load -> models.load -> models.catalog -> models.load"]
