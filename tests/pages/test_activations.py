"""Activations: the numbers shown are the tensor's own."""

import base64
import dataclasses
import io
import json
import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file
from streamlit.proto.WidgetStates_pb2 import WidgetState

from cnnviz import picture
from cnnviz.inference.skip_connections import SkipConnection
from cnnviz.inference.translation import MEAN, Shift
from cnnviz.measured import measured
from cnnviz.models import catalog
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples
from cnnviz.ui.components.mapgrid import BUDGET, SORTS, reduced
from cnnviz.ui.views import equation
from cnnviz.ui.views.activations.close_up import _large
from cnnviz.ui.views.numbers import framed
from cnnviz.ui.widgets import show
from cnnviz.ui.widgets.take_away import encoded

NET = "lecture/cats_gap"


def component(at):
    """What the grid in the browser is told, with the tiles that lie on the shelf for it."""
    parts = ("shelf-maps-tiles", "maps", "shelf-maps-order")
    tiles, told, order = (json.loads(at.get_by_key(name).proto.json) for name in parts)
    assert tiles["subject"] == told["subject"]
    return tiles | told | order


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_the_numbers_shown_are_the_tensors_own(visit, engine, words):
    layer = engine.map_layers(NET)[0]
    at = visit("activations", layer=layer, channel="3")
    values = engine.activations(NET, Photo.sample("cat"), layer).maps[3]
    text = words(at)
    for number in (*map(measured, (values.min(), values.mean(), values.max())), f"{(values > 0).mean():.0%}"):
        assert f"<dd>{number}</dd>" in text


def test_one_value_is_written_in_one_way_all_over_the_page(visit, engine, words, monkeypatch):
    found = engine.activations(NET, Photo.sample("cat"), "relu2")
    channel = int(found.max.argmax())
    by = np.float32(1081.18 / found.max[channel])
    large = dataclasses.replace(found, maps=found.maps * by, mean=found.mean * by, max=found.max * by)
    monkeypatch.setattr(type(engine), "activations", lambda *_args, **_more: large)
    at = visit("activations", layer="relu2", channel=str(channel))
    text = re.sub(r"<style>.*?</style>", "", words(at), flags=re.DOTALL)
    assert "<dt>Maximum</dt><dd>1081</dd>" in text
    assert len(re.findall(r"<span>1081</span>", text)) == 2  # the colour scale and the histogram
    close = json.loads(at.get_by_key("number-relu2").proto.json)
    assert close["names"][close["chosen"]].endswith(": 1081")
    assert not re.search(r"\de[+−-]?\d|1081\.\d", text)


def test_the_grid_has_the_tensors_own_statistics_and_maps(visit, engine):
    layer = engine.map_layers(NET)[1]
    maps = engine.activations(NET, Photo.sample("cat"), layer)
    told = component(visit("activations", layer=layer, sort="max"))
    (first,) = told["pictures"]
    np.testing.assert_array_equal(floats(first["mean"]), maps.mean)
    np.testing.assert_array_equal(floats(first["max"]), maps.max)
    np.testing.assert_array_equal(floats(first["alive"]), maps.alive)
    assert told["sort"] == "max"
    small = reduced(maps.maps, BUDGET)
    levels = np.frombuffer(base64.b64decode(first["maps"]), np.uint8).reshape(small.shape)
    reach = floats(told["reaches"])[:, None, None]
    np.testing.assert_allclose((levels.astype(float) - 128) / 127 * reach, small, atol=float(reach.max()) / 250)


def test_the_grid_shows_the_maps_of_the_photo_that_is_chosen_next(visit, engine):
    at = visit("activations", photo="cat")
    at.session_state["photo"] = "coffee"
    told = component(at.run())
    (first,) = told["pictures"]
    assert first["name"] == "coffee"
    maps = engine.activations(NET, Photo.sample("coffee"), told["layer"])
    np.testing.assert_array_equal(floats(first["mean"]), maps.mean)


