"""Nets, answers and the device: loaded once, remembered within bounds, let go, and replaced when files change."""

from __future__ import annotations

import gc
import os
import weakref

import numpy as np
import pytest
import torch
import torchvision

from cnnviz.inference.device import DeviceError
from cnnviz.inference.tap import LayerError, tap
from cnnviz.options import RequestError
from cnnviz.runtime import backend
from cnnviz.runtime.engine import Engine

NET = "lecture/cats_gap"


def test_predictions_are_the_nets_own(engine, photo):
    model = engine.model(NET)
    x = model.preprocess.tensor(model.preprocess.see(photo))
    with torch.no_grad():
        logit = float(model.net(x))
    top, other = engine.predict(NET, photo)
    assert top.probability + other.probability == pytest.approx(1)
    assert max(top, other, key=lambda p: p.index).logit == pytest.approx(logit, rel=1e-4)


def test_predictions_are_ranked_once_for_each_photo(engine, photo, monkeypatch):
    ranked, rank = [], backend.ranked
    monkeypatch.setattr(backend, "ranked", lambda *asked: ranked.append(asked) or rank(*asked))
    first = engine.predict(NET, photo, top=1_000)
    assert engine.predict(NET, photo, top=1_000) is first
    assert engine.predict(NET, photo, top=1) == first[:1]
    assert engine.target(NET, photo) == first[0].index  # the same question as the one before
    assert [asked[-1] for asked in ranked] == [1_000, 1]


