"""The table of methods: all answer through the engine, options are checked, nets stay as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz.attribution import methods, perturbation, saliency
from cnnviz.attribution.methods import METHODS
from cnnviz.options import OptionError, RequestError, knobs
from cnnviz.runtime.engine import Engine


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_answers_through_the_engine_and_leaves_the_net_as_it_was(method, photo):
    engine, key = Engine(device="cpu"), "lecture/cats_gap"
    net = engine.model(key).net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    small = {"samples": 3, "steps": 4, "window": 64, "stride": 64, "channels": 9}
    given = {k.name: small[k.name] for k in knobs(METHODS[method].options or methods.Options) if k.name in small}
    heat = engine.heatmap(key, photo, 1, None, method, given or None)
    assert heat.values.shape == (150, 150)
    assert np.isfinite(heat.raw).all()
    assert 0 <= heat.values.min() <= heat.values.max() <= 1
    assert heat.method == method
    assert heat is engine.heatmap(key, photo, 1, None, method, given or None)
    assert (heat.layer == methods.INPUT) == (METHODS[method].reads == "pixels")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(part.training or part._forward_hooks or part._forward_pre_hooks for part in net.modules())
    assert all(not p.requires_grad and p.grad is None for p in net.parameters())


def test_options_come_from_words_and_are_checked():
    assert methods.options("smoothgrad", {"samples": "12", "noise": "0.3"}) == saliency.Smoothing(12, 0.3)
    assert methods.options("gradcam") is None
    assert methods.options("occlusion") == perturbation.Occlusion()
    for name, given in [
        ("smoothgrad", {"samples": "many"}),
        ("smoothgrad", {"steps": 3}),
        ("smoothgrad", {"samples": 1}),
        ("gradcam", {"steps": 3}),
        ("occlusion", saliency.Smoothing()),
    ]:
        with pytest.raises(OptionError):
            methods.options(name, given)


def test_an_unknown_method_is_answered_with_those_there_are():
    with pytest.raises(RequestError, match=r"layercam"):
        methods.method("magic")


@pytest.mark.parametrize("name", [name for name, row in methods.METHODS.items() if row.reads != "pixels"])
def test_the_parts_of_the_channels_add_up_to_the_map(engine, photo, name):
    heat = engine.heatmap("lecture/cats_gap", photo, method=name, options=None)
    maps = engine.activations("lecture/cats_gap", photo, heat.layer).maps
    parts = methods.contributions(heat, maps)
    whole = np.sqrt((heat.raw**2).mean()) if methods.METHODS[name].part == "centred" else heat.raw.mean()
    assert parts.shape == (len(maps),)
    assert parts.sum() == pytest.approx(float(whole), rel=2e-3)