def test_two_photos_share_one_scale(visit, engine):
    told = component(visit("activations", **{"with": "photo", "second": "coffee"}))
    assert [p["name"] for p in told["pictures"]] == ["cat", "coffee"]
    both = [engine.activations(NET, Photo.sample(n), told["layer"]).maps for n in ("cat", "coffee")]
    np.testing.assert_allclose(floats(told["reaches"]), np.abs(np.stack(both)).max((0, 2, 3)))


def test_every_layer_with_maps_can_be_chosen(visit, engine):
    at = visit("activations")
    assert len(at.selectbox("layer").options) == len(engine.map_layers(NET))
    for name in engine.map_layers(NET):
        at.selectbox("layer").set_value(name).run()
        assert not at.exception
        assert component(at)["layer"] == name


def click(at, key, **state):
    """The page after a component of that key has told its new state, as the browser does."""
    states = at._tree.get_widget_states()
    states.widgets.append(WidgetState(id=at.get_by_key(key).proto.id, json_value=json.dumps(state)))
    return at._run(states)


def test_a_click_on_a_tile_chooses_its_channel(visit, words):
    at = visit("activations", sort="mean", channel="5")
    assert component(at)["chosen"] == 5
    for channel in (9, 2):
        at = click(at, "maps", channel=channel)
        assert not at.exception
        assert component(at)["chosen"] == at.number_input("channel").value == channel
        assert f"Channel {channel} <small" in words(at)


def test_a_click_on_a_stage_goes_to_its_layer(visit):
    at = click(visit("activations"), "strip", place=2)
    assert not at.exception
    assert component(at)["layer"] == at.selectbox("layer").value
    told = json.loads(at.get_by_key("strip").proto.json)
    assert told["chosen"] == 2
    assert told["names"][2].startswith(f"{component(at)['layer']} ·")


def test_the_channel_chosen_in_the_list_is_chosen_in_the_grid(visit, words):
    at = visit("activations", channel="5")
    at.number_input("channel").set_value(9).run()
    assert component(at)["chosen"] == 9
    assert "Channel 9 <small" in words(at)


def test_a_number_of_a_channel_is_spelled_out_down_to_its_products(visit, engine, words):
    at = visit("activations", layer="relu2", channel="5", unit="5.2.3")
    shown = float(engine.activations(NET, Photo.sample("cat"), "relu2").maps[5, 2, 3])
    assert f"How {measured(shown)} is computed" in words(at)
    (table,) = [part for part in at.get("html") if '<div class="cv-eq' in str(part.body)]
    text = re.sub(r"<style>.*?</style>", "", str(table.body)).replace("−", "-").replace(",", "")
    values = [float(value) for value in re.findall(r'<b class="[^"]*">([-+.0-9]+)</b>', text)]
    now = engine.arithmetic(NET, Photo.sample("cat"), "relu2", 5, (2, 3))
    assert values[-1] == pytest.approx(shown, abs=1e-4)
    total = next(i for i, value in enumerate(values) if value == pytest.approx(now.products.sum(), abs=1e-4) and i > 2)
    assert sum(values[:total]) == pytest.approx(values[total], abs=1e-3)  # the products that are listed, and the rest
    assert values[total] + values[total + 1] == pytest.approx(now.steps[0].value, abs=1e-4)
    points = {len(value.partition(".")[2]) for value in re.findall(r'<b class="[^"]*">([-+.0-9]+)</b>', text)}
    assert len(points) == 1  # decimal points stand below each other
    assert "conv2" in text


def test_one_scale_for_the_layer_says_its_range(visit, engine, words):
    layer = engine.map_layers(NET)[0]
    maps = engine.activations(NET, Photo.sample("cat"), layer).maps
    assert f"Activation from {measured(maps.min())} to {measured(maps.max())}" in words(
        visit("activations", layer=layer, scale="layer")
    )


