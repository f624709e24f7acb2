"""What the tests of the command line share: a photo, a data set, and ways to run a command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz.cli.main import main


@pytest.fixture
def picture(tmp_path, rng) -> Path:
    path = tmp_path / "blob.jpg"
    Image.fromarray(rng.integers(0, 256, (160, 200, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def data(tmp_path, rng) -> Path:
    """A data set with classes in a plural the net does not use, and one file that is no photo."""
    for split, count in (("train", 1), ("val", 3)):
        for name in ("cats", "Dogs"):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "data"


@pytest.fixture
def told(capsys):
    """Runs a command line; its exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def document(told):
    """Runs a command line that answers with JSON."""

    def run(*arguments: object):
        code, out, err = told(*arguments, "--json")
        assert (code, err) == (0, "")
        assert out.count("\n") == 1
        return json.loads(out)

    return run


@pytest.fixture
def refused(told):
    """Runs a command line that has to be refused; what it says, without the program's name."""

    def run(*arguments: object, code: int = 2) -> str:
        found, out, err = told(*arguments)
        assert (found, out) == (code, "")
        assert err.count("\n") == 1
        assert err.startswith("cnnviz: ")
        assert "Traceback" not in err
        return err.removeprefix("cnnviz: ").strip()

    return run
