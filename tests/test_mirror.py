"""Tests lie where their modules lie: cnnviz/<room>/<module>.py is tested by tests/<room>/test_<module>.py."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CNNVIZ = HERE.parent / "cnnviz"
APART = {
    "pages",
    "browser",
    "journeys",
    "walk",
    "js",
    "docs",
    "fuzz",
}  # tested as a whole: pages, browsers, scripts, documents

# Modules that draw a page, or hold what is drawn; they are seen through that page instead.
SEEN = {
    "ui/components/camcanvas": "pages/test_class_activation.py",
    "ui/components/confusion": "pages/test_train.py",
    "ui/components/copier": "journeys/test_memory.py",
    "ui/components/growth": "pages/test_filters.py",
    "ui/components/mosaic": "pages/test_filters.py",
    "ui/components/photogrid": "pages/test_class_activation.py",
    "ui/components/shelf": "pages/test_filters.py",
    "ui/components/stagekeys": "journeys/test_memory.py",
    "ui/server/data_sets": "pages/test_data.py",
    "ui/server/runs": "pages/test_train.py",
    "ui/session/current": "pages/test_shell.py",
    "ui/session/link": "pages/test_shell.py",
    "ui/session/visit": "pages/test_shell.py",
    "ui/shell/checkpoint_card": "pages/test_checkpoint_card.py",
    "ui/shell/checkpoint_upload": "pages/test_checkpoint_upload.py",
    "ui/shell/network_list": "pages/test_shell.py",
    "ui/shell/main": "pages/test_shell.py",
    "ui/shell/network_upload": "pages/test_network_upload.py",
    "ui/views/activations/close_up": "pages/test_activations.py",
    "ui/views/activations/experiments/choice": "pages/test_activations.py",
    "ui/views/activations/experiments/pooling": "pages/test_activations.py",
    "ui/views/activations/experiments/side_by_side": "pages/test_activations.py",
    "ui/views/activations/experiments/skip_connection": "pages/test_activations.py",
    "ui/views/activations/experiments/translation": "pages/test_activations.py",
    "ui/views/activations/layer_grid": "pages/test_activations.py",
    "ui/views/activations/sides": "pages/test_activations.py",
    "ui/views/class_activation/answer": "pages/test_class_activation.py",
    "ui/views/class_activation/overlay": "pages/test_class_activation.py",
    "ui/views/class_activation/question": "pages/test_class_activation.py",
    "ui/views/class_activation/beside": "pages/test_class_activation.py",
    "ui/views/class_activation/export": "pages/test_class_activation.py",
    "ui/views/backward_pass": "pages/test_convolution.py",
    "ui/views/class_activation/checks": "pages/test_class_activation.py",
    "ui/views/class_activation/evidence": "pages/test_class_activation.py",
    "ui/views/class_activation/gallery": "pages/test_class_activation.py",
    "ui/views/class_activation/raw": "pages/test_class_activation.py",
    "ui/views/class_activation/trust": "pages/test_class_activation.py",
    "ui/views/filters/channel": "pages/test_filters.py",
    "ui/views/filters/gallery": "pages/test_filters.py",
    "ui/views/filters/start": "pages/test_filters.py",
    "ui/views/data/adding": "pages/test_data.py",
    "ui/views/data/camera": "pages/test_data.py",
    "ui/views/data/circles": "pages/test_data.py",
    "ui/views/data/findings": "pages/test_data.py",
    "ui/views/data/suspects": "pages/test_data.py",
    "ui/views/data/augmentation": "pages/test_data.py",
    "ui/views/data/batch": "pages/test_data.py",
    "ui/views/data/folder": "pages/test_data.py",
    "ui/views/data/image_map": "pages/test_image_map.py",
    "ui/views/full_size": "pages/test_convolution.py",
    "ui/views/first_layer": "pages/test_gabor.py",
    "ui/views/labs": "pages/test_gabor.py",
    "ui/views/equation": "pages/test_activations.py",
    "ui/views/layer_table": "pages/test_home.py",
    "ui/views/numbers": "pages/test_class_activation.py",
    "ui/views/receptive_fields": "pages/test_convolution.py",
    "ui/views/train/calibration": "pages/test_train.py",
    "ui/views/train/confusion": "pages/test_train.py",
    "ui/views/train/curves": "pages/test_train.py",
    "ui/views/train/layer_table": "pages/test_train.py",
    "ui/views/train/first_plan": "pages/test_train.py",
    "ui/views/train/learning": "pages/test_train.py",
    "ui/views/train/plan_files": "pages/test_train.py",
    "ui/views/train/plan_form": "pages/test_train.py",
    "ui/views/train/rate_finder": "pages/test_train.py",
    "ui/views/train/results": "pages/test_train.py",
    "ui/views/train/run_list": "pages/test_train.py",
    "ui/views/train/run_view": "pages/test_train.py",
    "ui/views/train/solved_plan": "pages/test_train.py",
    "ui/views/train/stages": "pages/test_train.py",
    "ui/views/train/trained_network": "pages/test_train.py",
    "ui/widgets/crop": "pages/test_crop.py",
    "ui/widgets/background": "pages/test_background.py",
    "ui/widgets/forgetting": "journeys/test_uploads.py",
    "ui/widgets/network": "pages/test_shell.py",
    "ui/widgets/take_away": "pages/test_activations.py",
    "ui/widgets/show": "pages/test_activations.py",
}
# Tests of no single module: what holds for all of them, or for the repository.
WHOLE = {
    "test_fresh_machine": "a machine that has nothing but the packages",
    "test_faults": "disks, clocks, processes and networks that fail",
    "test_data_sets": "random folders by everything that reads data sets",
    "test_deploy": "how it is served to others",
    "test_gpu": "what a GPU answers, beside the CPU",
    "test_imports": "who may import whom",
    "test_mirror": "where tests lie",
    "test_package": "what a wheel holds",
    "test_privacy": "what becomes of photos",
    "test_readme": "what the README says",
    "test_replicas": "several servers behind a proxy",
    "test_supply_chain": "the packages that are installed with it",
    "test_round_trips": "random networks through a file",
    "test_trips": "what a question passes on its way",
    "test_zoo": "the networks by every way in",
    "test_workers": "how many processes run the tests",
}


def modules() -> dict[str, Path]:
    """Every module that does something, by its place, attribution/cam; a package by its own, ui/components/mosaic."""
    found = {}
    for path in sorted(CNNVIZ.rglob("*.py")):
        tree = ast.parse(path.read_text())
        if len(tree.body) > 1:  # more than a docstring
            place = path.parent if path.stem == "__init__" else path.with_suffix("")
            found[str(place.relative_to(CNNVIZ)).replace("__", "") if place != CNNVIZ else "cnnviz"] = path
    return found


def place_of(module: str) -> Path:
    """Where the tests of a module lie."""
    place = HERE / module
    return place.parent / f"test_{place.name}.py"


MODULES = modules()


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_test_file(module):
    if module in SEEN:
        assert (HERE / SEEN[module]).is_file()
    else:
        assert place_of(module).is_file(), f"write {place_of(module).relative_to(HERE.parent)}"


def test_what_is_seen_through_a_page_is_there_and_belongs_to_the_dashboard():
    assert set(SEEN) <= set(MODULES)
    assert all(module.startswith("ui/") for module in SEEN)


ALL = [path.relative_to(HERE) for path in sorted(HERE.rglob("test_*.py"))]
TESTS = [str(path) for path in ALL if path.parts[0] not in APART]


@pytest.mark.parametrize("test", TESTS)
def test_every_test_file_has_its_module(test):
    place = Path(test)
    module = str(place.parent / place.stem.removeprefix("test_"))
    assert module in MODULES or place.stem in WHOLE


def test_every_test_file_holds_tests():
    for test in TESTS:
        names = {node.name for node in ast.parse((HERE / test).read_text()).body if isinstance(node, ast.FunctionDef)}
        assert any(name.startswith("test_") for name in names), test
