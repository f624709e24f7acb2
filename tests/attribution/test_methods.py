"""Every method that asks channels or pixels agrees with the libraries that others wrote, or with its definition."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.attribution import methods, perturbation, saliency
from cnnviz.attribution.forward import cached_forward
from cnnviz.attribution.methods import METHODS
from cnnviz.inference.cut import cut
from cnnviz.inference.predict import Target
from cnnviz.inference.tap import module
from cnnviz.options import OptionError, RequestError, knobs
from cnnviz.runtime.engine import Engine
from tests.attribution.test_cam import correlation, untrained

NETS = [("squeezenet1_1", "features.12"), ("resnet18", "layer4")]


def finish(steps):
    """What a generator returns, and the shares it yielded on the way."""
    shares = []
    while True:
        try:
            shares.append(next(steps))
        except StopIteration as end:
            return end.value, shares


def asking(name: str, layer: str, side: int = 64):
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.4
    asked = cached_forward(cut(untrained(name), layer), x, layer)
    return asked, Target(int(asked.logits.argmax()))


class writing_elsewhere:
    """The peers' hooks cannot stand ReLUs that write in place; for them, and only for them, they write elsewhere."""

    def __init__(self, net: nn.Module) -> None:
        self.writing = [part for part in net.modules() if getattr(part, "inplace", False)]

    def __enter__(self) -> None:
        for part in self.writing:
            part.inplace = False

    def __exit__(self, *_: object) -> None:
        for part in self.writing:
            part.inplace = True


@pytest.mark.parametrize(("name", "layer"), [("squeezenet1_1", "features.4"), ("resnet18", "layer2")])
@pytest.mark.parametrize("method", ["scorecam", "ablation", "eigencam"])
def test_channel_methods_agree_with_the_grad_cam_package(name, layer, method):
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    asked, goal = asking(name, layer, 48)
    options = perturbation.Channels(channels=0) if METHODS[method].options else None
    (raw, _, _), _ = finish(methods.explain(method, asked, goal, options))
    net, peer = untrained(name), {"scorecam": "ScoreCAM", "ablation": "AblationCAM", "eigencam": "EigenCAM"}[method]
    with writing_elsewhere(net), getattr(pytorch_grad_cam, peer)(net, [module(net, layer)]) as library:
        library.batch_size = 32
        truth = library(asked.x, [ClassifierOutputTarget(goal.target)])[0]
    signs = (1, -1) if method == "eigencam" else (1,)  # the sign of a principal component is free
    ours = [np.maximum(sign * raw, 0) for sign in signs]
    assert max(correlation(cv2.resize(o, truth.shape[::-1]), truth) for o in ours) > 0.99


@pytest.mark.parametrize(("name", "layer"), NETS)
def test_gradients_agree_with_captum(name, layer):
    from captum.attr import IntegratedGradients, Saliency

    asked, goal = asking(name, layer)
    net = untrained(name)
    x = asked.x.clone().requires_grad_()
    truth = Saliency(net).attribute(x, target=goal.target, abs=False)[0]
    ours, _ = finish(saliency.saliency(asked, goal, None))
    torch.testing.assert_close(ours, truth)
    truth = IntegratedGradients(net).attribute(x, target=goal.target, n_steps=32)[0]
    ours, _ = finish(saliency.integrated_gradients(asked, goal, saliency.Path(steps=32)))
    assert correlation(ours.numpy(), truth.detach().numpy()) > 0.999
    options = saliency.Smoothing(samples=6, noise=0.2, seed=5)
    noise = torch.randn((4, *x.shape[1:]), generator=(g := torch.Generator().manual_seed(5))).to(x)
    noise = torch.cat([noise, torch.randn((2, *x.shape[1:]), generator=g).to(x)])
    noisy = (asked.x + 0.2 * float(asked.x.max() - asked.x.min()) * noise).requires_grad_()
    truth = Saliency(net).attribute(noisy, target=goal.target, abs=False).mean(0)
    ours, _ = finish(saliency.smooth_grad(asked, goal, options))
    torch.testing.assert_close(ours, truth)


@pytest.mark.parametrize(("name", "layer"), NETS)
@pytest.mark.filterwarnings("ignore:Setting backward hooks")
def test_guided_backprop_agrees_with_captum(name, layer):
    from captum.attr import GuidedBackprop

    asked, goal = asking(name, layer)
    net = untrained(name)
    with writing_elsewhere(net):
        truth = GuidedBackprop(net).attribute(asked.x.clone().requires_grad_(), target=goal.target)[0]
    ours, _ = finish(saliency.guided_backprop(asked, goal, None))
    torch.testing.assert_close(ours, truth)


