"""The container files, read as Docker reads them: what they copy is there, and nothing in them runs as root."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from cnnviz.cli.main import cli

ROOT = Path(__file__).resolve().parent.parent
FILES = [ROOT / "Dockerfile", ROOT / "deploy" / "space" / "Dockerfile"]
NAMES = ["container", "space"]
SENT = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
BROUGHT = {"torch.txt", "cnnviz-*.whl"}  # what deploy/README.md puts beside the Space's files


def stages(path: Path) -> list[list[tuple[str, str]]]:
    """The instructions of a Dockerfile with their arguments, stage by stage; the last stage is what is run."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", path.read_text(), flags=re.M))
    found: list[list[tuple[str, str]]] = [[]]
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        assert re.fullmatch(r"[A-Z]+", name), line
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest.strip()))
    return found[1:]


def the(stage: list[tuple[str, str]], name: str) -> str:
    """The argument of the last instruction of that name."""
    return [rest for each, rest in stage if each == name][-1]


def test_the_wheel_is_the_same_where_only_what_is_sent_to_docker_is_there(tmp_path: Path):
    pytest.importorskip("hatchling")
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines  # a list of what is sent, not of what is not
    for name in SENT:
        there, here = ROOT / name, tmp_path / "sent" / name
        here.parent.mkdir(parents=True, exist_ok=True)
        if there.is_dir():
            shutil.copytree(there, here, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(there, here)
    for tree, place in ((ROOT, "whole"), (tmp_path / "sent", "part")):
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / place)]
        subprocess.run(command, cwd=tree, check=True, capture_output=True, timeout=120)
    (whole,), (part,) = (tmp_path / "whole").iterdir(), (tmp_path / "part").iterdir()
    assert whole.read_bytes() == part.read_bytes()


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_source_that_is_copied_is_there(path: Path):
    copied = [rest for stage in stages(path) for name, rest in stage if name == "COPY"]
    assert copied
    named = {rest.split()[-1].upper() for stage in stages(path) for name, rest in stage if name == "FROM"}
    for rest in copied:
        *sources, _ = [word for word in rest.split() if not word.startswith("--")]
        if found := re.search(r"--from=(\S+)", rest):
            assert found[1].upper() in named, rest
        elif path == FILES[0]:
            assert all(source in (".", *SENT) for source in sources), rest
        else:
            assert set(sources) <= BROUGHT, rest


def test_what_a_space_needs_beside_its_files_is_made_by_the_commands_that_are_told():
    told = (ROOT / "deploy" / "README.md").read_text()
    (pattern,) = re.findall(r"^grep -E '(.*)' requirements.txt > deploy/space/torch.txt$", told, re.M)
    assert "pip wheel --no-deps --wheel-dir deploy/space ." in told
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [re.match(r"\w+", line)[0] for line in lines if re.search(pattern, line)] == ["torch", "torchvision"]
    assert f"grep -E '{pattern}' /requirements.txt" in FILES[0].read_text()


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_it_is_slim_and_runs_as_nobody_special_with_its_health_asked(path: Path):
    *_, last = stages(path)
    assert re.fullmatch(r"python:\S+-slim", the(last, "FROM"))
    names = [name for name, _ in last]
    user, group = the(last, "USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert f"--uid {user} --home-dir {the(last, 'WORKDIR')}" in path.read_text()  # where it may write
    assert f"HOME={the(last, 'WORKDIR')} " in the(last, "ENV")
    assert set(names[names.index("USER") + 1 :]) <= {"EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    python, flag, code = json.loads(re.search(r"CMD (\[.*)", the(last, "HEALTHCHECK"))[1])
    assert (python, flag) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert f"http://127.0.0.1:{the(last, 'EXPOSE')}/ready" in code


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_it_starts_the_console_script_for_strangers_on_the_port_that_it_exposes(path: Path):
    *_, last = stages(path)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (script,) = json.loads(the(last, "ENTRYPOINT"))
    assert script in project["scripts"]
    command, *flags = json.loads(the(last, "CMD"))
    context = cli.commands[command].make_context(command, flags, parent=click.Context(cli))
    assert context.params == {"public": True, "port": int(the(last, "EXPOSE")), "metrics": False, "net": None}


def test_a_space_says_how_it_is_shown():
    matter = (ROOT / "deploy" / "space" / "README.md").read_text().split("---\n")[1]
    said = dict(re.findall(r"^(\w+): (.+)$", matter, re.M))
    assert (said["sdk"], said["license"]) == ("docker", "apache-2.0")
    assert said["app_port"] == the(stages(FILES[1])[-1], "EXPOSE")