def test_dead_channels_are_named(visit, engine, words, tmp_path, monkeypatch):
    state = {name: value.clone().contiguous() for name, value in engine.model(NET).net.state_dict().items()}
    state["conv1.bias"].fill_(1)
    state["conv1.bias"][[3, 17]] = -1e3
    state["conv2.bias"].fill_(1e3)
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / "card.json").write_text(json.dumps({"net": NET, "title": "Two dead channels"}))
    save_file(state, tmp_path / "dead" / "best.safetensors")
    monkeypatch.setattr(engine, "runs", tmp_path)
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path))
    text = words(visit("activations", model="run/dead@best", layer="relu1"))
    assert "2 of 32 channels stay at or below zero on this photo (crossed): 3, 17<" in text
    assert "stay at or below zero" not in words(visit("activations", model="run/dead@best", layer="conv2"))


@pytest.mark.parametrize("sort", SORTS)
def test_the_python_that_is_copied_draws_the_picture_that_is_downloaded(visit, engine, sort, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.update(what) if name == "activations" else None)
    assert not visit("activations", layer="relu2", sort=sort, channel="5", photo="coffee").exception
    monkeypatch.chdir(tmp_path)
    exec(given["python"], {})
    drawn = np.asarray(Image.open(io.BytesIO(encoded(given["picture"]()))))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "maps.png")), drawn)
    maps = engine.activations(NET, Photo.sample("coffee"), "relu2")
    order = maps.order(sort, 5)
    assert sorted(order) == list(range(len(maps.maps)))
    by = {"mean": maps.mean, "max": maps.max, "share above 0": maps.alive}.get(sort, -order)
    assert sort == "similarity" or (np.diff(by[order]) <= 0).all()
    assert sort != "similarity" or order[0] == 5


def test_a_refused_layer_leaves_the_one_before_under_its_own_name_and_without_python(visit, engine, monkeypatch, words):
    at = visit("activations", layer="relu2")
    real = type(engine).activations

    def refuse(self, key, photo, layer):
        if layer == "relu3":
            raise RequestError("not this layer")
        return real(self, key, photo, layer)

    monkeypatch.setattr(type(engine), "activations", refuse)
    at.selectbox("layer").set_value("relu3").run()
    assert len(at.error) == 1
    assert component(at)["layer"] == "relu2"
    assert "channels of relu2" in words(at)
    assert not at.code
    at.button_group("photo").set_value("coffee").run()
    assert len(at.error) == 1
    with pytest.raises(KeyError):  # never one photo's maps under another's name
        component(at)


def test_what_cannot_be_listed_is_one_sentence(visit, engine, monkeypatch):
    def refuse(self, key):
        raise RequestError("no weights any more")

    monkeypatch.setattr(type(engine), "map_layers", refuse)
    at = visit("activations")
    assert not at.exception
    assert len(at.error) == 1


def test_every_state_of_the_page_comes_back_by_its_link_and_by_the_copied_one(visit):
    wanted = {
        "layer": "relu2",
        "sort": "max",
        "scale": "layer",
        "with": "photo",
        "second": "coffee",
        "channel": "5",
        "unit": "5.2.3",
    }
    wanted |= {"over": "true", "tiles": "60"}
    at = visit("activations", **wanted)
    assert not at.exception
    for name, value in wanted.items():
        assert at.query_params[name] in (value, [value]), name  # it was understood, and stands in the address
    copied = {k: v[0] for k, v in parse_qs(urlsplit(at.code[1].value).query, keep_blank_values=True).items()}
    assert {name: copied[name] for name in wanted} == wanted
    left_out = {*at.session_state["_notes"]} - {*copied, "present"}
    usual = visit("activations").session_state["_notes"]  # a link need not say what a fresh visit has
    changed = [name for name in left_out if at.session_state["_notes"][name].value != usual[name].value]
    assert changed == [], "a state that the link leaves out"
    again = visit("activations", **copied)
    assert component(again) == component(at)
    assert {name: again.session_state[name] for name in wanted} == {name: at.session_state[name] for name in wanted}


