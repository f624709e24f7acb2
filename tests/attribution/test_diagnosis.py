"""The doctor names each illness of a map, its cause and its cure, and finds nothing in a sound one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cnnviz.attribution.diagnosis import Case, diagnose
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.inference.predict import Target


def patient(raw=None, maps=None, logits=None, **how) -> Case:
    raw = np.array([[1.0, -1], [0, 2]], np.float32) if raw is None else np.asarray(raw, np.float32)
    heat = Heatmap(
        raw, np.ones(3, np.float32), 3, "cat", 1.0, "conv9", "gradcam",
        np.zeros((8, 8, 3), np.uint8), (0, 0, 8, 8), Target(3),
    )  # fmt: skip
    maps = np.arange(12, dtype=np.float32).reshape(3, 2, 2) if maps is None else np.asarray(maps, np.float32)
    logits = np.linspace(0, 6, 20, dtype=np.float32) if logits is None else logits
    usual = {"x": torch.zeros(1, 3, 8, 8), "sureness": (0.6, 0.7, 0.5, 0.5), "better": "conv5", "trained": True}
    return Case(heat, logits, maps, **{**usual, **how})


def test_a_sound_map_has_no_finding():
    assert diagnose(patient()) == ()


ILL = {
    "nan": patient(raw=[[np.nan, 1]]),
    "untrained": patient(trained=False),
    "one place": patient(raw=[[3.0]], maps=np.ones((3, 1, 1))),
    "frozen": patient(maps=np.zeros((3, 2, 2))),
    "blank": patient(raw=[[0, 0], [0, 0]]),
    "all negative": patient(raw=[[-1, -2], [0, -3]]),
    "saturated": patient(logits=np.eye(20, dtype=np.float32)[3] * 40),
    "chance": patient(logits=np.linspace(0, 0.5, 20, dtype=np.float32)),
    "normalisation": patient(x=torch.full((1, 3, 8, 8), 200.0)),
}


@pytest.mark.parametrize("name", list(ILL))
def test_each_illness_is_named_with_a_cause_and_a_cure_in_a_sentence(name):
    (finding,) = diagnose(ILL[name])
    assert finding.name == name
    for sentence in (finding.cause, finding.fix):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "\n" not in sentence


def test_weights_that_blew_up_are_told_from_gradients_that_did():
    (finding,) = diagnose(patient(logits=np.full(20, np.nan, np.float32), maps=np.full((3, 2, 2), np.nan)))
    assert "snapshot" in finding.fix


def test_a_dead_layer_is_told_from_one_that_is_the_same_everywhere():
    assert "0 everywhere" in diagnose(patient(maps=np.zeros((3, 2, 2))))[0].cause
    assert "same at every place" in diagnose(patient(maps=np.ones((3, 2, 2))))[0].cause


def test_a_network_that_guesses_is_told_by_its_probabilities_however_many_classes():
    for classes in (1, 2, 10, 1000):  # a single logit is two classes
        guess = patient(logits=np.zeros(classes, np.float32))
        guess = replace(guess, heat=replace(guess.heat, target=0))
        assert "chance" in [f.name for f in diagnose(guess)]
        sure = np.zeros(classes, np.float32)
        sure[-1] = np.log(3 * max(1, classes - 1))  # three quarters
        assert "chance" not in [f.name for f in diagnose(replace(guess, logits=sure))]


def test_a_map_against_a_class_is_cured_with_its_own_sign():
    sound = patient(raw=[[-1, -2], [0, -3]])
    turned = replace(sound, heat=replace(sound.heat, goal=Target(3, against=True)))
    assert "The whole map is negative" in diagnose(sound)[0].cause
    assert "The whole map is evidence for" in diagnose(turned)[0].cause
