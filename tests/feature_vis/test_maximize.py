"""Filter images: the objective rises, the same seed gives the same picture, and nothing is left behind."""

from __future__ import annotations

import gc
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnviz.feature_vis.maximize import maximize
from cnnviz.feature_vis.recipes import Aim
from cnnviz.inference.cut import cut
from cnnviz.runtime.engine import Engine
from tests.feature_vis.ascents import SHORT, images, net, place


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


@pytest.mark.parametrize("knob", ["rotate", "scale", "crop", "decay", "tv", "blur", "jitter"])
def test_every_knob_changes_the_picture(knob):
    value = {"rotate": 20.0, "scale": 0.2, "crop": 0.2, "decay": 0.1, "tv": 1.0, "blur": 1.0, "jitter": 12}[knob]
    plain, turned = (images(place(net()), [3], a)[0] for a in (SHORT, replace(SHORT, **{knob: value})))
    assert not np.array_equal(plain.picture, turned.picture)


def test_pictures_outdo_natural_patches_and_show_their_own_channel(shared: Path, monkeypatch):
    """A small part of `python -m benchmarks.blind`."""
    from benchmarks import blind

    monkeypatch.setattr(blind, "SEEN", 3)
    rows = blind.check(Engine(device="cpu", weights=shared / "weights"), "squeezenet1_1", shared / "photos", 4, 0)
    assert min(row["outdone"] for row in rows) >= 0.99
    assert sum(row["channel"] == row["answered"] for row in rows) >= 3