def test_a_stage_says_in_its_address_what_it_shows_though_its_controls_are_not_there(visit):
    wanted = {"layer": "relu2", "sort": "max", "scale": "layer", "channel": "5", "unit": "5.2.3", "over": "true"}
    at = visit("activations", **wanted)
    at.query_params.clear()  # as on coming from another page
    at.session_state["present"] = True
    at.run()
    assert not at.exception
    assert {name: at.query_params.get(name) for name in wanted} == wanted


def test_the_size_of_the_tiles_is_kept(visit):
    at = click(visit("activations"), "maps", tiles=120)
    assert at.query_params["tiles"] in ("120", ["120"])
    assert component(at)["tiles"] == 120


def test_the_close_up_follows_the_liveliest_channel_until_somebody_chooses_one(visit, engine):
    def liveliest(layer, photo="cat"):
        return int(engine.activations(NET, Photo.sample(photo), layer).maps.std(axis=(1, 2)).argmax())

    at = visit("activations", layer="relu1")
    for layer in ("relu2", "relu3", "relu1"):
        at.selectbox("layer").set_value(layer).run()
        assert component(at)["chosen"] == liveliest(layer)
        assert "channel" not in at.query_params
    at.button_group("photo").set_value("coffee").run()
    assert component(at)["chosen"] == liveliest("relu1", "coffee")
    mine = (liveliest("relu1") + 5) % 7
    at.number_input("channel").set_value(mine).run()
    at.button_group("photo").set_value("cat").run()
    assert component(at)["chosen"] == mine
    at.selectbox("layer").set_value("relu2").run()
    assert component(at)["chosen"] == liveliest("relu2")
    at.selectbox("layer").set_value("relu1").run()
    assert component(at)["chosen"] == mine  # waited for us there
    assert at.query_params["channel"] in (str(mine), [str(mine)])


def test_a_number_of_one_layer_is_not_taken_to_another_layer_or_page(visit, words):
    at = visit("activations", layer="relu2", channel="5", unit="5.2.3")
    assert at.query_params["unit"] in ("5.2.3", ["5.2.3"])
    at.selectbox("layer").set_value("relu3").run()
    assert "unit" not in at.query_params
    at.switch_page("pages/class_activation.py")
    at.query_params["proof"] = "Contributions"
    at.run()
    assert "its number at (2, 3)" not in words(at)
    assert "unit" not in at.query_params
    at.switch_page("pages/activations.py").run()
    at.selectbox("layer").set_value("relu2").run()
    assert at.query_params["unit"] in ("5.2.3", ["5.2.3"])


def test_rows_and_columns_of_large_maps_follow_the_photo_until_somebody_says_otherwise(
    visit, engine, monkeypatch, words
):
    monkeypatch.setattr("cnnviz.ui.views.numbers.MOST", 10)
    at = visit("activations", layer="relu1", channel="9")
    for photo in ("cat", "coffee", "rocket"):
        at.button_group("photo").set_value(photo).run()
        values = np.abs(engine.activations(NET, Photo.sample(photo), "relu1").maps[9])
        row, column = divmod(int(values.argmax()), values.shape[1])
        assert (at.number_input("number-relu1-row").value, at.number_input("number-relu1-column").value) == (
            row,
            column,
        )
        assert "unit" not in at.query_params
    at.number_input("number-relu1-row").set_value(3).run()
    assert at.query_params["unit"] in (f"9.3.{column}", [f"9.3.{column}"])
    at.button_group("photo").set_value("cat").run()
    assert any(f"row 3, column {column}" in image.proto.imgs[0].alt for image in at.image)


def test_no_stage_is_framed_where_none_of_them_is_shown(visit, engine):
    (other, *_) = (name for name in engine.map_layers(NET) if name not in engine.stages(NET))
    at = visit("activations", layer=other)
    assert json.loads(at.get_by_key("strip").proto.json)["chosen"] is None


