"""What is installed with cnnviz: locked with hashes, licensed by name, audited where that can be had."""

from __future__ import annotations

import json
import re
import tomllib
from email.message import Message
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import audit, licences

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = licences.pins(LOCK)
PAGE = (ROOT / "docs" / "licences.md").read_text()
ROW = re.compile(r"^\| ([a-z0-9.-]+) \| (\d\S*) \| ([^|]+) \|$", re.M)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def wanted() -> list[Requirement]:
    """The lines of requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line.partition("#")[0]) for line in lines if line and not line.startswith("#")]


def test_every_requirement_is_locked_to_a_version_in_its_range():
    assert len(wanted()) > 10
    for each in wanted():
        assert Version(PINS[canonicalize_name(each.name)]) in each.specifier, each


def test_every_locked_package_has_the_hashes_of_its_files_and_nothing_else_is_in_the_lock():
    blocks = re.split(r"^(?=[a-z])", LOCK, flags=re.M)[1:]
    assert len(blocks) == len(PINS) > 60
    for block in blocks:
        assert re.fullmatch(r"[a-z0-9.-]+==[^ ]+( ; [^\\]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", block)


def test_what_locked_packages_need_in_turn_is_locked_too():
    """On this system; the lock is for all of them."""
    for name, pinned in PINS.items():
        try:
            if version(name) != pinned:
                continue
        except PackageNotFoundError:
            continue
        for line in requires(name) or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({**default_environment(), "extra": ""}):
                assert Version(PINS[canonicalize_name(need.name)]) in need.specifier, (name, line)


def test_the_lock_is_for_every_python_that_the_project_says_it_runs_on():
    said = {each.rpartition(" :: ")[2] for each in PROJECT["classifiers"] if re.search(r" :: 3\.\d+$", each)}
    assert said == {"3.11", "3.12", "3.13", "3.14"}
    oldest = min(said, key=Version)
    assert PROJECT["requires-python"] == f">={oldest}"
    makefile = (ROOT / "Makefile").read_text()
    assert f"--universal --python-version {oldest} " in makefile
    linted = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["target-version"]
    assert linted == f"py{oldest.replace('.', '')}"
    assert "python_version <" not in LOCK


def test_the_container_installs_by_the_lock_unless_another_index_is_named():
    told = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes -r /requirements.lock" in told
    assert "!requirements.lock" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_page_of_licences_has_every_locked_package_and_is_what_its_command_writes():
    assert {name: pinned for name, pinned, _ in ROW.findall(PAGE)} == PINS
    found = {name: (pinned, row) for (name, pinned), row in zip(sorted(PINS.items()), words(), strict=True)}
    assert licences.page(found) == PAGE
    with pytest.raises(ValueError, match="mystery"):
        licences.page({"mystery": ("1", "")})


def words() -> list[str]:
    """The licences on the page, in order."""
    return [row for _, _, row in ROW.findall(PAGE)]


def test_a_licence_is_an_expression_or_free_words_or_classifiers():
    def said(**headers: str) -> Message:
        made = Message()
        for name, value in headers.items():
            made[name.replace("_", "-")] = value
        return made

    kind = "License :: OSI Approved :: MIT License"
    assert licences.licence("a", said(License_Expression="MIT", License="Other", Classifier=kind)) == "MIT"
    assert licences.licence("a", said(License="BSD-3-Clause", Classifier=kind)) == "BSD-3-Clause"
    assert licences.licence("a", said(License="Copyright (c) them\nAll of it", Classifier=kind)) == "MIT License"
    assert licences.licence("a", said(Classifier="Topic :: Education")) == ""


def test_the_page_says_what_the_installed_packages_say():
    compared = 0
    for (name, pinned), row in zip(sorted(PINS.items()), words(), strict=True):
        try:
            if version(name) == pinned:
                compared += 1
                assert licences.licence(name, licences.described(name, pinned)).replace("|", " ") == row, name
        except PackageNotFoundError:
            continue
    assert compared or pytest.skip("no package has the version of the lock")


CLEAN = {"name": "click", "version": "8.1", "vulns": []}
FLAW = {"name": "click", "version": "8.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["8.2"]}]}
SKIPPED = {"name": "torch", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("said", "trouble", "code", "first"),
    [
        ([CLEAN], "", 0, "No vulnerability is known in 1 packages."),
        ([FLAW], "", 1, "click 8.1: PYSEC-1, fixed in 8.2"),
        ([SKIPPED], "", 0, "Not audited: the registry in use has no advisories."),
        ([CLEAN, SKIPPED], "", 0, "No vulnerability is known in 1 packages."),
        (None, "Traceback\nConnectionError: no route", 0, "Not audited: the advisory service could not be asked"),
        (None, "", 0, "Not audited: the advisory service could not be asked"),
    ],
)
def test_an_audit_fails_for_a_known_vulnerability_and_says_where_nothing_was_audited(said, trouble, code, first):
    found, lines = audit.judged("" if said is None else json.dumps({"dependencies": said}), trouble)
    assert found == code
    assert lines[0].startswith(first)


def test_the_bill_of_materials_has_every_locked_package(tmp_path: Path):
    pytest.importorskip("cyclonedx_py")
    audit.materials(tmp_path / "sbom.json")
    made = json.loads((tmp_path / "sbom.json").read_text())
    assert made["bomFormat"] == "CycloneDX"
    assert {each["name"]: each["version"] for each in made["components"]} == PINS
    assert made["metadata"]["component"]["name"] == "cnnviz"
