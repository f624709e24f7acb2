"""Class activation: what is shown is the engine's heat map of the class asked for."""

import numpy as np

from cnnviz.photo import Photo

NET = "lecture/cats_gap"


def test_the_first_sight_explains_the_most_probable_class(visit, engine, words, pictures):
    at = visit("class_activation")
    best = engine.predict(NET, Photo.sample("cat"), top=1)[0]
    assert f"Heat map of {best.label} over the photo cat" in pictures(at)
    assert f'class="cv-marked"><span>{best.label}</span>' in words(at)


def test_any_class_can_be_asked_for_and_stands_in_the_link(visit, engine, pictures):
    at = visit("class_activation")
    before = pictures(at)
    worst = engine.predict(NET, Photo.sample("cat"), top=1000)[-1]
    at.selectbox("class").set_value(worst.index).run()
    assert at.query_params["class"] == str(worst.index)
    assert f"Heat map of {worst.label} over the photo cat" in pictures(at)
    assert pictures(at) != before


def test_the_eight_weightiest_channels_are_named_with_their_weights(visit, engine, words):
    heat = engine.heatmap(NET, Photo.sample("cat"))
    text = words(visit("class_activation"))
    for channel in np.argsort(-heat.weights)[:8]:
        assert f"<div>{channel}<small>{heat.weights[channel]:+.3g}</small></div>" in text


def test_every_method_layer_and_colour_map_draws(visit, engine):
    at = visit("class_activation")
    for key in ("method", "at", "colours"):
        box = at.selectbox(key)
        for place in range(len(box.options)):
            at.selectbox(key).select_index(place).run()
            assert not at.exception
            assert not at.error


def test_opacity_changes_the_overlay_and_leaves_the_raw_map(visit, pictures):
    at = visit("class_activation")
    before = pictures(at)
    at.slider("opacity").set_value(0.0).run()
    after = pictures(at)
    changed = {alt for alt in before if before[alt] != after[alt]}
    assert len(changed) == 1
    assert "over the photo" in changed.pop()


def test_a_net_without_classes_says_so(visit):
    at = visit("class_activation", model="lecture/mnist_base")
    assert not at.exception
    assert len(at.error) == 1
