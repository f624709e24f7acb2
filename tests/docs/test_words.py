"""The words a person reads are those of the field: in strings, browser scripts, help of the commands, documents."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import click
import pytest

import cnnviz
from cnnviz.cli.main import cli
from tests.banned_words import BANNED, faults

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sorted([ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "cnnviz").rglob("*.py")])
SCRIPTS = sorted((ROOT / "cnnviz" / "ui" / "components").rglob("*.js"))
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# A string that nobody reads as words, or that is a contract -> why it stays.
ALLOWED = {
    "Down to the numbers": "what links of before call the view Contributions",
    "All stages": "what links of before call the view All layers",
    "Sanity dial": "what links of before call the view Sanity check",
    "Boxes": "what links of before call the view Regions",
    "– pictures": "the name under which a canvas finds its images",
}
CODE = {
    "cnnviz/signal/code.py": "Python that a page offers to copy",
    "cnnviz/signal/examples.py": "the same, with the variable `picture`",
    "cnnviz/feature_vis/bundled.py": "names of arrays in a file",
}


def strings(source: str) -> list[str]:
    """Every string in Python that may be read, docstrings left out; what is filled in at run time is a dash."""
    tree = ast.parse(source)
    left = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    left |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "–" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left:
            found.append(node.value)
    return [text for text in found if " " in text.strip() or text[:1].isupper()]


def scripted(source: str) -> list[str]:
    """Every string in JavaScript that may be read, of HTML its text and what controls are called; no comments."""
    bare = re.sub(r"/\*.*?\*/|(?m:(?<![:\"'`])//[^\n]*$)", "", source, flags=re.S)
    found = []
    for one, other in re.findall(r"\"([^\"\n]*)\"|`([^`]*)`", bare):
        text = re.sub(r"\$\{[^}]*\}", "–", one or other)
        found += re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', text)
        found += re.sub(r"<[^>]*>", "\n", text).split("\n")
    return [text for text in found if " " in text.strip() or text[:1].isupper()]


def prose(text: str) -> str:
    """A Markdown document without its code, addresses and comments."""
    text = re.sub(r"```(?!\{glossary\}).*?```", "", text, flags=re.S)
    return re.sub(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->", " – ", text, flags=re.S)


def public_docs() -> dict[str, str]:
    """What `help` says of each name that `import cnnviz` offers, without code and lists of fields."""
    named = {name: getattr(cnnviz, name) for name in cnnviz.__all__}
    methods = {f"Engine.{name}": one for name, one in vars(cnnviz.Engine).items() if not name.startswith("_")}
    texts = {name: inspect.getdoc(one) or "" for name, one in (named | methods).items()}
    return {name: re.sub(r"(?m)^\S+ {2,}", "", prose(text)) for name, text in texts.items()}


def commands(group: click.Command = cli) -> dict[str, str]:
    """The help of the command line and of each of its commands."""
    context = click.Context(group, info_name="cnnviz")
    listed = {} if not isinstance(group, click.Group) else group.commands
    return {"": group.get_help(context)} | {
        name: one.get_help(click.Context(one, info_name=name, parent=context)) for name, one in listed.items()
    }


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [p for p in PYTHON if name_of(p) not in CODE], ids=name_of)
def test_labels_help_and_errors_are_in_the_words_of_the_field(path: Path):
    assert [fault for text in strings(path.read_text()) if text not in ALLOWED for fault in faults(text)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_what_is_drawn_in_the_browser_is_in_the_words_of_the_field(path: Path):
    assert [fault for text in scripted(path.read_text()) if text not in ALLOWED for fault in faults(text)] == []


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_documents_are_in_the_words_of_the_field(path: Path):
    assert faults(prose(path.read_text())) == []


@pytest.mark.parametrize("name", sorted(commands()))
def test_the_help_of_each_command_is_in_the_words_of_the_field(name: str):
    assert faults(prose(" ".join(commands()[name].split()))) == []


def test_docstrings_of_public_names_are_in_the_words_of_the_field():
    texts = public_docs()
    assert sum(map(bool, texts.values())) > 20
    assert {name: found for name, text in texts.items() if (found := faults(text))} == {}


def test_every_exception_is_still_needed():
    read = {name_of(path): strings(path.read_text()) for path in PYTHON}
    drawn = [text for path in SCRIPTS for text in scripted(path.read_text())]
    assert ALLOWED.keys() <= {text for text in drawn if faults(text)} | {
        text for found in read.values() for text in found if faults(text)
    }
    assert [name for name in CODE if not any(map(faults, read[name]))] == []


SEEDED = {
    'st.button("Turning the dial")': "Sanity check",
    'raise RequestError(f"This net has no layer {name}.")': "network",
    'label("Pictures of each class")': "image",
    'say(f"What the network {verb}: the channel would like to see it.")': "responds",
    'say("Photos that please it")': "top-activating",
}


@pytest.mark.parametrize("source", SEEDED)
def test_an_old_word_is_found_wherever_it_is_put(source: str):
    script = f"f(); // what it draws\n/** Several\n lines. */\nx({source[source.index(chr(34)) : -1]});\n"
    for found in (strings(source), scripted(script), [prose(source)]):
        assert any(SEEDED[source] in fault for text in found for fault in faults(text)), found


def test_names_keys_and_options_are_no_words():
    kept = 'cnnviz.picture.overlay(photo) --net KEY "net": 1 resnet18 net=3 ResNet picture/ the network an image'
    assert faults(kept) == []
    assert len(BANNED) > 30