BESIDE = [
    ({"with": "layer", "second": "relu3"}, ("relu2", "relu3")),
    ({"with": "network", "second": "bundled/cats_dogs"}, ("relu2", "relu2")),
    ({"with": "photo", "second": "coffee"}, ("relu2", "relu2")),
]


@pytest.mark.parametrize(("beside", "layers"), BESIDE)
def test_two_of_anything_stand_side_by_side_on_one_scale(visit, engine, beside, layers, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.setdefault(name, what))
    at = visit("activations", layer="relu2", channel="5", unit="5.2.3", scale="layer", **beside)
    assert not at.exception
    networks = (NET, beside["second"] if beside["with"] == "network" else NET)
    names = ("cat", beside["second"] if beside["with"] == "photo" else "cat")
    both = [
        engine.activations(key, Photo.sample(name), layer).maps
        for key, name, layer in zip(networks, names, layers, strict=True)
    ]
    told = component(at)
    second = json.loads(at.get_by_key("number-second").proto.json)
    assert second["link"] == told["link"] == json.loads(at.get_by_key("number-relu2").proto.json)["link"]
    if both[0].shape == both[1].shape:
        assert len(told["pictures"]) == 2
        np.testing.assert_allclose(floats(told["reaches"]), np.abs(np.stack(both)).max((0, 2, 3)), rtol=1e-6)
    else:
        other = json.loads(at.get_by_key("maps-second").proto.json)
        limit = max(float(np.abs(maps).max()) for maps in both)
        assert told["scope"] == other["scope"] == "all layers"
        assert told["reach"] == other["reach"] == pytest.approx(limit)
    monkeypatch.chdir(tmp_path)
    exec(given["activations"]["python"], {})
    drawn = np.asarray(Image.open(io.BytesIO(encoded(given["activations"]["picture"]()))))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "maps.png")), drawn)
    for name, ending in (("activations", ""), ("channel", "_channel-5")):
        assert given[name]["file"].startswith(f"cat_lecture-cats_gap_relu2{ending}_and_")


def test_the_maps_close_up_share_the_scale_of_the_tiles(visit, engine, monkeypatch):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.setdefault(name, what))
    visit("activations", layer="conv2", channel="5", **{"with": "photo", "second": "coffee"})
    maps = [engine.activations(NET, Photo.sample(name), "conv2").maps[5] for name in ("cat", "coffee")]
    limit = max(float(np.abs(one).max()) for one in maps)
    wanted = [_large(picture.diverging(one, limit)) for one in maps]
    drawn = np.asarray(given["channel"]["picture"]()).astype(int)
    high, wide = wanted[0].shape[:2]
    assert drawn.shape[0] > high + 40  # title, scale and caption
    for found, expected in zip((drawn[:high, :wide], drawn[:high, -wide:]), wanted, strict=True):
        assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("over", ["false", "true"])
def test_the_png_of_a_channel_has_the_photo_beside_it_as_the_page_has(visit, engine, monkeypatch, over):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.setdefault(name, what))
    visit("activations", layer="relu2", channel="5", unit="5.9.30", photo="coffee", over=over)
    shown = engine.activations(NET, Photo.sample("coffee"), "relu2")
    drawn = np.asarray(given["channel"]["picture"]())
    beside = framed(shown.seen, engine.field(NET, "relu2", (9, 30)))
    alike = np.abs(drawn[:480, -480:].astype(int) - _large(beside)).mean() < 1
    assert alike == (over == "false")


def test_the_first_layers_input_channels_are_red_green_and_blue(visit, words):
    text = words(visit("activations", layer="conv1", channel="5", unit="5.2.3"))
    assert [text.index(f"<em>{colour}</em>") for colour in ("red", "green", "blue")] == sorted(
        text.index(f"<em>{colour}</em>") for colour in ("red", "green", "blue")
    )
    deeper = words(visit("activations", layer="conv2", channel="5", unit="5.2.3"))
    assert "<em>red</em>" not in deeper


