"""Pages of the API reference: the public names, then each room with its modules, written before each build."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

ROOMS = {
    "models": "Which network: its key, weights, labels and preprocessing.",
    "inference": "A network run and read: layers, feature maps, predictions.",
    "attribution": "Which pixels support a class, and whether a heat map can be believed.",
    "feature_vis": "What maximises a channel.",
    "signal": "What a fixed filter does; free of PyTorch.",
    "data": "Folders, archives, augmentation, circles to count.",
    "train": "A plan becomes a run, and a run is a folder.",
    "runtime": "The engine, its memory, and the questions it answers.",
}
FIRST = ("engine", "Engine", "Photo", "Heatmap", "Activations", "Prediction", "Model", "Ascent", "Aim")
LEAVES = ("photo", "picture", "options", "settings")
COLUMNS = re.compile(r"(\S.*?) {2,}(\S.*)")  # a name and what it is, as docstrings here list fields


def write(package: Path, folder: Path) -> None:
    """Write one page for the public names and one for each room into a folder, only what has changed."""
    folder.mkdir(exist_ok=True)
    _written(folder / "index.rst", _public())
    for room, sentence in ROOMS.items():
        names = sorted(path.stem for path in (package / room).glob("*.py") if path.stem != "__init__")
        _written(folder / f"{room}.rst", _room(room, sentence, [f"cnnviz.{room}.{name}" for name in names]))


def laid_out(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A docstring's lists of fields become definition lists, and its indented code becomes code."""
    if not str(getattr(obj, "__module__", None) or name).startswith("cnnviz"):  # an inherited method of another package
        return
    paragraphs = "\n".join(lines).split("\n\n")
    lines[:] = "\n\n".join(_laid_out(paragraph) for paragraph in paragraphs).split("\n")


def _laid_out(paragraph: str) -> str:
    rows = [row for row in paragraph.split("\n") if row.strip()]
    if rows and all(row.startswith("    ") for row in rows):
        return "::\n\n" + paragraph
    if not rows or not COLUMNS.fullmatch(rows[0]):
        return _plain(paragraph)
    out = ""
    for row in rows:
        match = None if row.startswith(" ") else COLUMNS.fullmatch(row)
        out += f"\n{_plain(match[1])}\n    {_plain(match[2])}" if match else f"\n    {_plain(row.strip())}"
    return out.strip("\n")


def _plain(text: str) -> str:
    """Prose in which only backticks mean something: code between them, nothing else is markup."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return text
    for i, part in enumerate(parts):
        if i % 2:
            follows = parts[i + 1][:1]
            parts[i] = f"``{part}``" + ("\\ " if follows.isalnum() else "") if part else ""
        else:
            parts[i] = re.sub(r"([\\*|]|(?<=\w)_(?!\w))", r"\\\1", part)
    return "".join(parts)


def _public() -> str:
    import cnnviz

    page = _title("Python", "=")
    page += "What a program needs are the names of the package; results are frozen, and their arrays are read-only.\n"
    page += "Two of the names are modules: `cnnviz.picture`, below, and :doc:`cnnviz.signal <signal>`.\n\n"
    for name in sorted(cnnviz.__all__, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)):
        if not (place := cnnviz._PLACES[name]):
            continue
        page += _title(f"cnnviz.{name}", "-")
        if name == "engine":
            page += f".. autofunction:: {place}.shared\n\n"
        else:
            page += f".. autoclass:: {place}.{name}\n   :members:\n   :inherited-members: ValueError\n\n"
    for name in LEAVES:
        page += _module(f"cnnviz.{name}")
    page += _title("Rooms", "-")
    page += "Each folder of the package is named after what it is about; the files in it are nouns of the field.\n\n"
    return page + ".. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   {room}\n" for room in ROOMS)


def _room(room: str, sentence: str, modules: list[str]) -> str:
    return _title(room, "=") + f"{sentence}\n\n" + "".join(_module(name) for name in modules)


def _module(name: str) -> str:
    import cnnviz

    importlib.import_module(name)  # says at once what is missing
    public = {"shared" if short == "engine" else short: short for short, at in cnnviz._PLACES.items() if at == name}
    page = f"{_title(name, '-')}.. automodule:: {name}\n   :members:\n"
    if public:
        page += f"   :exclude-members: {', '.join(public)}\n\n"
        links = (f":any:`cnnviz.{short} <{name}.{own}>`" for own, short in public.items())
        page += f"See also {', '.join(links)}.\n"
    return page + "\n"


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _written(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)
