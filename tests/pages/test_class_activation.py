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
    for key in ("at", "colours", "method"):
        box = at.selectbox(key)
        for place in range(len(box.options)):
            at.selectbox(key).select_index(place).run()
            assert not at.exception
            assert [error.value for error in at.error] == []


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


def test_a_methods_knobs_contrast_and_evidence_against_are_in_the_link_and_in_the_python(visit, engine, pictures):
    plain = pictures(visit("class_activation", method="occlusion"))
    link = {"method": "occlusion", "occlusion-window": "48", "versus": "1", "against": "true"}
    at = visit("class_activation", **link)
    assert at.slider("occlusion-window").value == 48
    assert at.toggle("against").value
    assert pictures(at) != plain
    python, shown = (block.value for block in at.code)
    assert "options={'window': 48, 'stride': 16}, versus=1, against=True" in python
    assert all(f"{name}={value}" in shown for name, value in link.items())


def test_methods_that_look_at_pixels_ask_for_no_layer(visit):
    at = visit("class_activation", method="saliency")
    assert not at.error
    assert at.selectbox("at").disabled
