"""The layer table of a plan agrees with torchinfo, with the lecture, and with the net that is trained."""

from __future__ import annotations

import pytest
import torchinfo

from cnnviz.train import recipes
from cnnviz.train.plan import Plan, PlanError
from cnnviz.train.summary import summary


@pytest.mark.parametrize(
    "plan",
    [
        Plan("x", net="lecture/cats_flatten", batch_norm=True, hidden=16, size=64),
        Plan("x", net="lecture/mnist_gap"),
        Plan("x", net="resnet18", size=96),
    ],
    ids=lambda plan: plan.net,
)
def test_it_agrees_with_torchinfo(plan):
    found, net = summary(plan, 10), recipes.prepare(plan, 10).net
    oracle = torchinfo.summary(net, (1, *found.input), verbose=0, device="cpu", cache_forward_pass=False)
    assert (found.parameters, found.trainable, found.mult_adds, found.pass_bytes, found.weight_bytes) == (
        oracle.total_params, oracle.trainable_params, oracle.total_mult_adds, oracle.total_output_bytes,
        oracle.total_param_bytes,
    )  # fmt: skip
    theirs = [one for one in oracle.summary_list if one.is_leaf_layer and one.num_params]
    ours = [row for row in found.rows if row.parameters]
    assert [(r.shape, r.parameters, r.mult_adds, r.memory) for r in ours] == [
        (tuple(o.output_size[1:]), o.num_params, o.macs, o.output_bytes) for o in theirs
    ]


@pytest.mark.parametrize(
    ("changes", "trainable"),
    [({"recipe": "features"}, 513), ({"recipe": "partial"}, 8_394_241), ({"recipe": "full"}, 11_177_025)],
)
def test_it_says_which_layers_learn(changes, trainable):
    found = summary(Plan("x", net="resnet18", **changes), 2)
    assert found.trainable == sum(row.trainable for row in found.rows) == trainable
    assert {row.learns for row in found.rows} <= {"yes", "no", ""}
    assert found.rows[-1].learns == "yes"
    assert (found.rows[0].learns == "yes") == (changes["recipe"] == "full")


def test_nothing_is_downloaded_for_it_and_the_lecture_s_numbers_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_WEIGHTS", str(tmp_path))  # no weights here, and no network in a test
    found = summary(Plan("x", net="vgg16", recipe="frozen", pooling="flatten", hidden=256, size=150), 2)
    assert (found.parameters, found.trainable) == (16_812_353, 2_097_665)
    begun = summary(Plan("x", net="lecture/mnist_gap", recipe="frozen", start="run/elsewhere@best"), 10)
    assert [row.name for row in begun.rows if row.learns == "yes"] == ["out"]


def test_a_plan_that_makes_no_net_is_refused():
    with pytest.raises(PlanError, match="two classes"):
        summary(Plan("x"), 1)
    with pytest.raises(PlanError, match="head"):
        summary(Plan("x", net="lecture/mnist_base"), 2)
