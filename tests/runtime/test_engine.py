"""The engine: computes once, shares between threads, leaves nets, photos and disk as they were."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
import torch
import torchvision

import cnnviz
from cnnviz import arrays
from cnnviz.attribution import forward
from cnnviz.inference.cut import cut
from cnnviz.inference.tap import LayerError, tap
from cnnviz.models import catalog
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime import backend
from cnnviz.runtime.backend import DeviceError
from cnnviz.runtime.engine import Engine

NET = "lecture/cats_gap"


@pytest.fixture
def engine() -> Engine:
    return Engine(device="cpu")


def test_the_public_names_are_these():
    assert sorted(cnnviz._PLACES) == sorted(cnnviz.__all__)
    for name in cnnviz.__all__:
        assert getattr(cnnviz, name) is not None
    assert cnnviz.engine() is cnnviz.engine()
    with pytest.raises(AttributeError):
        cnnviz.nothing  # noqa: B018


def test_importing_cnnviz_costs_no_torch():
    code = "import sys, cnnviz; cnnviz.Photo; sys.exit('torch' in sys.modules or 'streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_predictions_are_the_nets_own(engine, photo):
    model = engine.model(NET)
    x = model.preprocess.tensor(model.preprocess.see(photo))
    with torch.no_grad():
        logit = float(model.net(x))
    top, other = engine.predict(NET, photo)
    assert top.probability + other.probability == pytest.approx(1)
    assert max(top, other, key=lambda p: p.index).logit == pytest.approx(logit, rel=1e-4)


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


def test_all_layers_come_from_one_pass(engine, photo, monkeypatch):
    passes = []
    monkeypatch.setattr("cnnviz.runtime.backend.tap", lambda *a, **k: passes.append(1) or tap(*a, **k))
    layers = engine.map_layers(NET)
    found = engine.all_activations(NET, photo, layers)
    assert [a.layer for a in found] == list(layers)
    assert engine.activations(NET, photo, "conv1") is found[layers.index("conv1")]
    assert len(passes) == 1


def test_another_class_of_a_seen_photo_runs_only_the_head(engine, photo, monkeypatch):
    asked = []
    monkeypatch.setattr(
        backend, "cached_forward", lambda *a, _real=forward.cached_forward: asked.append(1) or _real(*a)
    )
    engine.predict(NET, photo)
    first = engine.heatmap(NET, photo)
    other = engine.heatmap(NET, photo, target=1 - first.target)
    assert len(asked) == 1
    np.testing.assert_allclose(first.raw, -other.raw, rtol=1e-4, atol=1e-6)
    assert engine.heatmap(NET, photo) is first


def test_a_heat_map_lies_over_the_pixels_the_net_saw(engine, photo):
    heat = engine.heatmap(NET, photo)
    assert heat.values.shape == heat.seen.shape[:2] == (150, 150)
    assert heat.values.dtype == np.float32
    assert 0 <= heat.values.min() <= heat.values.max() <= 1
    left, top, width, height = heat.box
    assert left == pytest.approx((260 - 200) / 2, abs=1)
    assert (top, width, height) == (0, pytest.approx(200, abs=1), 200)


def test_results_are_closed_to_writing(engine, photo):
    heat, maps = engine.heatmap(NET, photo), engine.activations(NET, photo, "conv1")
    for array in (heat.values, heat.raw, heat.weights, heat.seen, maps.maps, maps.mean):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(AttributeError):
        heat.values = None


def test_nets_stay_frozen_and_photos_untouched(engine, photo):
    model = engine.model(NET)
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    pixels = photo.pixels.copy()
    engine.predict(NET, photo)
    engine.heatmaps(NET, photo, (0, 1), "relu2", "layercam")
    engine.activations(NET, photo, "pool3")
    with pytest.raises(LayerError):
        engine.activations(NET, photo, "conv77")
    assert all(torch.equal(value, before[name]) for name, value in model.net.state_dict().items())
    assert all(not p.requires_grad and p.grad is None for p in model.net.parameters())
    assert not any(part.training or part._forward_hooks for part in model.net.modules())
    np.testing.assert_array_equal(photo.pixels, pixels)


def test_threads_get_what_one_thread_alone_gets(photo):
    shared_engine, wrong = Engine(device="cpu", memory_limit=3_000_000), []
    photos = [photo, Photo.sample("cat"), Photo.sample("coffee")]
    layers = ("conv1", "relu2", "conv4")
    truth = {
        (i, layer): (
            Engine(device="cpu").heatmap(NET, p, 1, layer).raw,
            Engine(device="cpu").activations(NET, p, layer).maps,
        )
        for i, p in enumerate(photos)
        for layer in layers
    }

    def work(turn):
        for step in range(6):
            i, layer = (turn + step) % 3, layers[(turn * step) % 3]
            raw, maps = truth[i, layer]
            if not np.allclose(shared_engine.heatmap(NET, photos[i], 1, layer).raw, raw, rtol=1e-3, atol=1e-5):
                wrong.append((i, layer, "heat"))
            if not np.allclose(shared_engine.activations(NET, photos[i], layer).maps, maps, rtol=1e-3, atol=1e-5):
                wrong.append((i, layer, "maps"))

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert shared_engine.busy() == (0, 0)
    assert shared_engine.cache.bytes <= 3_000_000


def test_purge_forgets_every_trace_of_a_personal_photo(engine, photo):
    sample = Photo.sample("cat")
    for each in (photo, sample):
        engine.predict(NET, each)
        engine.heatmap(NET, each)
        engine.activations(NET, each, "conv1")
    assert photo.personal
    assert not sample.personal
    assert engine.personal_bytes() > 100_000
    assert engine.purge() > 100_000
    assert engine.personal_bytes() == 0
    assert not any(photo.digest in key for key in engine.cache._entries)
    assert any(sample.digest in key for key in engine.cache._entries)


def test_nothing_of_a_photo_reaches_the_disk(tmp_path, photo):
    engine = Engine(device="cpu", cache_dir=tmp_path / "cache")
    engine.predict(NET, photo)
    engine.heatmap(NET, photo)
    engine.activations(NET, photo, "conv1")
    engine.layers(NET)
    assert not list(tmp_path.rglob("*.npz"))


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


def test_the_callers_grad_mode_neither_matters_nor_spoils_what_is_kept(photo):
    truth = Engine(device="cpu").heatmap(NET, photo).raw
    for mode in (torch.no_grad, torch.inference_mode):
        engine = Engine(device="cpu")
        with mode():
            engine.predict(NET, photo)
            inside = engine.heatmap(NET, photo, layer="relu3")
        np.testing.assert_allclose(engine.heatmap(NET, photo).raw, truth, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            inside.raw, engine.heatmap(NET, photo, 1 - inside.target, "relu3").raw * -1, atol=1e-6
        )


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


def test_too_little_memory_for_eight_classes_at_once_takes_fewer(engine, photo, monkeypatch):
    tried = []

    def narrow(asked, goals, _real=forward._together):
        tried.append(len(goals))
        if len(goals) > 2:
            raise torch.OutOfMemoryError
        return _real(asked, goals)

    monkeypatch.setattr(forward, "_together", narrow)
    found = engine.heatmaps("lecture/mnist_gap", photo, range(10), method="layercam")
    assert [heat.target for heat in found] == list(range(10))
    assert tried[:3] == [8, 4, 2]


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


def test_layers_at_another_size(engine):
    assert engine.layers("lecture/mnist_base").total_mult_adds == 2_786_688
    assert engine.layers(NET).total_mult_adds == 234_159_745
    assert engine.layers(NET, 96).total_mult_adds < 100_000_000
    assert engine.default_layer(NET) == "relu4"


def test_a_question_that_is_let_go_leaves_no_map_behind(engine, photo):
    """A graph that holds itself is seen by no garbage collector: the maps of personal photos would stay for ever."""
    model = engine.model(NET)
    question = forward.cached_forward(cut(model.net, "relu2"), engine.tensor(model, photo), "relu2")
    maps = weakref.ref(question.values[0])
    forward.evidence(question, (0,))
    before = _tensors()
    del question
    gc.collect()
    assert maps() is None
    assert _tensors() < before
    few = [_tensors_after_a_question(model, engine, photo) for _ in range(3)]
    assert few[0] == few[1] == few[2]


def _tensors() -> int:
    gc.collect()
    return sum(type(one) is torch.Tensor for one in gc.get_objects())


def _tensors_after_a_question(model, engine, photo) -> int:
    asked = forward.cached_forward(cut(model.net, "relu2"), engine.tensor(model, photo), "relu2")
    forward.evidence(asked, (0,))
    del asked
    return _tensors()


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


def test_snapshots_of_a_run_that_trains_do_not_load_its_best_weights_anew(tmp_path):
    folder = tmp_path / "runs" / "one"
    (folder / "snapshots").mkdir(parents=True)
    (folder / "card.json").write_text("{}")
    (folder / "best.safetensors").write_bytes(b"x")
    stamps = [catalog.stamp(f"run/one@{which}", runs=tmp_path / "runs") for which in ("best", "last")]
    (folder / "snapshots" / "7.safetensors").write_bytes(b"x")
    os.utime(folder / "snapshots", ns=(1, 1))
    again = [catalog.stamp(f"run/one@{which}", runs=tmp_path / "runs") for which in ("best", "last")]
    assert stamps[0] == again[0]
    assert stamps[1] != again[1]


def test_patches_of_a_personal_photo_are_forgotten_with_it(engine, photo):
    engine.purge()
    engine.patches(NET, "relu2", [photo])
    assert engine.personal_bytes() > 0
    engine.purge()
    assert engine.personal_bytes() == 0


def test_a_net_counts_with_what_is_made_of_its_convolutions():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.Flatten(), torch.nn.Linear(8, 5, bias=False)
    )
    assert arrays.size(net) == 4 * (4 * 3 * 8 * 9 + 8 * 5) + 128