def test_numbers_shown_are_the_tensors_own(engine, photo):
    model = engine.model(NET)
    found = engine.activations(NET, photo, "conv2")
    with torch.inference_mode():
        _, maps = tap(model.net, model.preprocess.tensor(found.seen), ["conv2"])
    np.testing.assert_array_equal(found.maps, maps["conv2"][0].numpy())
    np.testing.assert_allclose(found.mean, found.maps.mean((1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.max, found.maps.max((1, 2)))
    np.testing.assert_allclose(found.alive, (found.maps > 0).mean((1, 2)), rtol=1e-6)
    assert set(found.dead) == {i for i, m in enumerate(found.maps) if (m <= 0).all()}


@pytest.mark.parametrize("wrong", ["cat.png", np.zeros((8, 8, 3), np.uint8), None])
def test_what_is_no_photo_and_no_key_is_one_sentence(engine, photo, wrong):
    for ask in (engine.predict, engine.heatmap, lambda key, given: engine.activations(key, given, "conv2")):
        with pytest.raises(RequestError, match=r"Photo\.open"):
            ask(NET, wrong)
        with pytest.raises(RequestError, match=r"engine\.add"):
            ask(torch.nn.Identity(), photo)


def test_all_layers_come_from_one_pass(engine, photo, monkeypatch):
    passes = []
    monkeypatch.setattr("cnnviz.runtime.backend.tap", lambda *a, **k: passes.append(1) or tap(*a, **k))
    layers = engine.map_layers(NET)
    found = engine.all_activations(NET, photo, layers)
    assert [a.layer for a in found] == list(layers)
    assert engine.activations(NET, photo, "conv1") is found[layers.index("conv1")]
    assert len(passes) == 1


def test_an_evicted_net_is_really_gone(photo):
    engine = Engine(device="cpu", net_limit=1_500_000)  # the cats net takes 1,230 kB, each MNIST net about 225
    gone = weakref.ref(engine.model(NET).net)
    engine.heatmap(NET, photo)
    assert any("forward" in key for key in engine.cache._entries)
    for name in ("mnist_gap", "mnist_base", "mnist_flatten"):
        engine.model(f"lecture/{name}")
    gc.collect()
    assert gone() is None
    assert not any("forward" in key for key in engine.cache._entries)


def test_changed_weights_are_seen(tmp_path, photo):
    from safetensors.torch import save_file

    file = tmp_path / "mine.safetensors"
    state = {name: value.contiguous() for name, value in Engine(device="cpu").model(NET).net.state_dict().items()}
    save_file(state, file)
    engine = Engine(device="cpu", weights=tmp_path)
    before = engine.predict("file/mine", photo)[0]
    assert engine.model("file/mine") is engine.model("file/mine")
    save_file({**state, "out.bias": state["out.bias"] + 3}, file)
    assert engine.predict("file/mine", photo)[0].logit != before.logit


def test_a_net_larger_than_the_limit_is_loaded_once():
    engine = Engine(device="cpu", net_limit=1000)
    assert engine.model(NET) is engine.model(NET)


def test_a_net_without_classes_says_so(engine, photo):
    with pytest.raises(RequestError, match="no classes"):
        engine.predict("lecture/mnist_base", photo)


@pytest.mark.parametrize("wrong", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_refused_in_one_sentence(wrong):
    with pytest.raises(DeviceError, match=wrong):
        Engine(device=wrong)


def test_too_little_gpu_memory_is_one_sentence_and_the_gate_opens_again(engine, photo, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(backend, "cached_forward", full)
    with pytest.raises(DeviceError, match="smaller net"):
        engine.heatmap(NET, photo)
    assert engine.busy() == (0, 0)


def test_a_gpu_too_full_for_the_photo_or_the_network_itself_is_the_same_sentence(engine, photo, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    engine.model(NET)
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "to", full)
        with pytest.raises(DeviceError, match="too little free memory"):
            engine.predict(NET, photo)
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.Module, "to", full)
        with pytest.raises(DeviceError, match="too little free memory"):
            engine.predict("lecture/mnist_gap", photo)
    assert engine.busy() == (0, 0)


def test_layers_at_another_size(engine):
    assert engine.layers("lecture/mnist_base").total_mult_adds == 2_786_688
    assert engine.layers(NET).total_mult_adds == 234_159_745
    assert engine.layers(NET, 96).total_mult_adds < 100_000_000
    assert engine.default_layer(NET) == "relu4"


def test_a_caller_in_inference_mode_spoils_the_net_for_nobody(tmp_path, photo):
    net = torchvision.models.mobilenet_v3_small(weights=None)
    torch.save(net.state_dict(), tmp_path / "mobilenet_v3_small.pth")
    engine = Engine(device="cpu", weights=tmp_path)
    with torch.inference_mode():
        engine.heatmap("mobilenet_v3_small", photo)
    heat = engine.heatmap("mobilenet_v3_small", photo, method="saliency")
    assert np.isfinite(heat.raw).all()


def test_weights_that_are_replaced_are_read_again_and_the_old_ones_let_go(tmp_path, photo):
    net, path = torchvision.models.squeezenet1_1(weights=None), tmp_path / "squeezenet1_1.pth"
    torch.save(net.state_dict(), path)
    engine = Engine(device="cpu", weights=tmp_path)
    before = engine.predict("squeezenet1_1", photo, top=1)
    old = weakref.ref(engine.model("squeezenet1_1"))
    with torch.no_grad():
        for values in net.parameters():
            values.mul_(1.5).add_(0.01)
    torch.save(net.state_dict(), path)
    os.utime(path, ns=(1, 1))
    assert engine.predict("squeezenet1_1", photo, top=1) != before
    gc.collect()
    assert old() is None


def test_a_layer_with_channels_last_is_refused_by_all_that_take_a_layer(photo):
    """In ConvNeXt's blocks, a striped map of rows taken for channels was the answer."""
    pytest.importorskip("timm")
    engine = Engine("cpu")
    key, layer = "timm/convnext_tiny@untrained", "stages.3.blocks.0.norm"
    asks = (
        lambda: engine.heatmap(key, photo, layer=layer),
        lambda: engine.heatmaps(key, photo, (0, 1), layer, "layercam"),
        lambda: engine.ladder(key, photo, layers=(layer,)),
        lambda: engine.drill(key, photo, layer=layer),
        lambda: engine.activations(key, photo, layer),
        lambda: engine.every_class(key, photo, layer),
        lambda: engine.sanity(key, photo, layer=layer),
    )
    for ask in asks:
        with pytest.raises(LayerError, match=r"channels last .* choose stages\.3\.blocks\.0\."):
            ask()
