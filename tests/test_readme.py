"""What the README and the guides in docs/ promise is there: commands, pages, variables, packages, links, Python."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
GUIDES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted((ROOT / "docs").rglob("*.md"))}
GUIDES = {name: text for name, text in GUIDES.items() if "_build" not in name}
TEXTS = {"README.md": README, **GUIDES}
LINK = r"\]\((?!https?://)([^)]+)\)"
BUILT = ("docs/auto_examples/", "docs/api/")  # made when the site is built; tests/docs follows links to them


def block(mark: str) -> str:
    return re.search(rf"<!-- {mark} -->\n```sh\n(.*?)\n```", README, re.S)[1]


def anchors(text: str) -> set[str]:
    """What a link can name in a text: its headings, as they are written in addresses."""
    return {
        re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.M)
    }


def test_the_two_commands_install_what_the_files_list():
    assert block("start") == (
        "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python -m cnnviz serve"
    )
    assert "requirements-dev.txt && .venv/bin/python -m pytest" in block("tests")
    assert "-r requirements.txt" in (ROOT / "requirements-dev.txt").read_text()


def test_the_command_that_installs_ends_in_the_console_script():
    pip, script = block("install").split(" && ")
    assert pip == "pip install ."
    assert script in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def test_every_requirement_has_its_reason():
    assert "](docs/packages.md)" in README
    for file in ("requirements.txt", "docs/requirements.txt"):
        wanted = re.findall(r"^([a-z][\w-]*)[><=]", (ROOT / file).read_text(), re.M)
        assert wanted
        for name in wanted:
            assert re.search(rf"^\| {name} \|", GUIDES["docs/packages.md"], re.M), f"{name} is missing from packages.md"


def test_every_link_leads_somewhere():
    links = [(name, target) for name, text in TEXTS.items() for target in re.findall(LINK, text)]
    assert len(links) > 30
    for name, target in links:
        path, _, anchor = target.partition("#")
        place = ((ROOT / name).parent / path if path else ROOT / name).resolve()
        if place.relative_to(ROOT).as_posix().startswith(BUILT):
            continue
        assert place.exists(), f"{target} in {name}"
        assert not anchor or anchor in anchors(place.read_text()), f"{target} in {name}"


def test_the_readme_leads_to_every_guide():
    """Directly, or by the front page of the site."""
    index = (ROOT / "docs" / "index.md").read_text()
    assert "](docs/index.md)" in README
    for name in GUIDES:
        inside = name.removeprefix("docs/").removesuffix(".md")
        assert name == "docs/index.md" or re.search(rf"^{inside}$", index, re.M), f"{name} is not in docs/index.md"


def test_every_command_exists():
    named = {command for text in TEXTS.values() for command in re.findall(r"python -m cnnviz ([a-z]+)", text)}
    assert {"serve", "heatmap", "train"} <= named
    out = subprocess.run(
        [sys.executable, "-m", "cnnviz", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    for name in named:
        assert re.search(rf"^\s+{name}\b", out.stdout, re.M), name


def test_every_page_and_every_command_is_named():
    from cnnviz.cli.main import cli

    assert "](docs/command_line.md)" in README
    for command in cli.list_commands(click.Context(cli)):
        assert f"python -m cnnviz {command}" in GUIDES["docs/command_line.md"], command
    for page in (ROOT / "pages").glob("*.py"):
        title = re.search(r'show\.head\(\s*"([^"]+)"', page.read_text())[1]
        title = "Home" if page.stem == "home" else title
        assert f"| {title} |" in README, title
        assert f"\n## {title}\n" in GUIDES["docs/pages.md"], title


def test_every_variable_is_named():
    sources = [*(ROOT / "cnnviz").rglob("*.py"), ROOT / "app.py"]
    used = {name for path in sources for name in re.findall(r"\bCNNVIZ_[A-Z]+\b", path.read_text())}
    assert {"CNNVIZ_WEIGHTS", "CNNVIZ_RUNS"} <= used
    assert "](docs/settings.md)" in README
    for name in used:
        assert re.search(rf"^\| `{name}` \|", GUIDES["docs/settings.md"], re.M), name


def test_every_method_is_explained():
    from cnnviz.attribution.methods import METHODS

    for name, method in METHODS.items():
        assert f"| {method.title} | `{name}` |" in GUIDES["docs/heat_maps.md"], name


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.S))
def test_the_python_runs_as_written(code, tmp_path):
    """In a process of its own: it opens a dashboard and adds networks, which a process keeps."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "heat.png").stat().st_size > 10_000
