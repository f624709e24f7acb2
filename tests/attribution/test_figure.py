"""What is taken away: overlays with title, colour bar and caption."""

import numpy as np
import pytest
from PIL import Image

from cnnviz import picture
from cnnviz.attribution.figure import GROUND, figure
from cnnviz.attribution.overlay import overlay
from cnnviz.photo import Photo


@pytest.fixture(scope="module")
def heats():
    from cnnviz import Engine

    return [Engine(device="cpu").heatmap("lecture/cats_gap", Photo.sample("coffee"), target) for target in (0, 1)]


@pytest.mark.parametrize("side", [60, 400])
def test_the_picture_stands_above_a_bar_of_its_colours(heats, side):
    drawn = overlay(Photo.sample("coffee"), heats[0], 0.7, "viridis", side=side, alpha="heat")
    made = figure([drawn], heats[:1], "viridis")
    assert made.width == drawn.width or side == 60  # which is too narrow for words
    assert np.array_equal(np.asarray(made)[: drawn.height, : drawn.width], np.asarray(drawn))
    below = np.asarray(made)[drawn.height :]
    assert (below[0] == GROUND).all()
    for end in (0.05, 0.95):
        colour = picture.colourise(np.array([[end]]), "viridis")[0, 0].astype(int)
        assert (np.abs(below.astype(int) - colour).max(-1) <= 6).any()


def test_two_pictures_have_one_height_and_what_is_written_belongs_to_each(heats):
    drawn = [overlay(Photo.sample(name), heats[0], side=300) for name in ("coffee", "cat")]
    made = figure(drawn, heats, titles=("first", "second"))
    assert made.width > sum(Image.Image.getbbox(one)[2] for one in drawn) * 0.8
    left, right = np.asarray(made)[:, : made.width // 2], np.asarray(made)[:, made.width // 2 :]
    assert (left[-60:] != 255).any()
    assert (right[-60:] != 255).any()
    assert not np.array_equal(np.asarray(figure(drawn, heats, titles=("first", "other"))), np.asarray(made))


def test_a_title_left_out_names_class_method_and_layer_as_the_page_does(heats):
    drawn = overlay(Photo.sample("coffee"), heats[0], side=300)
    named = f"{heats[0].label}, Grad-CAM, {heats[0].layer}"
    assert figure([drawn], heats[:1]).tobytes() == figure([drawn], heats[:1], titles=(named,)).tobytes()


def test_the_scale_says_whether_it_is_the_maps_own(heats):
    drawn = overlay(Photo.sample("coffee"), heats[0], side=300)
    own, shared = (figure([drawn], [one]) for one in (heats[0], heats[0].scaled(10 * heats[0].reach)))
    assert own.tobytes() != shared.tobytes()
