"""The command line keeps its contract: one line on standard error, exit codes 0, 1, 2, help at once."""

from __future__ import annotations

import subprocess
import sys

from cnnviz import places
from cnnviz.cli import group, inspect
from cnnviz.cli.main import console

KEY = "lecture/cats_gap"


def python(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, **more)  # type: ignore[call-overload, no-any-return]


def test_help_is_instant_because_it_imports_neither_torch_nor_streamlit():
    heavy = "{'torch', 'torchvision', 'streamlit', 'cv2', 'pandas'}"
    code = f"import sys; from cnnviz.__main__ import main; main(['--help']); print(sys.modules.keys() & {heavy})"
    assert python("-c", code).stdout.endswith("set()\n")


def test_no_command_shows_the_help(told):
    code, out, _ = told()
    assert code == 0
    assert all(name in out for name in ("serve", "models", "layers", "predict", "heatmap", "activations", "evaluate"))


def test_every_command_explains_itself(told):
    for name in group.cli.commands:
        code, out, err = told(name, "--help")
        assert (code, err) == (0, "")
        assert "Usage: python -m cnnviz" in out


def test_the_device_is_the_one_that_was_asked_for(told, refused, picture, data, monkeypatch, tmp_path):
    ask = ("predict", picture, "--model", KEY)
    monkeypatch.setenv("CNNVIZ_DEVICE", "abacus")
    assert "no device 'abacus'" in refused(*ask)
    assert told(*ask, "--device", "cpu")[0] == 0
    assert told("--device", "cpu", *ask)[0] == 0
    monkeypatch.setenv("CNNVIZ_DEVICE", "")
    assert "no device 'loom'" in refused(*ask, "--device", "loom")
    assert "no device 'loom'" in refused("evaluate", data, "--model", KEY, "--device", "loom")
    grown = ("filters", "--model", KEY, "--layer", "conv1", "--out", tmp_path / "grown")
    assert "no device 'loom'" in refused(*grown, "--device", "loom")


def test_other_bad_requests_are_one_line_that_helps(refused, picture, tmp_path):
    out = tmp_path / "o.png"
    heat = ("heatmap", picture, "--model", KEY, "--out")
    assert "resnet18" in refused("predict", picture, "--model", "resnet-18")
    assert "dog" in refused(*heat, out, "--class", "dgo")
    assert "0 to 1" in refused(*heat, out, "--class", 7)
    assert "relu4" in refused(*heat, out, "--layer", "relu44")
    assert "gradcam" in refused(*heat, out, "--method", "magic")
    assert "is not an image file" in refused(*heat, tmp_path / "o.txt")
    assert "would be lost" in refused(*heat, picture)
    assert "name a folder" in refused("heatmap", picture, picture, "--model", KEY, "--out", out)
    assert "conv1" in refused("activations", picture, "--model", KEY, "--layer", "convv1", "--out", out)
    assert "flatten" in refused("activations", picture, "--model", KEY, "--layer", "flatten", "--out", out)
    assert "has feature maps" in refused("predict", picture, "--model", "lecture/mnist_base")
    assert "--model" in refused("predict", picture)
    assert "PHOTO" in refused("predict", "--model", KEY)
    assert "--top" in refused("predict", picture, "--model", KEY, "--top", 0)
    assert "--size" in refused("layers", "--model", KEY, "--size", "large")
    assert "another size" in refused("layers", "--model", KEY, "--size", 8)
    assert "predicct" in refused("predicct")
    assert "--bogus" in refused("models", "--bogus")
    assert not out.exists()


def test_options_beyond_their_range_are_one_line(refused, tmp_path):
    filters = ("filters", "--model", KEY, "--layer", "conv1", "--out", tmp_path / "o", "--channels")
    for many in ("9" * 5000, "random:" + "9" * 5000, "0-" + "9" * 5000):
        assert len(refused(*filters, many)) < 200
    assert refused("counting", tmp_path / "set", "--seed", -1).endswith("it has to be 0 or more.")


def test_a_surprise_is_still_one_line(refused, monkeypatch):
    def surprise(*_: object) -> None:
        raise ZeroDivisionError("something\nunforeseen")

    monkeypatch.setattr(inspect.catalog, "rows", surprise)
    assert refused("models", code=1) == "ZeroDivisionError: something unforeseen"


def test_the_console_script_goes_by_its_own_name_and_starts_the_dashboard_without_a_command(monkeypatch, capsys):
    from streamlit.web import cli

    handed: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda arguments, **_: handed.append(arguments))
    monkeypatch.setattr(sys, "argv", ["cnnviz", "predict", "--help"])
    assert console() == 0
    assert capsys.readouterr().out.startswith("Usage: cnnviz predict [OPTIONS] PHOTO...")
    assert handed == []
    monkeypatch.setattr(sys, "argv", ["cnnviz"])
    assert console() == 0
    assert handed[0][:3] == ["run", str(places.APP), "--server.port=8501"]
