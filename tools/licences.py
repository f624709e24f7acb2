"""Writes docs/licences.md: every package of requirements.lock with its licence, from the packages' own metadata.

    python tools/licences.py

What the environment has not (packages of other systems alone) is fetched from the registry, without its dependencies.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from email.message import Message
from email.parser import Parser
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK, PAGE = ROOT / "requirements.lock", ROOT / "docs" / "licences.md"
PIN = re.compile(r"^([a-z0-9.-]+)==([^ ;\\]+)(?: ; (.+?))? \\$", re.M)
NOWHERE = {"cuda-toolkit": "NVIDIA's terms (a package without files, which names the others)"}  # not in its metadata
HEAD = """# Licences

What is installed with cnnviz, with the versions of `requirements.lock`; `make licences` writes this page from the
packages' own metadata. cnnviz itself is under Apache-2.0.

The wheels of `av` bring FFmpeg and x264, which are under the GPL. NVIDIA's libraries come with the default build of
PyTorch for Linux; the one for CPUs alone has none of them.

| package | version | licence |
|---|---|---|
"""


def pins(lock: str) -> dict[str, str]:
    """Version by package, as a lock file has them."""
    return {found[1]: found[2] for found in PIN.finditer(lock)}


def licence(name: str, said: Mapping[str, str] | Message) -> str:
    """The licence that a package's metadata name, in a few words: an expression, else classifiers, else free words."""
    if name in NOWHERE:
        return NOWHERE[name]
    if expression := said.get("License-Expression"):
        return str(expression)
    every = said.get_all("Classifier", []) if isinstance(said, Message) else []
    classified = [str(each).rpartition(" :: ")[2] for each in every if str(each).startswith("License :: ")]
    free = str(said.get("License") or "").strip()
    if free and len(free) < 60 and "\n" not in free and not free.startswith("Copyright"):
        return free
    return ", ".join(classified)


def page(found: Mapping[str, tuple[str, str]]) -> str:
    """The page, of version and licence by package. Raises `ValueError` for a package that names none."""
    if silent := [name for name, (_, words) in found.items() if not words]:
        raise ValueError(f"No licence is named by {', '.join(silent)}; look it up and add it to NOWHERE.")
    rows = [f"| {name} | {version} | {words.replace('|', ' ')} |\n" for name, (version, words) in found.items()]
    return HEAD + "".join(rows)


def described(name: str, version: str) -> Message:
    """A package's metadata: of the installed one, where it is that version, else of the registry's."""
    try:
        said = metadata(name)
        if said["Version"] == version:
            return said  # type: ignore[return-value]
    except PackageNotFoundError:
        pass
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", folder, f"{name}=={version}"], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (inside,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
            return Parser().parsestr(archive.read(inside).decode())


def main() -> None:
    """Writes the page."""
    versions = pins(LOCK.read_text(encoding="utf-8"))
    found = {name: (version, licence(name, described(name, version))) for name, version in sorted(versions.items())}
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
