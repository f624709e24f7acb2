"""Filter images: the objective rises, the same seed gives the same picture, and nothing is left behind."""

from __future__ import annotations

import gc
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import cnnviz
from cnnviz.feature_vis.maximize import maximize
from cnnviz.feature_vis.recipes import RECIPES, Aim, Ascent, family, recipe, written
from cnnviz.feature_vis.setup import AscentError, Setup
from cnnviz.inference.cut import cut
from cnnviz.models import lecture
from cnnviz.options import OptionError, RequestError, knobs
from cnnviz.runtime.engine import Engine

SHORT = Ascent(steps=6, size=32, coarse=1)
CPU = torch.device("cpu")


def net(width: int = 8, relu: bool = True) -> nn.Module:
    torch.manual_seed(0)
    parts = [nn.Conv2d(3, width, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(width, 12, 3)]
    return nn.Sequential(*parts, *([nn.ReLU(inplace=True)] if relu else [])).eval().requires_grad_(False)


def place(trunk, side: int = 32, layer: str = "layer", device=CPU) -> Setup:
    typical = lambda: torch.ones(12)  # noqa: E731
    return Setup(trunk, layer, (0.5,) * 3, (0.25,) * 3, side, device, typical)


def images(where: Setup, aims: list, ascent: Ascent, **more) -> list:
    wanted = [Aim.of(aim) for aim in aims]
    return [event.image for event in maximize(where, wanted, ascent, **more) if event.image]


@pytest.mark.parametrize("canvas", ["fourier", "pixel"])
@pytest.mark.parametrize("step", ["normalised", "adam"])
@pytest.mark.parametrize("objective", ["mean", "centre"])
@pytest.mark.parametrize("start", ["noise", "gray"])
def test_the_objective_rises(canvas, step, objective, start):
    ascent = replace(SHORT, canvas=canvas, step=step, rate=0.2, objective=objective, start=start, steps=12, focus=0.0)
    for image in images(place(net(relu=False)), [0, 5, 11], ascent):
        assert image.value > image.before


def test_the_objective_of_the_last_event_is_what_a_plain_forward_of_the_picture_gives():
    trunk = net()
    (image,) = images(place(trunk), [3], SHORT)
    x = (torch.from_numpy(image.picture.copy()).permute(2, 0, 1)[None] / 255 - 0.5) / 0.25
    assert image.value == pytest.approx(trunk(x)[0, 3].mean().item(), rel=1e-4)


def test_the_same_seed_is_the_same_picture_whoever_else_is_grown():
    where = place(net())
    (alone,) = images(where, [4], SHORT)
    among = images(where, [1, 4, 7], SHORT)[1]
    (other,) = images(where, [4], replace(SHORT, seed=1))
    assert np.array_equal(alone.picture, among.picture)
    assert not np.array_equal(alone.picture, other.picture)


@pytest.mark.parametrize("objective", ["mean", "centre"])
def test_only_the_wanted_channels_are_computed_where_no_other_has_a_say_and_the_picture_is_the_same(objective):
    made, asked = cut(net(), "3"), []

    def some(channels):
        asked.append(channels)
        return made.some(channels)

    whole = place(lambda x: made.trunk(x)[0])
    narrow = replace(whole, some=some)
    ascent = replace(SHORT, focus=0.0, objective=objective)
    two = Aim(((2, 1.0), (9, -0.5)))
    for ours, theirs in zip(images(narrow, [4, two], ascent), images(whole, [4, two], ascent), strict=True):
        assert ours.value == pytest.approx(theirs.value, rel=1e-3)
        assert np.abs(ours.picture.astype(int) - theirs.picture).max() <= 2
    assert asked == [[4], [2, 9]]
    images(narrow, [4], replace(SHORT, focus=0.5))
    images(narrow, [4, 4], replace(ascent, diversity=1.0))
    assert len(asked) == 2


def test_every_step_is_an_event_and_the_last_carries_the_image():
    events = list(maximize(place(net()), [Aim.of(2)], SHORT))
    assert [event.step for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.image is not None for event in events] == [False] * 5 + [True]
    assert [len(event.picture) for event in events] == [32] * 6 or len(events[0].picture) <= 32
    image = events[-1].image
    assert image.picture.dtype == np.uint8
    assert image.picture.shape == image.start.shape == (32, 32, 3)
    assert image.curve.shape == (6,)
    assert image.frames.shape[1:] == (64, 64, 3)
    with pytest.raises(ValueError, match="read-only"):
        image.picture[0, 0, 0] = 1


def test_coarse_canvases_come_first():
    events = list(maximize(place(net(), side=96), [Aim.of(2)], replace(SHORT, coarse=1)))
    assert [len(event.picture) for event in events] == [48] * 3 + [96] * 3


def test_nothing_is_left_on_the_net_also_when_stopped_half_way():
    trunk = net()
    events = maximize(place(trunk), [Aim.of(2), Aim.of(3)], SHORT)
    next(events)
    events.close()
    for part in trunk.modules():
        assert not part._forward_hooks
        assert not part._backward_hooks
    assert all(p.grad is None and not p.requires_grad for p in trunk.parameters())
    assert torch.is_grad_enabled()


def test_the_line_is_free_between_steps():
    """Whoever waits for the device gets it between two steps: the turn is never held while a step is handed out."""
    inside = threading.Lock()
    where = replace(place(net()), turn=lambda: inside)
    for _ in maximize(where, [Aim.of(0)], SHORT):
        assert inside.acquire(blocking=False)
        inside.release()


def test_it_works_inside_inference_mode():
    where = place(net())
    with torch.inference_mode():
        assert len(images(where, [0], SHORT)) == 1


def test_a_channel_behind_closed_relus_is_woken():
    trunk = net()
    with torch.no_grad():
        trunk[3].bias[4] = -0.2  # closed for noise, but not for good
    (image,) = images(place(trunk), [4], replace(SHORT, steps=30, rate=0.5))
    assert image.before == 0
    assert image.value > 0
    assert not image.dead


@pytest.mark.parametrize("strength", [1e-15, 1e12])
def test_nets_whose_answers_are_tiny_or_huge_are_climbed_all_the_same(strength):
    inner = net(relu=False)
    (plain,), (scaled,) = (
        images(place(trunk), [3], replace(SHORT, steps=12)) for trunk in (inner, lambda x: inner(x) * strength)
    )
    assert scaled.value > scaled.before
    assert scaled.value == pytest.approx(plain.value * strength, rel=0.1)


def test_a_dead_channel_is_called_dead():
    trunk = net()
    with torch.no_grad():
        trunk[3].bias[4] = -1e6
    (image,) = images(place(trunk), [4], SHORT)
    assert image.dead


def test_memory_does_not_grow_with_the_number_of_channels():
    trunk, alive = net(), []
    for n, _ in enumerate(maximize(place(trunk), [Aim.of(i % 12) for i in range(60)], replace(SHORT, steps=2))):
        if n % 20 == 19:
            gc.collect()
            alive.append(sum(o.nbytes for o in gc.get_objects() if type(o) is torch.Tensor))
    assert max(alive[-2:]) <= max(alive[:2]) * 1.2


def test_too_little_memory_for_a_batch_means_smaller_batches():
    inner, sizes = net(), []

    def trunk(x):
        sizes.append(len(x))
        if len(x) > 2:
            raise torch.OutOfMemoryError("no")
        return inner(x)

    ascent = replace(SHORT, diversity=0.5, focus=0.0)  # keeps copies together in one batch
    assert len(images(place(trunk), [3, 3, 3, 3], ascent)) == 4
    assert max(sizes) == 4


def test_a_photo_is_where_it_starts(photo):
    base = np.ascontiguousarray(photo.pixels[:32, :32])
    ascent = replace(SHORT, start="photo", steps=1, rate=0.01)
    (image,) = images(place(net()), [3], ascent, photo=base)
    assert np.abs(image.start.astype(int) - base).max() <= 6  # a spectrum keeps clear of pure black and white
    assert np.abs(image.picture.astype(int) - image.start).mean() < 3


def test_one_picture_can_be_kept_apart_from_its_twin():
    ascent = replace(SHORT, steps=16, focus=0.0)
    kept, free = (images(place(net()), [3, 3], replace(ascent, diversity=d)) for d in (2.0, 0.0))
    assert not np.array_equal(kept[0].picture, kept[1].picture)
    assert not np.array_equal(kept[1].picture, free[1].picture)


@pytest.mark.parametrize("knob", ["rotate", "scale", "crop", "decay", "tv", "blur", "jitter"])
def test_every_knob_changes_the_picture(knob):
    value = {"rotate": 20.0, "scale": 0.2, "crop": 0.2, "decay": 0.1, "tv": 1.0, "blur": 1.0, "jitter": 12}[knob]
    plain, turned = (images(place(net()), [3], a)[0] for a in (SHORT, replace(SHORT, **{knob: value})))
    assert not np.array_equal(plain.picture, turned.picture)


def test_total_variation_and_blur_make_it_smoother():
    def rough(ascent: Ascent) -> float:
        picture = images(place(net()), [3], replace(ascent, canvas="pixel"))[0].picture.astype(float)
        return float(np.abs(np.diff(picture, axis=0)).mean())

    plain = rough(SHORT)
    assert rough(replace(SHORT, tv=2.0)) < plain
    assert rough(replace(SHORT, blur=1.5)) < plain


def test_aims_add_up():
    both = Aim.of(3) - Aim.of(5) * 2
    assert both.terms == ((3, 1.0), (5, -2.0))
    assert both.channel is None
    trunk = net(relu=False)
    (image,) = images(place(trunk), [both], SHORT)
    x = (torch.from_numpy(image.picture.copy()).permute(2, 0, 1)[None] / 255 - 0.5) / 0.25
    maps = trunk(x)[0].mean((1, 2))
    assert image.value == pytest.approx((maps[3] - 2 * maps[5]).item(), rel=1e-3)
    assert Aim.direction([0, 0.5, -1]).terms == ((1, 0.5), (2, -1.0))


def test_what_cannot_be_maximised_says_why():
    trunk = net()
    with pytest.raises(AscentError, match="channels 0 to 11"):
        images(place(trunk), [12], SHORT)
    with pytest.raises(AscentError, match="4 px"):
        images(place(trunk, side=4), [0], SHORT)
    with pytest.raises(AscentError, match="single position; choose 16 px"):
        images(place(trunk, side=8), [0], SHORT)
    with pytest.raises(AscentError, match="choose one with maps"):
        images(place(lambda x: x[:, 0]), [0], SHORT)


def test_a_layer_that_never_runs_or_is_unknown_is_refused(tmp_path):
    engine = Engine(device="cpu")
    with pytest.raises(RequestError, match="closest"):
        engine.filters("lecture/mnist_gap", "conv9", [0], SHORT)


def test_the_engine_remembers_on_disk(tmp_path):
    first = Engine(device="cpu", cache_dir=tmp_path)
    grown = list(first.filters("lecture/mnist_gap", "conv2", [0, 3], Ascent(steps=4)))
    assert len(grown) == 8
    again = list(first.filters("lecture/mnist_gap", "conv2", [3, 0, 5], Ascent(steps=4)))
    assert [e.aim.channel for e in again if e.image] == [3, 0, 5]
    assert len(again) == 2 + 4
    second = list(Engine(device="cpu", cache_dir=tmp_path).filters("lecture/mnist_gap", "conv2", [3], Ascent(steps=4)))
    assert len(second) == 1
    assert np.array_equal(second[0].image.picture, again[0].image.picture)
    assert np.abs(second[0].image.frames.astype(int) - again[0].image.frames).mean() < 6  # as a small WebP
    assert second[0].image.aim == Aim.of(3)
    assert second[0].image.value == again[0].image.value


def test_a_dream_from_ones_own_photo_never_reaches_the_disk(tmp_path, photo):
    engine = Engine(device="cpu", cache_dir=tmp_path)
    ascent = Ascent(steps=2, start="photo", focus=0.0)
    list(engine.filters("lecture/mnist_gap", "conv2", [0], ascent, photo=photo))
    assert not list(tmp_path.iterdir())
    assert engine.personal_bytes() > 0
    with pytest.raises(RequestError, match="photo"):
        engine.filters("lecture/mnist_gap", "conv2", [0], ascent)


def test_classes_have_pictures_too():
    engine = Engine(device="cpu")
    (event,) = [e for e in engine.filters("lecture/mnist_gap", None, [7], Ascent(steps=4)) if e.image]
    assert event.layer == "logits"
    assert event.image.picture.shape == (28, 28, 3)
    events = engine.filters("lecture/cats_gap", None, [0, 1], Ascent(steps=4, focus=0.0, size=64))
    cat, dog = [e.image for e in events if e.image]
    assert cat.before == pytest.approx(-dog.before, rel=1e-5)


def test_recipes_fit_their_families():
    assert {family("vgg16"), family("resnet50"), family("wide_resnet50_2")} == {"vgg", "resnet"}
    assert family("lecture/mnist_gap", 28) == "small"
    assert recipe("auto", "vgg16") == RECIPES["vgg"]
    lectures = recipe("lecture")
    assert (lectures.step, lectures.decay, lectures.canvas, lectures.start) == ("adam", 1e-6, "pixel", "noise")
    assert recipe("post").jitter == 16
    with pytest.raises(RequestError, match="lecture"):
        recipe("magic")
    assert eval(written(lectures), {"Ascent": cnnviz.Ascent}) == lectures


def test_options_out_of_range_are_refused():
    for knob in knobs(Ascent):
        if knob.high is not None and not knob.choices:
            with pytest.raises(OptionError, match=knob.name):
                Ascent(**{knob.name: type(knob.high)(knob.high + 1) if knob.kind is not int else int(knob.high) + 1})


def test_pictures_outdo_natural_patches_and_show_their_own_channel(shared: Path, monkeypatch):
    """A small part of `python -m benchmarks.blind`."""
    from benchmarks import blind

    monkeypatch.setattr(blind, "SEEN", 3)
    rows = blind.check(Engine(device="cpu", weights=shared / "weights"), "squeezenet1_1", shared / "photos", 4, 0)
    assert min(row["outdone"] for row in rows) >= 0.99
    assert sum(row["channel"] == row["answered"] for row in rows) >= 3


def test_two_threads_grow_what_one_grows():
    engine, found = Engine(device="cpu"), {}

    def work(name: str) -> None:
        events = engine.filters("lecture/mnist_gap", "relu3", [4], replace(SHORT, size=48, seed=2 + len(name)))
        found[name] = next(e.image for e in events if e.image)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "bb")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = Engine(device="cpu").filters("lecture/mnist_gap", "relu3", [4], replace(SHORT, size=48, seed=3))
    assert np.array_equal(found["a"].picture, next(e.image for e in alone if e.image).picture)


def test_the_folded_trunk_climbs_as_the_net_itself():
    torch.manual_seed(0)
    spec = replace(lecture.NETS["cats_gap"], batch_norm=True)
    whole = lecture.build(spec).eval().requires_grad_(False)
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    folded = torch.autograd.grad(cut(whole, "bn3").trunk(x)[0][0, 5].mean(), x)[0]
    truth = torch.autograd.grad(whole[: list(dict(whole.named_children())).index("bn3") + 1](x)[0, 5].mean(), x)[0]
    torch.testing.assert_close(folded, truth, rtol=1e-3, atol=1e-7)