def test_the_branch_plus_the_skip_connection_is_the_sum_of_a_residual_network(visit, engine, words, monkeypatch):
    found = SkipConnection(
        "block", "block.conv", "pool", True, "ReLU", *(np.full((8, 4, 4), value, np.float32) for value in (2, -3, -1))
    )
    monkeypatch.setattr(type(engine), "skip_layers", lambda self, key: ("block",))
    monkeypatch.setattr(type(engine), "skip_connection", lambda self, key, photo, layer: found)
    text = words(visit("activations", experiment="skip", layer="conv2", channel="5"))
    assert "Branch: block.conv" in text
    assert "Skip connection: pool, passed on unchanged" in text
    assert re.search(r"row 0, column 0: 2\.0+ − 3\.0+ = −1\.0+; ReLU follows: 0\.0", text)


def test_the_means_of_the_last_maps_are_shown_with_the_networks_own_numbers(visit, engine, words):
    found = engine.pooled_head(NET, Photo.sample("cat"))
    text = words(visit("activations", experiment="pooling"))
    best = int(found.means.argmax())
    assert "hidden (Linear)" in text
    assert f"channel {best}</td>" in text
    (mean,) = re.findall(rf"channel {best}</td>.*?<td>mean ([−0-9.]+)</td>", text)
    assert float(mean.replace("−", "-")) == pytest.approx(found.means[best], abs=1e-4)
    (logit,) = re.findall(r"<th>([−0-9.]+)</th></tr></table>", text)
    assert float(logit.replace("−", "-")) == pytest.approx(found.logit, abs=1e-4)


def test_the_class_of_the_head_follows_the_photo_and_the_network_until_somebody_chooses_one(visit, engine, words):
    def best(key, photo):
        return engine.predict(key, Photo.sample(photo), 1)[0].index

    at = visit("activations", experiment="pooling", model="lecture/mnist_gap")
    assert at.session_state["head-class"] == best("lecture/mnist_gap", "cat")
    other = next(name for name in samples() if best("lecture/mnist_gap", name) != best("lecture/mnist_gap", "cat"))
    at.session_state["photo"] = other
    assert at.run().session_state["head-class"] == best("lecture/mnist_gap", other)
    at.session_state["head-class"] = 7
    assert at.run().session_state["head-class"] == 7
    at.session_state["model"] = "lecture/cats_gap"
    assert at.run().session_state["head-class"] == best("lecture/cats_gap", other)
    assert not at.exception


def test_the_head_of_a_network_without_class_names_is_shown_by_number(visit, engine, words, tmp_path, monkeypatch):
    key = "lecture/mnist_gap"
    nameless = dataclasses.replace(engine.model(key), labels=(), fingerprint="nameless")
    monkeypatch.setattr(engine, "model", lambda asked, *told: nameless)
    at = visit("activations", experiment="pooling", model=key)
    assert not at.exception
    assert f"logit of class {engine.predict(key, Photo.sample('cat'), 1)[0].index}" in words(at)


def test_the_copied_link_holds_the_channels_of_both_layers_and_files_have_plain_names(visit, monkeypatch):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **told: given.update({name: told}))
    asked = {"with": "layer", "second": "relu1", "layer": "relu2", "channel": "4", "channel2": "9"}
    at = visit("activations", **asked)
    assert not at.exception
    copied = parse_qs(urlsplit(given["activations"]["link"]).query)
    assert {name: copied[name][0] for name in asked} == asked
    visit("activations", **{"with": "network", "second": "lecture/cats_flatten"})
    assert all(re.fullmatch(r"[\w.+@-]+", told["file"]) for told in given.values())


