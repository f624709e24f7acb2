"""The convolution page without a browser: pictures and states go out exact, links come back, PyTorch agrees."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest

from cnnviz.measured import measured
from cnnviz.photo import Photo
from cnnviz.signal import backward, examples, pictures, receptive
from cnnviz.signal.convolve import Sliding, convolve
from cnnviz.signal.kernels import KERNELS
from cnnviz.signal.receptive import Window
from cnnviz.ui.components import convlab
from cnnviz.ui.components.convlab import field, link, stack


def sent(at, key: str = "convlab") -> dict:
    """What the page gave its component."""
    return json.loads(at.get_by_key(key).proto.json)


def code(at) -> str:
    return next(block.value for block in at.code if "conv2d" in block.value)


def test_the_first_sight_is_the_lectures_white_box_under_the_horizontal_edge(visit):
    at = visit("convolution")
    data = sent(at)
    assert not at.exception
    assert np.array_equal(np.frombuffer(base64.b64decode(data["pixels"]), np.uint8).reshape(28, 28), pictures.box())
    assert data["start"]["filters"][0]["name"] == "Horizontal edge"
    assert [p["name"] for p in data["presets"]] == list(KERNELS)
    assert len(data["learned"]) == 32  # the current net's own


def test_a_photo_goes_out_as_gray_and_its_colours_exactly(visit):
    data = sent(visit("convolution", input="photo", photo="coffee"))
    pixels = np.frombuffer(base64.b64decode(data["pixels"]), np.uint8).reshape(4, data["height"], data["width"])
    fitted = pictures.fitted(Photo.sample("coffee"))
    assert np.array_equal(np.moveaxis(pixels[1:], 0, 2), fitted)
    assert np.array_equal(pixels[0], pictures.gray(fitted))


def test_a_link_brings_picture_kernel_and_settings_back(visit):
    word = "f.sobel_y~f.1x3!1.5_0_0.25_-1_0_3_0_0_0_7~s.2~p.1~m.wrap~t.relu~l.magnitude"
    at = visit("convolution", input="digit", lab=word)
    start = sent(at)["start"]
    assert (start["stride"], start["mode"], start["look"]) == (2, "wrap", "magnitude")
    assert start["filters"][1]["weights"] == [[[0, 0.25, -1], [0, 3, 0], [0, 0, 7]]]
    assert start["filters"][1]["bias"] == 1.5
    assert at.query_params["lab"] in (word, [word])
    assert link.from_link("f.sobel_y~f.1x2!0_1_0_0_1") is None  # two kernels of two sizes are no layer


@pytest.mark.parametrize(
    "word",
    ["", "f.swirl", "f.sobel_x~s.0", "f.sobel_x~m.mirror", "f.3x3!1", "f.1x3!nan_1_1_1_1_1_1_1_1_1", "x.1~~", "f"],
)
def test_a_bad_link_shows_the_first_example_instead(visit, word):
    assert link.from_link(word) is None
    at = visit("convolution", lab=word)
    assert not at.exception
    assert sent(at)["start"]["filters"][0]["name"] == "Horizontal edge"


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda e: e.title)
def test_every_example_is_a_button_and_survives_a_link(visit, example):
    view = convlab.begin(example)
    again = link.from_link(link.to_link(view))
    assert again is not None
    assert {k: v for k, v in again.items() if k != "stamp"} == {k: v for k, v in view.items() if k != "stamp"}
    at = visit("convolution")
    next(button for button in at.button if button.label == example.title).click().run()
    assert not at.exception
    data = sent(at)
    assert [f["name"] for f in data["start"]["filters"]] == [KERNELS[k].title for k in example.kernels]
    assert at.session_state["input"] == example.picture


def test_what_the_browser_says_becomes_code_and_link(visit):
    at = visit("convolution", input="digit")
    stamp = sent(at)["start"]["stamp"]
    view = convlab.begin(examples.EXAMPLES[2]) | {"padding": 2, "mode": "reflect", "stage": "pool", "stamp": stamp}
    at.session_state["convlab"] = {"view": view}
    at.run()
    scope: dict = {}
    exec(code(at), scope)
    weights = KERNELS["edge_detect"].weights
    answer = convolve(pictures.digit().astype(np.float32), weights, Sliding(1, 2, "reflect"))
    truth = np.maximum(answer, 0)[:30, :30].reshape(15, 2, 15, 2).max((1, 3))
    assert np.abs(scope["out"].numpy()[0] - truth).max() < 1e-3


def test_the_copied_pytorch_of_a_photo_runs_in_colour(visit):
    at = visit("convolution", input="photo", photo="coffee", lab="f.sobel_x~c.1~p.1~m.replicate")
    scope: dict = {}
    exec(code(at), scope)
    planes = pictures.planes(pictures.fitted(Photo.sample("coffee")))[1:]
    weights = np.repeat(KERNELS["sobel_x"].weights[None], 3, 0)
    truth = convolve(planes.astype(np.float32), weights, Sliding(padding=1, mode="replicate"))
    assert np.abs(scope["out"].numpy()[0] - truth).max() < 2e-3


def test_the_full_size_view_filters_the_whole_photo(visit, pictures, words):
    at = visit("convolution", **{"lab-view": "Full-size photo", "photo": "coffee"})
    assert not at.exception
    assert re.search(r'class="cv-scale" role="img" aria-label="Output of Horizontal edge from −\d+ to \d+"', words(at))
    assert "zero padding" in words(at)
    assert {"The whole photo coffee", "Horizontal edge over the whole photo coffee"} <= set(pictures(at))


def test_the_full_size_view_says_where_its_filter_is_chosen_and_leads_there_and_back(visit, words):
    lab = "f.sobel_y~f.sobel_x~p.1~n.1"
    at = visit("convolution", **{"lab-view": "Full-size photo", "photo": "coffee", "lab": lab})
    before = at.query_params["lab"]
    assert "chosen in One layer" in words(at)
    at.button("another-filter").click().run()
    assert at.session_state["lab-view"] == "One layer"
    assert sent(at, "convlab")["start"]["selected"] == 1
    at.button_group("lab-view").set_value("Full-size photo").run()
    assert at.query_params["lab"] == before


def test_the_receptive_fields_of_the_current_net_are_told(visit, words):
    at = visit("convolution", **{"lab-view": "Receptive field"})
    assert not at.exception
    assert sent(at, "fieldlab")["start"]["layers"][0]["kernel"] == 3
    assert "Receptive field" in words(at)
    assert {"png-field", "npy-field"} <= {button.key for button in at.get("download_button")}
    assert field.read([{"kind": "max", "kernel": 2, "stride": 2, "padding": 0, "dilation": 1}])[0].kernel == 2
    assert field.read([{"kind": "max"}]) is None
    assert field.read("conv") is None


def query(at) -> dict:
    """The parameters of the link that the page offers to copy."""
    (address,) = [block.value for block in at.code if block.value.startswith("http")]
    return dict(parse_qsl(urlsplit(address).query))


def test_the_stack_stands_in_the_link_and_is_taken_away(visit):
    at = visit("convolution", **{"lab-view": "Receptive field"})
    assert "stack" not in at.query_params
    layers = [asdict(layer) for layer in field.STACKS["ResNet stem"][0]] + [asdict(Window("average", 2, 2, 1, 1))]
    at.session_state["fieldlab"] = {"layers": layers}
    at.run()
    assert query(at)["stack"] == "c7s2p3~m3s2p1~c3p1~c3p1~a2s2p1"
    scope: dict = {}
    exec(next(block.value for block in at.code if "effective_stack" in block.value), scope)
    assert [asdict(layer) for layer in scope["layers"]] == layers
    size = receptive.stack(scope["layers"])[-1].size
    assert scope["field"].shape == (size, size)
    again = visit("convolution", **query(at))
    assert not again.exception
    assert sent(again, "fieldlab")["start"]["layers"] == layers
    at.switch_page("pages/gabor.py").run()
    at.switch_page("pages/convolution.py").run()
    assert sent(at, "fieldlab")["start"]["layers"] == layers
    at.session_state["fieldlab"] = {"layers": []}
    assert query(at.run())["stack"] == stack.NONE
    assert stack.from_link(stack.NONE, 224) == ()


@pytest.mark.parametrize(
    "word",
    ["", "x3", "c0", "c3s0", "c3p-1", "c99", "c60~c60~c60~c60~c60", "c3~" * 12 + "c3", "~".join(["c11s4p8"] * 12)],
)
def test_a_bad_stack_in_a_link_is_the_first_one_instead(visit, word):
    assert stack.from_link(word, 224) is None
    at = visit("convolution", **{"lab-view": "Receptive field", "stack": word})
    assert not at.exception
    assert len(sent(at, "fieldlab")["start"]["layers"]) == len(field.STACKS[field.FIRST][0])


def test_the_full_size_view_has_a_link_that_brings_its_layer_and_python_that_gives_its_numbers(visit, pictures):
    parts = {"lab-view": "Full-size photo", "photo": "coffee", "lab": "f.sobel_y~f.sobel_x~p.1~n.1"}
    at = visit("convolution", **parts)
    assert parts.items() <= query(at).items()
    assert [alt for alt in pictures(at) if alt.startswith(f"{KERNELS['sobel_x'].title} over")]
    scope: dict = {}
    exec(code(at), scope)
    gray = np.asarray(Photo.sample("coffee").image().convert("L"), np.float32)[None]
    truth = convolve(gray, KERNELS["sobel_x"].weights[None], Sliding(padding=1))
    assert np.abs(scope["out"].numpy()[0] - truth).max() < 2e-3


def test_a_return_to_the_page_finds_it_as_it_was(visit):
    at = visit("convolution", input="digit")
    stamp = sent(at)["start"]["stamp"]
    at.session_state["convlab"] = {"view": convlab.begin(examples.EXAMPLES[2]) | {"stride": 3, "stamp": stamp}}
    at.run()
    at.switch_page("pages/gabor.py").run()
    at.switch_page("pages/convolution.py").run()
    assert sent(at)["start"]["stride"] == 3


def test_true_convolution_is_a_switch_that_link_and_code_know(visit):
    at = visit("convolution", input="digit", lab="f.sobel_x~p.1~x.1")
    assert sent(at)["start"]["flip"] is True
    scope: dict = {}
    exec(code(at), scope)
    truth = convolve(pictures.digit().astype(np.float32), KERNELS["sobel_x"].weights[::-1, ::-1], Sliding(padding=1))
    assert np.abs(scope["out"].numpy()[0] - truth).max() < 1e-3
    assert at.query_params["lab"] in ("f.sobel_x~p.1~x.1", ["f.sobel_x~p.1~x.1"])


def test_gradient_descent_that_diverges_is_said_and_ends(visit, words):
    asked = {"bp-image": "corner", "bp-rate": "1.0", "bp-steps": "1000"}
    at = visit("convolution", **{"lab-view": "Backward pass"}, **asked)
    assert not at.exception
    assert "diverges at this learning rate" in words(at)
    assert "nan" not in words(at)
    assert "inf<" not in words(at)
    at = visit("convolution", **{"lab-view": "Backward pass"}, **asked | {"bp-rate": "0.1"})
    assert "diverges" not in words(at)


def test_the_backward_pass_shows_the_engines_numbers_and_steps_on(visit):
    at = visit("convolution", **{"lab-view": "Backward pass", "bp-kernel": "box", "bp-target": "sobel_y"})
    image = backward.IMAGES["noise"][1]()
    target = backward.correlate(image, KERNELS["sobel_y"].weights)
    titles = {0: "Kernel: Box blur", 1: "Kernel after 1 step", 11: "Kernel after 11 steps"}
    for count in titles:
        assert not at.exception
        one = backward.descent(image, KERNELS["box"].weights, target, 0.1, count)[-1]
        shown = "".join(block.proto.body for block in at.get("html"))
        grids = dict(re.findall(r'<table aria-label="([^"]*)">(.*?)</table>', shown))
        for name, values in {
            "Input": image, titles[count]: one.kernel, "Output": one.output, "Target: Sobel y": target,
            "∂L/∂kernel = input ⋆ ∂L/∂output": one.d_kernel, "New kernel = kernel − 0.1 · ∂L/∂kernel": one.after,
        }.items():  # fmt: skip
            cells = [float(cell.replace("−", "-")) for cell in re.findall(r">([^<>]+)</td>", grids[name])]
            assert np.abs(np.array(cells) - values.ravel()).max() <= 0.051 if name == "Input" else 0.00051
        assert measured(one.loss, 4) in shown
        assert measured(one.after_loss, 4) in shown
        scope: dict = {}
        exec(next(block.value for block in at.code if "autograd" in block.value), scope)
        assert np.allclose(scope["gradient"], one.d_kernel)
        assert query(at).get("bp-steps", "0") == str(count)
        at.button(key="bp-one" if not count else "bp-ten").click().run()
    again = visit("convolution", **query(at))
    assert again.session_state["bp-steps"] == at.session_state["bp-steps"] == 21
    at.selectbox(key="bp-target").select("laplacian").run()
    assert at.session_state["bp-steps"] == 0  # another target: from the first kernel again
