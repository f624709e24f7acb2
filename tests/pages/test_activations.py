"""Activations: the numbers shown are the tensor's own."""

import json

import numpy as np
import pytest

from cnnviz.photo import Photo

NET = "lecture/cats_gap"


def component(at):
    """What the mosaic in the browser is told, but for its picture."""
    data = json.loads(at.get_by_key("maps").proto.json)
    return {key: value for key, value in data.items() if key != "src"}


def test_the_numbers_shown_are_the_tensors_own(visit, engine, words):
    layer = engine.map_layers(NET)[0]
    at = visit("activations", layer=layer, channel="3")
    values = engine.activations(NET, Photo.sample("cat"), layer).maps[3]
    text = words(at)
    for number in (f"{values.min():.4g}", f"{values.mean():.4g}", f"{values.max():.4g}", f"{(values > 0).mean():.0%}"):
        assert f"<dd>{number}</dd>" in text


@pytest.mark.parametrize("sort", ["mean", "max", "share above 0"])
def test_sorting_puts_the_largest_first(visit, engine, sort):
    layer = engine.map_layers(NET)[1]
    maps = engine.activations(NET, Photo.sample("cat"), layer)
    by = {"mean": maps.mean, "max": maps.max, "share above 0": maps.alive}[sort]
    names = component(visit("activations", layer=layer, sort=sort))["names"]
    order = [int(name.split()[0]) for name in names]
    assert sorted(order) == list(range(len(by)))
    assert (np.diff(by[order]) <= 0).all()


def test_every_layer_with_maps_can_be_chosen(visit, engine):
    at = visit("activations")
    assert len(at.selectbox("layer").options) == len(engine.map_layers(NET))
    for name in engine.map_layers(NET):
        at.selectbox("layer").set_value(name).run()
        assert not at.exception
        assert component(at)["names"][0].startswith("0 ·")


def test_a_click_on_a_tile_chooses_its_channel(visit, engine):
    at = visit("activations", sort="mean")
    names = component(at)["names"]
    at.session_state["maps"] = {"place": 5}
    at.run()
    assert not at.exception
    assert names == component(at)["names"]


def test_the_chosen_channel_stays_when_the_order_changes(visit):
    at = visit("activations", channel="9")
    at.selectbox("sort").set_value("max").run()
    assert at.selectbox("channel").value == 9
    shown = component(at)
    assert shown["names"][shown["chosen"]].startswith("9 ·")


def test_one_scale_for_the_layer_says_its_range(visit, engine, words):
    layer = engine.map_layers(NET)[0]
    maps = engine.activations(NET, Photo.sample("cat"), layer).maps
    assert f"Activation from {maps.min():.3g} to {maps.max():.3g}" in words(
        visit("activations", layer=layer, scale="layer")
    )


def test_dead_channels_are_named(visit, engine, words):
    dead = [
        (layer, maps.dead)
        for layer in engine.map_layers(NET)
        if len((maps := engine.activations(NET, Photo.sample("cat"), layer)).dead)
    ]
    for layer, channels in dead[:1]:
        text = words(visit("activations", layer=layer))
        assert f"{len(channels)} of" in text
        assert str(channels[0]) in text
