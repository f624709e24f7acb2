"""Class names beside the weights."""

from __future__ import annotations

import json

import numpy as np
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


FOUR = ("a", "b", "c", "d")
HANDED = {
    "in order": [*FOUR],
    "by number": dict(enumerate(FOUR)),
    "by number, from JSON": {str(i): name for i, name in enumerate(FOUR)},
    "numbers by name, as ImageFolder has them": {name: i for i, name in reversed([*enumerate(FOUR)])},
    "numbers of NumPy": {name: np.int64(i) for i, name in enumerate(FOUR)},
    "an array": np.array(FOUR),
    "a generator": (name for name in FOUR),
    "keys of a dictionary": dict.fromkeys(FOUR).keys(),
}


@pytest.mark.parametrize("value", HANDED.values(), ids=HANDED)
def test_names_that_a_program_hands_over_are_read_in_either_direction(value):
    assert labels.handed(value, 4) == FOUR


def test_what_a_mapping_leaves_out_has_its_number_and_digits_can_be_names():
    assert labels.handed({"b": 1}, 3) == ("class 0", "b", "class 2")
    assert labels.handed({"7": 0, "3": 1}, 2) == ("7", "3")
    assert labels.handed(None, 2) == labels.handed({}, 2) == ("class 0", "class 1")


NO_NAMES = {
    "and no set; give a list": set(FOUR),
    "and no str; give a list": "abcd",
    "and no int; give a list": 4,
    "There is 1 label for 4 classes": ["a"],
    "There are 5 labels for 4 classes": [*FOUR, "e"],
    "a label for class 4 and no such class; number them from 0 to 3": dict(enumerate(FOUR, 1)),
    "a label for class 'x' and no such class": {"x": "a"},
    "Two labels belong to the same class": {"a": 0, "b": 0},
}


@pytest.mark.parametrize(("said", "value"), NO_NAMES.items(), ids=NO_NAMES)
def test_what_does_not_name_the_classes_is_refused_in_a_sentence(said, value):
    with pytest.raises(labels.LabelError) as caught:
        labels.handed(value, 4)
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")
