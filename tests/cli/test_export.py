"""A network as ONNX from the command line: a run's folder, its name, or any key."""

from __future__ import annotations

import json

import pytest

from cnnviz.models import load
from cnnviz.train import run
from cnnviz.train.loop import fit
from cnnviz.train.onnx import onnx


@pytest.fixture
def trained(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path / "runs"))
    folder = run.create(plan.but(epochs=1), tmp_path / "runs", "mine")
    fit(folder)
    return folder


def test_a_run_is_exported_by_its_folder_its_name_and_its_key(trained, document, told, tmp_path):
    wanted = onnx(load.load("run/mine@best", runs=trained.parent))
    for i, target in enumerate((trained, "mine", "run/mine@best")):
        out = tmp_path / "new" / f"{i}.onnx"
        found = document("export", target, "--onnx", out)
        assert found == {
            "key": "run/mine@best", "file": str(out), "input": [1, 32, 32], "labels": ["1", "2"], "bytes": len(wanted),
        }  # fmt: skip
        assert out.read_bytes() == wanted
    code, out, err = told("export", "mine", "--onnx", tmp_path / "again.onnx")
    assert (code, err) == (0, "")
    assert "with 2 class names" in out


def test_the_class_names_and_the_preprocessing_are_in_the_files_metadata(trained, document, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    document("export", "mine", "--onnx", tmp_path / "mine.onnx")
    notes = runtime.InferenceSession(tmp_path / "mine.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(notes["labels"]) == ["1", "2"]
    assert json.loads(notes["cnnviz"])["preprocess"]["crop"] == 32


def test_a_calibrated_file_divides_the_logits_by_the_runs_temperature(trained, document, refused, tmp_path):
    found = document("export", "mine", "--onnx", tmp_path / "mine.onnx", "--calibrated")
    assert found["temperature"] == run.verdict(trained)["val"]["calibration"]["temperature"]
    model = load.load("run/mine@best", runs=trained.parent)
    assert (tmp_path / "mine.onnx").read_bytes() == onnx(model, found["temperature"])
    assert "no results" in refused("export", "lecture/mnist_gap", "--onnx", tmp_path / "x.onnx", "--calibrated")


def test_what_cannot_be_exported_is_one_sentence(refused, tmp_path):
    assert "end its name in .onnx" in refused("export", "lecture/cats_gap", "--onnx", tmp_path / "x.pt")
    assert "nothing" in refused("export", "run/nothing@best", "--onnx", tmp_path / "x.onnx")
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused("export", "lecture/mnist_gap", "--onnx", tmp_path / "file" / "x.onnx")
