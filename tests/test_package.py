"""What is built of this tree: a wheel with the dashboard in it, the same from the tree and from its sdist."""

from __future__ import annotations

import email
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import cnnviz

ROOT = Path(__file__).resolve().parent.parent
ASSETS = {".js", ".css", ".npz", ".safetensors", ".json", ".toml", ".typed"}


def build(kind: str, tree: Path, place: Path) -> Path:
    """The file that the back end makes of a tree."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(place)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True, timeout=120)
    (made,) = place.iterdir()
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel and the sdist of this tree, and the sdist unpacked."""
    pytest.importorskip("hatchling")
    place = tmp_path_factory.mktemp("built")
    found = {kind: build(kind, ROOT, place / kind) for kind in ("wheel", "sdist")}
    with tarfile.open(found["sdist"]) as packed:
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from Python 3.11.4 on
        packed.extractall(place / "tree", **safe)
    (found["tree"],) = (place / "tree").iterdir()
    return found


@pytest.fixture(scope="module")
def wheel(built: dict[str, Path]) -> dict[str, bytes]:
    """The files of the wheel."""
    with zipfile.ZipFile(built["wheel"]) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel: dict[str, bytes]) -> email.message.Message:
    """What the wheel says of itself."""
    (name,) = (name for name in wheel if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel[name])


def test_a_wheel_of_the_sdist_is_the_wheel_of_the_tree(built: dict[str, Path], tmp_path: Path):
    assert build("wheel", built["tree"], tmp_path).read_bytes() == built["wheel"].read_bytes()


def test_every_module_and_every_asset_of_the_package_is_in_the_wheel(wheel: dict[str, bytes]):
    wanted = [
        path
        for path in (ROOT / "cnnviz").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    ]
    assert {path.suffix for path in wanted} >= {".py", *ASSETS - {".toml"}}
    for path in wanted:
        assert wheel[str(path.relative_to(ROOT))] == path.read_bytes()


def test_the_dashboard_is_in_the_wheel_where_the_package_looks_for_it(wheel: dict[str, bytes]):
    top = [ROOT / "app.py", ROOT / ".streamlit" / "config.toml"]
    top += [*(ROOT / "pages").glob("*.py"), *(ROOT / "plans").glob("*.json")]
    inside = {name: data for name, data in wheel.items() if name.startswith("cnnviz/dashboard/")}
    assert inside == {f"cnnviz/dashboard/{path.relative_to(ROOT)}": path.read_bytes() for path in top}


def test_nothing_else_is_in_the_wheel(wheel: dict[str, bytes]):
    assert all(name.startswith(("cnnviz/", f"cnnviz-{cnnviz.__version__}.dist-info/")) for name in wheel)


def test_requirements_txt_is_the_one_list_of_dependencies(metadata: email.message.Message):
    requirements = pytest.importorskip("packaging.requirements")
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    listed = {str(requirements.Requirement(line)) for line in lines if line}
    assert len(listed) > 10
    needed = [requirements.Requirement(line) for line in metadata.get_all("Requires-Dist")]
    assert {str(one) for one in needed if "extra" not in str(one.marker)} == listed


def test_what_is_optional_is_tested_here_too(metadata: email.message.Message):
    requirements = pytest.importorskip("packaging.requirements")
    needed = [requirements.Requirement(line) for line in metadata.get_all("Requires-Dist")]
    extras = {one.name: str(one.specifier) for one in needed if "extra" in str(one.marker)}
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements-dev.txt").read_text().splitlines()]
    listed = [requirements.Requirement(line) for line in lines if line and not line.startswith("-")]
    assert "timm" in extras
    assert extras.items() <= {one.name: str(one.specifier) for one in listed}.items()


def test_the_wheel_says_what_it_is(metadata: email.message.Message):
    assert (metadata["Name"], metadata["Version"]) == ("cnnviz", cnnviz.__version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_payload().startswith("# cnnviz")


def test_the_version_is_said_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert f'"{cnnviz.__version__}"' in (ROOT / project["tool"]["hatch"]["version"]["path"]).read_text()
