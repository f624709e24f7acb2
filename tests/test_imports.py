"""The direction of imports, and what must not be imported where."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = [
    {"app", "pages"},
    {"cnnviz.ui"},
    {
        "cnnviz.__main__",
        "cnnviz.commands",
        "cnnviz.commands_train",
        "cnnviz.evaluation",
        "cnnviz.growing",
        "cnnviz.terminal",
    },
    {"cnnviz.engine", "cnnviz.inquiry", "cnnviz.proof", "cnnviz.wishes"},
    {"cnnviz.explain", "cnnviz.train", "cnnviz.data", "cnnviz.nets", "cnnviz.signal"},
    {"cnnviz.photo", "cnnviz.picture", "cnnviz.options", "cnnviz.store", "cnnviz.gate"},
]
FILES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "cnnviz").rglob("*.py"))]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def floor_of(name: str) -> int | None:
    for height, floor in enumerate(FLOORS):
        if any(name == room or name.startswith(f"{room}.") for room in floor):
            return height
    return None


def imported(path: Path) -> set[str]:
    """Every module that a file imports anywhere, type checking included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_never_go_up(path: Path):
    here = floor_of(name_of(path))
    if here is None:  # cnnviz/__init__.py names everything
        assert name_of(path) == "cnnviz"
        return
    for target in imported(path):
        there = floor_of(target)
        assert there is None or there >= here, f"{name_of(path)} imports {target}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_streamlit_stays_upstairs_and_torch_downstairs(path: Path):
    name, packages = name_of(path), {target.split(".")[0] for target in imported(path)}
    if (floor_of(name) is None or floor_of(name) > 1) and name != "cnnviz.commands":  # which starts the dashboard
        assert "streamlit" not in packages
    if floor_of(name) == 0:
        assert not packages & {"torch", "torchvision", "cv2"}
