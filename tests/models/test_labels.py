"""Class names beside the weights."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from cnnviz.models import labels, lecture, load

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.mark.parametrize(
    "beside",
    [
        {"classes": list(NAMES)},
        {"class_names": NAMES},
        {"idx_to_class": dict(enumerate(NAMES))},
        {"id2label": {str(i): name for i, name in enumerate(NAMES)}},
        {"class_to_idx": {name: i for i, name in reversed(list(enumerate(NAMES)))}},
        {"hyper_parameters": {"lr": 0.1, "labels": list(NAMES)}},
    ],
)
def test_class_names_in_the_file_are_those_of_the_network(tmp_path, beside):
    state = lecture.build(lecture.NETS["mnist_gap"]).state_dict()
    torch.save({"state_dict": state, **beside}, tmp_path / "mine.pth.tar")
    assert load.load("file/mine", tmp_path).labels == NAMES


def test_class_names_in_the_metadata_of_safetensors_are_read(tmp_path):
    state = lecture.build(lecture.NETS["mnist_gap"]).state_dict()
    save_file(state, tmp_path / "mine.bin", {"classes": json.dumps(NAMES), "format": "pt"})
    assert load.load("file/mine", tmp_path).labels == NAMES


@pytest.mark.parametrize(
    "odd",
    [
        {"classes": 10},
        {"classes": "ten letters"},
        {"classes": [1, 2]},
        {"classes": ["a\nb"]},
        {"classes": ["x" * 300]},
        {"class_to_idx": {"a": 1, "b": 2}},
        {"class_to_idx": {"a": 0, "b": 0}},
        {"class_to_idx": {"a": True, "b": 0}},
        {"idx_to_class": {(0,): "a"}},
        [1],
    ],
)
def test_what_does_not_say_names_says_none(odd):
    assert labels.named(odd) == ()


def test_names_that_do_not_fit_the_outputs_are_left_out(tmp_path):
    state = lecture.build(lecture.NETS["mnist_gap"]).state_dict()
    torch.save({"state_dict": state, "classes": ["cat", "dog"]}, tmp_path / "mine.ckpt")
    assert len(load.load("file/mine", tmp_path).labels) == 10
    assert "cat" not in load.load("file/mine", tmp_path).labels
