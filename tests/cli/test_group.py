"""The options that several commands share."""

from __future__ import annotations

import pytest
import torch

from cnnviz.cli import group
from cnnviz.models import build
from cnnviz.models import weights as shelf
from cnnviz.runtime.engine import Engine

KEY = "lecture/cats_gap"


def test_weights_may_be_named_before_or_after_the_command(tmp_path, document, refused, picture):
    from cnnviz.models import load

    net = build.torchvision_net("squeezenet1_1").to_empty(device="cpu")
    load._initialise(net, 0)
    torch.save(net.state_dict(), tmp_path / "squeezenet1_1.pth")
    before = document("--weights", tmp_path, "predict", picture, "--model", "squeezenet1_1")
    assert before == document("predict", picture, "--model", "squeezenet1_1", "--weights", tmp_path)
    assert "nowhere" in refused("predict", picture, "--model", "squeezenet1_1", "--weights", tmp_path / "nowhere")
    assert "nowhere" in refused("models", "--weights", tmp_path / "nowhere")


@pytest.mark.parametrize("command", ["predict", "heatmap"])
def test_photos_are_opened_a_few_at_a_time(told, picture, tmp_path, monkeypatch, command):
    events: list[str] = []

    def noted(name, function):
        def call(*arguments, **more):
            events.append(name)
            return function(*arguments, **more)

        return call

    monkeypatch.setattr(group, "TOGETHER", 2)
    monkeypatch.setattr(group.Photo, "open", noted("open", group.Photo.open))
    asking = f"{command}_batch"
    monkeypatch.setattr(Engine, asking, noted("ask", getattr(Engine, asking)))
    out = ("--out", tmp_path / "maps") if command == "heatmap" else ()
    assert told(command, *[picture] * 5, "--model", KEY, *out)[0] == 0
    assert events == ["open", "open", "ask", "open", "open", "ask", "open", "ask"]


def test_what_comes_before_a_broken_photo_is_still_written(told, picture, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    out = tmp_path / "maps"
    code, _, err = told("heatmap", picture, bad, "--model", KEY, "--out", out)
    assert code == 2
    assert "bad.jpg" in err
    assert [path.name for path in out.iterdir()] == ["blob.png"]


@pytest.mark.parametrize("command", ["predict", "heatmap"])
def test_a_missing_photo_is_told_before_any_answer(refused, picture, tmp_path, command):
    out = ("--out", tmp_path / "maps") if command == "heatmap" else ()
    assert "gone.jpg" in refused(command, picture, tmp_path / "gone.jpg", "--model", KEY, *out)
    assert not (tmp_path / "maps").exists()


def test_no_network_and_no_weights_is_a_failure_in_one_line(refused, picture, monkeypatch, tmp_path):
    monkeypatch.setattr(shelf, "SITE", f"{tmp_path.as_uri()}/nothing/")
    assert "put resnet18-f37072fd.pth" in refused("predict", picture, "--model", "resnet18", code=1)
