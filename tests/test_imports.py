"""Who may import whom, edge by edge, and what must not be imported where."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LEAVES = {
    "photo",
    "image_file",
    "picture",
    "caption",
    "lettering",
    "measured",
    "options",
    "arrays",
    "places",
    "printable",
    "drafts",
    "probability",
    "settings",
    "script",
}
# room -> the rooms it may import beside itself; ARCHITECTURE.md draws the same ladder
ROOMS: dict[str, set[str]] = dict.fromkeys(LEAVES, LEAVES)
ROOMS["models"] = LEAVES
ROOMS["signal"] = LEAVES
ROOMS["data"] = LEAVES | {"models"}
ROOMS["inference"] = LEAVES | {"models", "signal", "data"}
ROOMS["attribution"] = LEAVES | {"models", "signal", "data", "inference"}
ROOMS["feature_vis"] = ROOMS["attribution"]
ROOMS["train"] = ROOMS["attribution"]
ROOMS["runtime"] = ROOMS["attribution"] | {"attribution", "feature_vis", "train"}
ROOMS["cli"] = ROOMS["runtime"] | {"runtime"}
ROOMS["__main__"] = {"cli"}
ROOMS["ui"] = ROOMS["runtime"] | {"runtime"}
ROOMS["pages"] = ROOMS["ui"] | {"ui"}
ROOMS["app"] = {"ui"}
# and inside ui: pages -> views -> shell -> widgets -> session -> server, components
UI = {"server": set(), "components": set()}
UI["session"] = {"server", "components"}
UI["widgets"] = UI["session"] | {"session"}
UI["shell"] = UI["widgets"] | {"widgets"}
UI["views"] = UI["shell"] | {"shell"}
FILES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "cnnviz").rglob("*.py"))]
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path, running: bool = False) -> set[str]:
    """Every module of ours and every package that a file imports anywhere; with `running` only as it is imported."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    nodes = list(_at_import(tree)) if running else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in inside if name in MODULES} or {node.module}
            if any(name not in MODULES for name in inside):
                found.add(node.module)
    return found


def _at_import(node: ast.AST):
    """The nodes that run while a module is imported: no functions, nothing for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _at_import(child)


def room_of(name: str) -> str:
    """The room of a module: the first part of its name behind cnnviz."""
    first, _, rest = name.partition(".")
    return rest.split(".")[0] if first == "cnnviz" else first


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_never_go_up(path: Path):
    here = room_of(name_of(path))
    if not here:  # cnnviz/__init__.py names everything
        return
    for target in imported(path):
        there = room_of(target) if target.startswith("cnnviz.") else ""
        assert there in ("", here) or there in ROOMS[here], f"{name_of(path)} imports {target}"


@pytest.mark.parametrize("path", [p for p in FILES if name_of(p).startswith("cnnviz.ui.")], ids=name_of)
def test_imports_inside_ui_keep_to_the_directions(path: Path):
    here = name_of(path).split(".")[2]
    for target in imported(path):
        parts = target.split(".")
        if parts[:2] == ["cnnviz", "ui"] and len(parts) > 2:
            assert parts[2] == here or parts[2] in UI[here], f"{name_of(path)} imports {target}"


def test_no_module_imports_itself_by_a_detour():
    """No circle, also none through imports inside functions or for type checkers."""
    edges = {name: {t for t in imported(path) if t in MODULES and t != name} for name, path in MODULES.items()}
    edges.pop("cnnviz")  # names everything, on first use
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name in done:
            return
        for target in sorted(edges.get(name, ())):
            walk(target, (*way, name))
        done.add(name)

    for name in sorted(edges):
        walk(name, ())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_streamlit_stays_upstairs_and_torch_downstairs(path: Path):
    name, packages = name_of(path), {target.split(".")[0] for target in imported(path)}
    if room_of(name) not in ("ui", "pages", "app") and name != "cnnviz.cli.serve":  # which starts the dashboard
        assert "streamlit" not in packages
    if room_of(name) in ("pages", "app"):
        assert not packages & {"torch", "torchvision", "cv2"}
    if room_of(name) == "signal":
        assert not packages & {"torch", "torchvision"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_module_fits_in_the_head(path: Path):
    assert len(path.read_text().splitlines()) <= 300


def test_only_the_engine_inherits_from_the_backend():
    """What one class of ours declares is never defined in its heir: heirs list functions or add fields."""
    from cnnviz.runtime.backend import Backend
    from cnnviz.runtime.engine import Engine

    assert Engine.__bases__ == (Backend,)
    assert not set(Backend.__annotations__)
    assert not {name for name in vars(Engine) if not name.startswith("__")} & set(vars(Backend))


def test_signal_needs_no_torch_and_no_scikit_image_to_be_imported():
    import subprocess
    import sys

    names = "kernels convolve pooling gabor gaborfit receptive slide code"
    lines = "; ".join(f"import cnnviz.signal.{name}" for name in names.split())
    check = f"import sys; {lines}; sys.exit('torch' in sys.modules or 'skimage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
