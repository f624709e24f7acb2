"""A plan survives its JSON file, and says what does not go together."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cnnviz.data.augment import PRESETS
from cnnviz.options import OptionError, RequestError, knobs
from cnnviz.train import plan as plans
from cnnviz.train.plan import Plan, PlanError

ROOT = Path(__file__).resolve().parents[2]
READY = ROOT / "plans"
FIGURES = ROOT / "docs" / "plans.md"  # which the README links to


def test_a_plan_comes_back_from_its_file(tmp_path):
    plan = Plan("pictures", net="resnet18", recipe="frozen", augment=PRESETS["photos"], hidden=64, dropout=0.5)
    (tmp_path / "plan.json").write_text(plan.json())
    assert plans.read(tmp_path / "plan.json") == plan
    assert plans.parse('{"data": "x"}') == Plan("x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ("{}", "data"),
        ('{"data": "x", "epoch": 3}', "epoch"),
        ('{"data": "x", "augment": {"turn": 3}}', "turn"),
        ('{"data": "x", "augment": 3}', "augment"),
        ('{"data": "x", "epochs": 0}', "epochs"),
        ('{"data": "x", "epochs": "3"}', "whole number"),
        ('{"data": "x", "rate": NaN}', "finite"),
        pytest.param("[" * 5000, "no JSON", id="deep"),
        ('{"data": 5}', "data"),
        ('{"data": "x", "net": 5}', "net"),
        ('{"data": "x", "net": ["a"], "recipe": "full"}', "net"),
        ('{"data": "x", "title": {}}', "title"),
        ('{"data": "x", "start": 5}', "start"),
        ('{"data": "x", "batch_norm": "no"}', "batch_norm is 'no'; it has to be true or false"),
        ('{"data": "x", "class_weights": "no"}', "true or false"),
        ('{"data": "x", "single_logit": "false"}', "true or false"),
        ('{"data": "x", "augment": {"flip": "no"}}', "true or false"),
        ('{"data": "x", "augment": null}', "augment"),
        ('{"data": "x", "recipe": "magic"}', "scratch"),
        ('{"data": "x", "net": "resnet18", "recipe": "features", "augment": {"rotate": 9}}', "frozen"),
        ('{"data": "x", "recipe": "full"}', "no trained weights"),
        ('{"data": "x", "net": "vgg16", "recipe": "full", "backbone_rate": 0}', "frozen"),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(text, says):
    with pytest.raises(RequestError, match=says) as caught:
        plans.parse(text)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_plans_are_refused(tmp_path):
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for name in ("bytes.json", "nowhere.json"):
        with pytest.raises(PlanError, match="cannot be read"):
            plans.read(tmp_path / name)


def test_every_knob_refuses_what_lies_outside_its_range():
    for knob in knobs(Plan):
        for wrong in (knob.low, knob.high):
            if wrong is not None and not knob.choices:
                beyond = wrong - 1 if wrong == knob.low else wrong + 1
                with pytest.raises(OptionError, match=knob.name):
                    dataclasses.replace(Plan("x"), **{knob.name: beyond})


@pytest.mark.parametrize("path", sorted(READY.glob("*.json")), ids=lambda path: path.stem)
def test_ready_made_plans_hold_together_and_the_readme_gives_their_figures(path):
    plan = plans.read(path)
    assert plan.data.startswith("data/")
    assert plan.title
    assert "](docs/plans.md)" in (ROOT / "README.md").read_text()
    assert f"| `{path.stem}` |" in FIGURES.read_text()


def test_the_pair_that_counts_fifty_differs_in_its_augmentation_alone():
    right, naive = (plans.read(READY / f"counting_45_50{name}.json") for name in ("", "_naive"))
    assert dataclasses.replace(naive, augment=right.augment, title=right.title) == right
    assert (right.augment.zoom_high, right.augment.shift, right.augment.shear) == (1, 0, 0)  # no circle leaves
    assert naive.augment.zoom_high > 1