def test_a_shifted_photo_is_told_in_numbers_and_its_python_gives_them(visit, engine, words, capsys):
    at = visit("activations", experiment="shift", layer="relu2", channel="5", dx="16", dy="-8")
    found = engine.translation(NET, Photo.sample("cat"), "relu2", Shift(16, -8))
    text = words(at)
    assert f"<dd>{found.cosine:.6f}</dd>" in text
    assert show.minus(f"{found.moved(5, 4)[0]}, {found.moved(5, 4)[1]} (total stride") in text
    (lines,) = [code.value for code in at.code if "translation" in code.value and "import" in code.value]
    exec(lines, {})
    assert str(found.cosine) in capsys.readouterr().out
    *_, link = [code.value for code in at.code if code.value.startswith("http") and "dx=16" in code.value]
    again = visit("activations", **{k: v[0] for k, v in parse_qs(urlsplit(link).query).items()})
    assert f"<dd>{found.cosine:.6f}</dd>" in words(again)


def test_numbers_in_cells_of_a_projector_keep_off_their_edges():
    assert [equation._figures(v, 5) for v in (-0.863, -0.0153, 16.24, 0.417, -19.42)] == (
        ["−0.86", "−0.02", "16.2", "0.417", "−19.4"]
    )
    assert equation._figures(-0.863, 9) == "−0.863"


def test_printed_terms_that_do_not_add_up_are_said_to_be_rounded():
    assert "Rounded to 3 decimals" in equation._rounded([141.2304, 0.5584], 141.7888, 3)
    assert equation._rounded([141.230, 0.558], 141.788, 3) == ""


SHOWN = [
    {"experiment": "shift", "dx": "16", "dy": "-8", "border": MEAN},
    {"experiment": "pooling", "head-class": "0"},
    {"experiment": "skip"},
]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown["experiment"])
def test_the_link_of_the_grid_holds_the_experiment_that_is_shown(visit, engine, monkeypatch, shown):
    """A class is named where it is not the most likely one, which a link need not say."""
    if "head-class" in shown:
        shown = {**shown, "head-class": str(engine.predict(NET, Photo.sample("cat"))[-1].index)}
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.setdefault(name, what))
    at = visit("activations", layer="relu2", sort="max", **shown)
    assert not at.exception
    copied = {k: v[0] for k, v in parse_qs(urlsplit(given["activations"]["link"]).query).items()}
    assert {name: copied.get(name) for name in shown} == shown
    again = visit("activations", **copied)
    assert {name: str(again.session_state[name]) for name in shown} == shown
    assert not again.warning


def test_a_network_without_skip_connections_shows_what_one_is_and_opens_another_on_the_same_photo(visit, engine, words):
    at = visit("activations", experiment="skip", photo="coffee", present="true")
    assert not at.exception
    text = words(at)
    assert "y = F(x) + x" in text
    assert "This network has no skip connections" in text
    layer = at.session_state["layer"]
    before = engine.input_of(at.session_state["model"], layer)
    assert f"<span>{layer} (" in text
    assert re.search(rf"x: {before}, mean of its \d+ channels" if before else "x: the photo", text)
    assert re.search(rf"y: {layer}, mean of its \d+ channels", text)
    links = [link.proto for link in at.get("page_link")]
    there = next(parse_qs(link.query_string) for link in links if "experiment=skip" in link.query_string)
    assert there["photo"] == ["coffee"]
    assert there["model"][0] in {row.key for row in catalog.rows()}


def test_a_comparison_with_a_photo_of_ones_own_is_in_no_link(visit, jpeg):
    at = visit("activations", photo="galaxies")
    at.file_uploader("upload-0").upload("kitchen.jpg", jpeg, "image/jpeg")
    at.run()
    at.session_state["photo"] = "galaxies"
    at.run()
    at.selectbox("with").set_value("photo").run()
    assert at.selectbox("second").options[0] == "kitchen.jpg"
    assert not {"with", "second"} & {*at.query_params}
    at.selectbox("second").set_value("cat").run()
    assert (at.query_params["with"], at.query_params["second"]) == ("photo", "cat")
