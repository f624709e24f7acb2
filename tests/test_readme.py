"""What the README promises is there: its commands, its links, its Python."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def block(mark: str) -> str:
    return re.search(rf"<!-- {mark} -->\n```sh\n(.*?)\n```", README, re.S)[1]


def test_the_two_commands_install_what_the_files_list():
    assert block("start") == (
        "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python -m cnnviz serve"
    )
    assert "requirements-dev.txt && .venv/bin/python -m pytest" in block("tests")
    assert "-r requirements.txt" in (ROOT / "requirements-dev.txt").read_text()


def test_every_requirement_has_its_reason():
    wanted = re.findall(r"^([a-z][\w-]*)[><=]", (ROOT / "requirements.txt").read_text(), re.M)
    assert wanted
    for name in wanted:
        assert re.search(rf"^\| {name} \|", README, re.M), f"{name} is missing from the README's table"


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_command_exists():
    named = set(re.findall(r"python -m cnnviz ([a-z]+)", README))
    out = subprocess.run(
        [sys.executable, "-m", "cnnviz", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    for name in named:
        assert re.search(rf"^\s+{name}\b", out.stdout, re.M), name


def test_every_page_and_every_command_is_named():
    from cnnviz.cli.main import cli

    for command in cli.list_commands(click.Context(cli)):
        assert f"python -m cnnviz {command}" in README, command
    for page in (ROOT / "pages").glob("*.py"):
        title = re.search(r'show\.head\(\s*"([^"]+)"', page.read_text())[1]
        assert page.stem == "home" or f"| {title} |" in README, title


def test_every_variable_is_named():
    told = README + "".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    sources = [*(ROOT / "cnnviz").rglob("*.py"), ROOT / "app.py"]
    used = {name for path in sources for name in re.findall(r"\bCNNVIZ_[A-Z]+\b", path.read_text())}
    assert {"CNNVIZ_WEIGHTS", "CNNVIZ_RUNS"} <= used
    for name in used:
        assert f"`{name}`" in told, name


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.S))
def test_the_python_runs_as_written(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ast.parse(code)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "why.png").stat().st_size > 10_000
