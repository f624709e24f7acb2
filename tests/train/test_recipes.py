"""Recipes: the parameter counts of the lectures, what learns, and nets that are found again by their card."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from cnnviz.models import catalog
from cnnviz.models import load as loading
from cnnviz.options import RequestError
from cnnviz.train import recipes, run
from cnnviz.train.plan import Plan, PlanError
from tests.train.runs import same, trained


@pytest.fixture
def no_weights(monkeypatch):
    """Pretrained nets without their downloads: the first weights that torch draws."""
    real = loading.load

    def load(key, *places):
        if not catalog.entry(key):
            return real(key, *places)
        from torchvision.models import get_model

        from cnnviz.models.preprocess import Preprocess

        with torch.device("meta"):
            net = get_model(key).eval().requires_grad_(False)
        return loading.Model(key, key, net, "", (), Preprocess(), (3, 224, 224), False, "test")

    monkeypatch.setattr(loading, "load", load)


def prepared(classes=2, **values):
    return recipes.prepare(Plan("x", **values), classes)


@pytest.mark.parametrize(
    ("net", "values", "total", "trainable"),
    [
        ("resnet18", {"recipe": "frozen"}, 11_177_025, 513),
        ("resnet18", {"recipe": "features"}, 11_177_025, 513),
        ("resnet18", {"recipe": "partial"}, 11_177_025, 8_394_241),
        ("resnet18", {"recipe": "full"}, 11_177_025, 11_177_025),
        ("vgg16", {"recipe": "features", "pooling": "flatten", "hidden": 256, "size": 150}, 16_812_353, 2_097_665),
        ("vgg16", {"recipe": "partial", "pooling": "flatten", "hidden": 256, "size": 150}, 16_812_353, 9_177_089),
        ("squeezenet1_1", {"recipe": "frozen"}, 722_496 + 513, 513),
        ("lecture/cats_gap", {}, 307_393, 307_393),
        ("lecture/cats_flatten", {}, 3_453_121, 3_453_121),
    ],
)
def test_parameters_are_those_of_the_lectures(no_weights, net, values, total, trainable):
    made = prepared(net=net, **values)
    assert (made.parameters, made.trainable) == (total, trainable)


@pytest.mark.parametrize(
    ("net", "count"), [("mnist_flatten", 93_322), ("mnist_gap", 56_394), ("mnist_no_pool", 2_038_922)]
)
def test_the_digit_nets_too(net, count):
    assert prepared(10, net=f"lecture/{net}").parameters == count


def test_the_backbone_learns_gently_and_what_rests_is_in_no_group(no_weights):
    made = prepared(net="resnet18", recipe="full")
    assert [factor for _, factor in made.groups] == [1.0, 0.1]
    part = prepared(net="resnet18", recipe="partial")
    learning = {name for names, _ in part.groups for name in names}
    assert all(name.startswith(("layer4", "fc")) for name in learning)
    assert "layer3.1.bn2" in part.resting
    assert not any(name.startswith("layer4") for name in part.resting)


def test_the_last_layers_can_be_counted_instead(no_weights):
    made = prepared(net="vgg16", recipe="partial", last=2)
    assert {n for n, p in made.net.named_parameters() if p.requires_grad and not n.startswith("classifier")} == {
        "features.26.weight",
        "features.26.bias",
        "features.28.weight",
        "features.28.bias",
    }
    with pytest.raises(PlanError, match="13 layers"):
        prepared(net="vgg16", recipe="partial", last=14)


@pytest.mark.parametrize("values", [
    {"net": "resnet18", "size": 64},
    {"net": "squeezenet1_1", "size": 64, "hidden": 16, "dropout": 0.2},
    {"net": "convnext_tiny", "size": 64},
    {"net": "mobilenet_v3_small", "size": 64, "pooling": "flatten"},
    {"net": "lecture/mnist_flatten", "size": 40, "channels": 3, "pools": 1, "hidden": 32, "batch_norm": True},
    {"net": "lecture/cats_flatten", "size": 64, "pooling": "gap", "dropout": 0.0},
    {"net": "lecture/mnist_gap", "pools": 0, "head_norm": True},
], ids=lambda v: v["net"])  # fmt: skip
def test_a_saved_net_is_found_again_by_its_card(tmp_path, values):
    made = prepared(3, **values)
    net = made.net.eval()
    folder = tmp_path / "one"
    folder.mkdir()
    save_file(net.state_dict(), folder / "best.safetensors")
    card = {
        "title": "One",
        "net": made.name,
        "spec": made.spec,
        "labels": ["a", "b", "c"],
        "single_logit": False,
        "preprocess": made.preprocess.card(),
    }
    (folder / "card.json").write_text(json.dumps(card))
    model = loading.load("run/one@best", runs=tmp_path)
    x = torch.rand(2, *model.input_size)
    with torch.inference_mode():
        torch.testing.assert_close(model.net(x), net(x))
    assert model.labels == ("a", "b", "c")


@pytest.mark.parametrize("head_norm", [False, True])
def test_features_and_head_make_the_net(no_weights, head_norm):
    made = prepared(net="lecture/cats_gap", size=64, head_norm=head_norm)
    made.net.eval()
    trunk, head = recipes.split(made)
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(head(trunk(x)), made.net(x))
    assert trunk(x).shape[1] == 128


def test_normalised_features_bring_out_what_differs_little():
    made = prepared(6, net="lecture/mnist_gap", head_norm=True)
    assert made.parameters == prepared(6, net="lecture/mnist_gap").parameters + 2 * 64
    little = 1 + torch.linspace(-0.02, 0.02, 16)[:, None].expand(
        16, 64
    )  # as means over fifty circles, one more or less
    out = made.net.norm.train()(little)
    assert out.std() > 0.9


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"net": "resnet19"}, "resnet18"),
        ({"net": "lecture/nothing"}, "no net"),
        ({"net": "timm/resnet26"}, "not trained here"),
        ({"net": "densenet121", "pooling": "flatten"}, "gap"),
        ({"net": "resnet18", "pools": 2}, "lecture networks"),
        ({"net": "resnet18", "head_norm": True}, "lecture networks"),
        ({"net": "lecture/mnist_gap", "head_norm": True, "batch": 1}, "BatchNorm needs more than one image"),
        ({"net": "resnet18", "channels": 1}, "RGB images"),
        ({"net": "lecture/cats_gap", "size": 20}, "too few"),
        ({"net": "lecture/mnist_base"}, "head"),
    ],
)
def test_what_cannot_be_built_is_said(values, says):
    with pytest.raises(RequestError, match=says):
        prepared(**values)


def test_a_head_for_other_classes_is_replaced_and_said_and_all_else_is_kept(plan, tmp_path, rng):
    def pictures(name, classes):
        for label in classes:
            (tmp_path / name / label).mkdir(parents=True)
            for i in range(5):
                pixels = rng.integers(0, 255, (32, 32), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / name / label / f"{i}.png")
        return plan.but(data=str(tmp_path / name), epochs=1, hidden=8)

    runs = tmp_path / "runs"
    first = trained(pictures("two", "ab"), runs, "first")
    old = load_file(first.folder / "best.safetensors")
    for classes, recipe in (("abc", "full"), ("xy", "frozen"), ("abcd", "features")):
        wanted = pictures(classes, classes).but(start="run/first@best", recipe=recipe)
        done = trained(wanted, runs, classes)
        (said,) = [event["message"] for event in done.of("warning")]
        assert said == (
            f"run/first@best has other classes (a, b) than the data ({', '.join(classes)}): "
            "its head is replaced by a new one."
        )
        new = load_file(done.folder / "snapshots" / "0.safetensors")
        kept = {key for key in old if key in new and torch.equal(old[key], new[key])}
        assert {key for key in old if key.startswith(("conv", "bn"))} <= kept
        assert not {key for key in kept if key.startswith(("hidden", "out"))}
        model = loading.load(f"run/{classes}@best", runs=runs)
        assert (model.labels, len(run.verdict(done.folder)["classes"])) == (tuple(classes), len(classes))
    two = trained(wanted.but(data=str(tmp_path / "two"), recipe="full", single_logit=False), runs, "two-logits")
    assert "has 1 output, and these classes need 2" in two.last("warning")["message"]
    again = trained(wanted.but(data=str(tmp_path / "two"), recipe="full"), runs, "again")
    assert not again.of("warning")
    assert same(again.folder / "snapshots" / "0.safetensors", first.folder / "best.safetensors")
    with pytest.raises(RequestError, match="does not fit"):
        trained(wanted.but(data=str(tmp_path / "two"), recipe="full", channels=3), runs, "other")
