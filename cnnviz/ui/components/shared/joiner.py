"""A component's script as Streamlit wants it: one ES module, joined from files that import each other."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

SHEET = Path(__file__).with_name("style.css")  # what canvases, controls and numbers look like in every component
_IMPORT = re.compile(r'import \{ ([\w$, ]+) \} from "(\.[^"]*)";')
_EXPORT = re.compile(r"export (?:const|(?:async )?function|class) ([\w$]+)")
_DEFAULT = "export default function"


class ScriptError(ValueError):
    """A file that cannot be joined: what it imports is not there, comes back to it, or is written in another form."""


class _Module(NamedTuple):
    imports: tuple[tuple[str, str], ...]  # names as they are written between the braces, and the file they come from
    exports: tuple[str, ...]  # a component's default stands as ""
    body: str


def script(entry: Path) -> str:
    """The ES module of `entry`, which exports a default, behind every file that it imports, each of them once.

    A file becomes a function that gives back what it exports, so no name of one can meet a name of another.
    """
    places: dict[str, str] = {}  # file -> the constant that holds its exports
    parts: list[str] = []

    def follow(path: str, way: tuple[str, ...]) -> None:
        if path in way:
            raise ScriptError("imports in a circle: " + " -> ".join((*way[way.index(path) :], path)))
        if path in places:
            return
        module, taken = _read(path), []
        for names, target in module.imports:
            if target not in places and not os.path.isfile(target):
                raise ScriptError(f"{path} imports {target}, which is not there")
            follow(target, (*way, path))
            listed = [name.strip() for name in names.split(",")]
            if unknown := {name.split(" as ")[0] for name in listed} - {*_read(target).exports}:
                raise ScriptError(f"{path} imports {', '.join(unknown)}, which {target} does not export")
            taken.append(f"const {{ {names.replace(' as ', ': ')} }} = {places[target]};\n")
        if ("" in module.exports) == bool(way):
            raise ScriptError(f"{path}: a component's own script and no other says `{_DEFAULT}`")
        places[path] = f"module${len(places)}"
        given = f"return {{ {', '.join(module.exports)} }};\n"
        body = "".join(taken) + module.body
        parts.append(f"const {places[path]} = (() => {{\n{body}{given}}})();\n" if way else body)

    follow(os.path.abspath(entry), ())
    return "".join(parts)


def sheet(*paths: Path) -> str:
    """Style sheets in the order they are given."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


@cache
def _read(path: str) -> _Module:
    """A file taken apart: what it imports, what it exports, and the rest."""
    text = Path(path).read_text(encoding="utf-8")
    if "module$" in text:
        raise ScriptError(f"{path} cannot be joined: names with `module$` belong to the joiner")
    imports, exports, body = [], [], []
    for line in text.splitlines():
        if not line.startswith(("import", "export")):
            body.append(line)
        elif found := _IMPORT.fullmatch(line):
            imports.append((found[1], os.path.normpath(os.path.join(os.path.dirname(path), found[2]))))
        elif found := _EXPORT.match(line):
            exports.append(found[1])
            body.append(line.removeprefix("export "))
        elif line.startswith(_DEFAULT):
            exports.append("")
            body.append(line)
        else:
            raise ScriptError(f"{path} has a line that cannot be joined: {line}")
    return _Module(tuple(imports), tuple(exports), "\n".join(body) + "\n")
