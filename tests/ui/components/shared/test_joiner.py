"""Scripts of components: joined from files that import each other, and refused where that cannot be done soundly."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cnnviz.ui import components
from cnnviz.ui.components.shared.joiner import ScriptError, script

ROOM = Path(components.__file__).parent
FILES = sorted(ROOM.rglob("*.js"))
ENTRIES = [path for path in FILES if "export default" in path.read_text()]
NODE = shutil.which("node")
node = pytest.mark.skipif(NODE is None, reason="needs Node, for instance from `apt-get install nodejs`")


def laid(folder: Path, **files: str) -> Path:
    """Files by name and content; the one that is called entry."""
    for name, content in files.items():
        (folder / f"{name}.js").write_text(content)
    return folder / "entry.js"


def said(path: Path, text: str) -> str:
    """What the default export of a module gives back."""
    path.write_text(text)
    program = f"import f from {path.as_uri()!r}; process.stdout.write(String(f()));"
    ran = subprocess.run([NODE, "--input-type=module", "-e", program], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@node
def test_equal_names_in_two_files_do_not_meet(tmp_path: Path):
    entry = laid(
        tmp_path,
        entry='import { name as a } from "./one.js";\nimport { name as b } from "./two.js";\n'
        'const size = 3, name = "entry";\nexport default function () {\n  return [a(), b(), name, size].join();\n}\n',
        one='const size = 1;\nexport function name() {\n  return "one" + size;\n}\n',
        two='import { name as one } from "./one.js";\nconst size = 2;\n'
        'export const name = () => one() + "two" + size;\n',
    )
    assert said(tmp_path / "joined.mjs", script(entry)) == "one1,one1two2,entry,3"


@node
def test_a_file_that_two_others_import_runs_once(tmp_path: Path):
    entry = laid(
        tmp_path,
        entry='import { a } from "./a.js";\nimport { b } from "./b.js";\nexport default function () {\n'
        "  return a === b && globalThis.runs;\n}\n",
        a='import { thing } from "./thing.js";\nexport const a = thing;\n',
        b='import { thing } from "./thing.js";\nexport const b = thing;\n',
        thing="globalThis.runs = (globalThis.runs ?? 0) + 1;\nexport class thing {}\n",
    )
    assert said(tmp_path / "joined.mjs", script(entry)) == "1"


COMPONENT = "export default function () {}\n"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"entry": 'import { a } from "./a.js";\n' + COMPONENT}, "a.js, which is not there"),
        ({"entry": 'import { a, b } from "./a.js";\n' + COMPONENT, "a": "export const a = 1;\n"}, "imports b, which"),
        (
            {
                "entry": 'import { a } from "./a.js";\n' + COMPONENT,
                "a": 'import { b } from "./b.js";\nexport const a = 1;\n',
                "b": 'import { a } from "./a.js";\nexport const b = 1;\n',
            },
            r"in a circle: \S*a.js -> \S*b.js -> \S*a.js$",
        ),
        ({"entry": "export const a = 1;\n"}, "export default function"),
        ({"entry": 'import { a } from "./a.js";\n' + COMPONENT, "a": "export const a = 1;\n" + COMPONENT}, "no other"),
        ({"entry": 'import a from "./a.js";\n' + COMPONENT}, "cannot be joined"),
        ({"entry": 'import{a} from "./a.js";\n' + COMPONENT}, "cannot be joined"),
        ({"entry": 'import { a } from "elsewhere";\n' + COMPONENT}, "cannot be joined"),
        ({"entry": "export let a = 1;\n" + COMPONENT}, "cannot be joined"),
        ({"entry": "const a = 1;\nexport { a };\n" + COMPONENT}, "cannot be joined"),
        ({"entry": "const module$1 = 1;\n" + COMPONENT}, "cannot be joined"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path: Path, files, words):
    with pytest.raises(ScriptError, match=words):
        script(laid(tmp_path, **files))


@node
def test_every_component_is_a_module_that_a_browser_can_read(tmp_path: Path):
    paths = [tmp_path / f"{entry.parent.name}-{entry.stem}.mjs" for entry in ENTRIES]
    for entry, path in zip(ENTRIES, paths, strict=True):
        path.write_text(script(entry))
    program = "".join(f"import f{i} from {path.as_uri()!r};" for i, path in enumerate(paths))
    kinds = f"process.stdout.write([{', '.join(f'typeof f{i}' for i in range(len(paths)))}].join());"
    ran = subprocess.run([NODE, "--input-type=module", "-e", program + kinds], capture_output=True, text=True)
    assert ran.stdout == ",".join(["function"] * len(paths)), ran.stderr


def test_every_file_is_part_of_a_component():
    joined = [script(entry) for entry in ENTRIES]
    for path in FILES:
        body = re.sub(r"^import .*\n|^export (?!default)", "", path.read_text(), flags=re.M)
        assert any(body in text for text in joined), path


def test_a_file_shared_by_components_is_not_read_again_for_each(monkeypatch: pytest.MonkeyPatch):
    for entry in ENTRIES:
        script(entry)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read again"))
    for entry in ENTRIES:
        assert script(entry)