@pytest.mark.parametrize(("name", "layer"), NETS)
def test_occlusion_agrees_with_captum(name, layer):
    from captum.attr import Occlusion

    asked, goal = asking(name, layer)
    ours, shares = finish(perturbation.occlusion(asked, goal, perturbation.Occlusion(window=16, stride=12)))
    truth = Occlusion(untrained(name)).attribute(
        asked.x, (3, 16, 16), strides=(3, 12, 12), target=goal.target, perturbations_per_eval=8
    )[0]
    assert correlation(ours[0].numpy(), truth[0].numpy()) > 0.999
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.filterwarnings("ignore:Setting backward hooks")
def test_guided_backprop_also_guides_relus_that_are_no_modules():
    """Captum only finds modules; Inception, DenseNet and GoogLeNet call `F.relu`."""

    class Called(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 3)

        def forward(self, x):
            x = torch.relu(self.conv2(torch.nn.functional.relu(self.conv1(x), inplace=True)))
            return self.fc(x.mean((2, 3)))

    class Modules(Called):
        def __init__(self):
            super().__init__()
            self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

        def forward(self, x):
            return self.fc(self.relu2(self.conv2(self.relu1(self.conv1(x)))).mean((2, 3)))

    from captum.attr import GuidedBackprop

    torch.manual_seed(1)
    net, twin = Called().eval().requires_grad_(False), Modules().eval()
    twin.load_state_dict(net.state_dict())
    x = torch.randn(1, 3, 12, 12)
    ours, _ = finish(saliency.guided_backprop(cached_forward(cut(net, "conv1"), x, "conv1"), Target(1), None))
    truth = GuidedBackprop(twin).attribute(x.clone().requires_grad_(), target=1)[0]
    torch.testing.assert_close(ours, truth)


def test_integrated_gradients_add_up_to_the_difference_of_scores():
    asked, goal = asking("squeezenet1_1", "features.12")
    ours, _ = finish(saliency.integrated_gradients(asked, goal, saliency.Path(steps=200)))
    rise = float((asked.logits - asked.logits_of(torch.zeros_like(asked.x)))[0, goal.target].detach())
    assert float(ours.sum()) == pytest.approx(rise, rel=0.03)


def test_an_ablated_channel_is_a_channel_of_zeros():
    asked, goal = asking("resnet18", "layer3.1.conv2")  # signed maps, and a shortcut that lives on at the cut
    (_, weights), _ = finish(perturbation.ablation_cam(asked, goal, perturbation.Channels(channels=9)))
    tried = torch.nonzero(weights).flatten().tolist()
    assert len(tried) == 9
    for channel in tried[::4]:
        maps = asked.values[0].detach().clone()
        maps[:, channel] = 0
        with torch.no_grad():
            lost = asked.logits[0, goal.target] - asked.cut.head(maps, *asked.values[1:])[0, goal.target]
        torch.testing.assert_close(weights[channel], lost, rtol=1e-6, atol=1e-9)


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


def test_methods_that_look_at_pixels_do_not_depend_on_the_layer(photo):
    engine = Engine(device="cpu")
    assert engine.heatmap("lecture/cats_gap", photo, 1, "conv1", "saliency") is engine.heatmap(
        "lecture/cats_gap", photo, 1, "relu2", "saliency"
    )


def test_what_speaks_against_a_class_is_the_map_turned_around(photo):
    engine, key = Engine(device="cpu"), "lecture/cats_gap"
    heat, against = engine.heatmap(key, photo, 1), engine.heatmap(key, photo, 1, against=True)
    np.testing.assert_allclose(against.raw, -heat.raw, rtol=1e-4, atol=1e-7)
    assert against.score == pytest.approx(-heat.score, rel=1e-5)
    rather = engine.heatmap(key, photo, 1, versus=0)
    other = engine.heatmap(key, photo, 0)
    np.testing.assert_allclose(rather.raw, heat.raw - other.raw, rtol=1e-4, atol=1e-6)


def test_stop_stops_the_work_and_others_who_wait_get_their_answer(photo):
    engine, key, told = Engine(device="cpu"), "lecture/cats_gap", []
    given = saliency.Smoothing(samples=40)
    second: list = []
    waiting = threading.Thread(target=lambda: second.append(engine.heatmap(key, photo, 1, None, "smoothgrad", given)))

    def stop(share: float) -> None:
        told.append(share)
        if len(told) == 1:
            waiting.start()
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.heatmap(key, photo, 1, None, "smoothgrad", given, progress=stop)
    waiting.join(60)
    assert len(told) == 3
    assert second[0].method == "smoothgrad"
    assert engine.busy() == (0, 0)


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


def test_a_net_without_relu_is_told_that_nothing_would_be_guided():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    asked = cached_forward(cut(net.eval().requires_grad_(False), "1"), torch.rand(1, 3, 9, 9), "1")
    with pytest.raises(RequestError, match="no ReLU"):
        finish(saliency.guided_backprop(asked, Target(0), None))


def test_the_command_line_sets_a_methods_knobs_and_refuses_others_in_one_line(tmp_path, photo, capsys):
    from cnnviz.cli.main import main

    path, out = tmp_path / "photo.png", tmp_path / "o.png"
    photo.image().save(path)
    ask = ["heatmap", str(path), "--model", "lecture/cats_gap", "--out", str(out), "--npy", "--method", "occlusion"]
    assert main([*ask, "--set", "window=64", "--set", "stride=64", "--versus", "dog"]) == 0
    given = {"window": 64, "stride": 64}
    heat = Engine(device="cpu").heatmap("lecture/cats_gap", photo, method="occlusion", options=given, versus="dog")
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), heat.values, atol=1e-3)
    capsys.readouterr()
    assert main([*ask, "--set", "samples=3"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "window, stride" in said.err
    assert said.err.count("\n") == 1
