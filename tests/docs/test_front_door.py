"""What a newcomer opens first is whole and true: licence, citation, make targets, hooks, changelog, commit subjects."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import cnnviz

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
TARGETS = ("dev", "test", "test-fast", "lint", "types", "js", "docs", "serve", "bench")
OPENED = ("CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md")
TABLE = re.findall(r"^\| (`cnnviz\.[^|]+`) \| (`cnnviz\.[^|]+`) \|$", CHANGELOG, re.M)


def check_commit_subject():
    spec = importlib.util.spec_from_file_location("check_commit_subject", ROOT / "tools" / "check_commit_subject.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_licence_is_the_apache_licence_word_for_word():
    words = " ".join((ROOT / "LICENSE").read_text().split())
    assert words.startswith("Apache License Version 2.0, January 2004")
    assert (
        hashlib.sha256(words.encode()).hexdigest() == "0ffddef9e48f8a09aed5caf2d44f7ba1c1be2d9b8e0a6f693b1635b2d5566645"
    )


def test_the_citation_has_what_the_format_asks_for_and_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert str(cited["version"]) == cnnviz.__version__
    assert cited["license"] == "Apache-2.0"
    assert cited["authors"] == [{"name": "The cnnviz developers"}]


@pytest.mark.parametrize("target", TARGETS)
def test_every_everyday_task_is_one_word(target):
    assert re.search(rf"^{target}:", MAKEFILE, re.M)
    assert target in re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.M)[1].split()
    if shutil.which("make") is None:
        pytest.skip("needs make")
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_hooks_call_make_targets_and_the_check_of_the_subject():
    given = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in given["repos"] for hook in repo["hooks"]]
    assert all(repo["repo"] == "local" for repo in given["repos"])  # nothing is downloaded for them
    assert [hook["entry"] for hook in hooks] == ["make lint", "make types", "python3 tools/check_commit_subject.py"]
    assert {"pre-commit", "commit-msg"} == set(given["default_install_hook_types"])
    assert hooks[-1]["stages"] == ["commit-msg"]


@pytest.mark.parametrize("name", OPENED)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)\)", (ROOT / name).read_text()):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("name", OPENED)
def test_every_file_that_is_named_is_there(name):
    for path in re.findall(
        r"`((?:tests|tools|plans|pages|cnnviz|benchmarks)/[\w/.]+)(?:::\w+)?`", (ROOT / name).read_text()
    ):
        assert (ROOT / path).exists() or path == "pages/brightness.py", path  # that one is a recipe's


def test_the_changelog_has_the_usual_sections():
    newest = CHANGELOG.split("\n## ")[1]
    assert newest.startswith("[Unreleased]")
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {"Added", "Changed", "Fixed", "Removed"} <= kinds


def test_the_table_of_moves_leads_from_what_is_gone_to_what_is_there():
    def is_module(name: str) -> bool:
        path = ROOT.joinpath(*name.split("."))
        return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()

    assert len(TABLE) > 50
    for old, new in TABLE:
        assert not [name for name in re.findall(r"`([\w.]+)`", old) if is_module(name)], old
        assert all(is_module(name) for name in re.findall(r"`([\w.]+)`", new)), new


@pytest.mark.parametrize(
    "subject",
    [
        "Runtime: the cache counts packed weights",
        "Class activation: Stop keeps the map",
        "README: two commands",
        "CI: " + "x" * 68,
        "Merge branch 'main' of somewhere that has a very long name, longer than all that is allowed",
        'Revert "Something without an area"',
        "fixup! Runtime: the cache",
    ],
)
def test_a_good_commit_subject_passes(subject):
    assert check_commit_subject().faults(subject) == []


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ("CI: " + "x" * 69, "73 characters"),
        ("the cache counts packed weights", "area"),
        ("runtime: the cache counts packed weights", "area"),
        ("Runtime:the cache", "area"),
        ("Runtime: ", "area"),
        ("", "area"),
    ],
)
def test_a_bad_commit_subject_is_told_why(subject, says):
    assert any(says in sentence for sentence in check_commit_subject().faults(subject))


def test_the_hook_reads_the_first_line_that_is_no_comment(tmp_path, capsys):
    check, message = check_commit_subject(), tmp_path / "COMMIT_EDITMSG"
    message.write_text("\n# Please enter the message\nDocs: a word\n\n" + "a long body " * 20)
    assert check.main([str(message)]) == 0
    message.write_text("a word\n")
    assert check.main([str(message)]) == 1
    assert "a word" in capsys.readouterr().err


def test_a_range_of_commits_is_checked(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("needs git")

    def git(*words: str) -> None:
        about = ["-c", "user.name=x", "-c", "user.email=x@x.invalid", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *about, *words], cwd=tmp_path, check=True, capture_output=True)

    def checked() -> int:
        script = str(ROOT / "tools" / "check_commit_subject.py")
        done = subprocess.run([sys.executable, script, "--range", "HEAD~1..HEAD"], cwd=tmp_path, capture_output=True)
        return done.returncode

    git("init", "-q")
    for subject in ("old and long ago, before there was a rule", "Docs: a word"):
        git("commit", "-q", "--allow-empty", "--no-verify", "-m", subject)
    assert checked() == 0
    git("commit", "-q", "--allow-empty", "--no-verify", "-m", "no area")
    assert checked() == 1
