"""Receptive fields: the formula against what really reaches a unit, in stacks and in whole nets."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.inference import receptive_field
from cnnviz.signal import receptive as r

torch = pytest.importorskip("torch")
nn = torch.nn


def reached(net, layer: str, size: int):
    """First and last row that a unit near the middle depends on (weights made positive), and its row."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.MaxPool2d):
            module.forward = lambda x, m=module: nn.functional.avg_pool2d(
                x, m.kernel_size, m.stride, m.padding, m.ceil_mode
            )
    net = net.double().eval()
    kept = []
    hook = dict(net.named_modules())[layer].register_forward_hook(lambda m, a, out: kept.append(out.clone()))
    x = torch.rand(1, 3, size, size, dtype=torch.double).requires_grad_()
    net(x)
    hook.remove()
    unit = kept[0].shape[2] // 2
    (gradient,) = torch.autograd.grad(kept[0][0, :, unit, unit].sum(), x)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().ravel()
    return int(rows[0]), int(rows[-1]), unit


LAYERS = [
    r.Window("conv", 3),
    r.Window("conv", 5, 2, 2),
    r.Window("max", 2, 2),
    r.Window("conv", 3, 1, 2, 2),
    r.Window("average", 3, 2, 1),
]


def module(layer: r.Window, channels: int):
    if layer.kind == "conv":
        return nn.Conv2d(channels, 4, layer.kernel, layer.stride, layer.padding, layer.dilation)
    pool = nn.MaxPool2d if layer.kind == "max" else nn.AvgPool2d
    return pool(layer.kernel, layer.stride, layer.padding)


@pytest.mark.parametrize("depth", range(1, 6))
def test_a_stack_sees_exactly_what_the_formula_says(depth):
    net = nn.Sequential(*(module(layer, 3 if i == 0 else 4) for i, layer in enumerate(LAYERS[:depth])))
    first, last, unit = reached(net, str(depth - 1), 160)
    field = r.stack(LAYERS[:depth])[-1]
    assert field.span(unit) == (first, last)
    assert field == receptive_field.of_net(net)[str(depth - 1)]
    assert r.sizes(160, LAYERS[:depth])[-1] == net(torch.zeros(1, 3, 160, 160).double()).shape[-1]


def test_a_map_that_no_longer_fits_has_size_zero():
    assert r.sizes(5, [r.Window("conv", 7), r.Window("conv", 3)]) == (5, 0, 0)


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [("resnet18", "layer2", 256), ("squeezenet1_1", "features.7", 256), ("vgg11", "features.12", 224)],
)
def test_a_net_of_the_zoo_sees_exactly_what_the_formula_says(name, layer, size):
    models = pytest.importorskip("torchvision.models")
    net = getattr(models, name)(weights=None)
    field = receptive_field.of_net(net)[layer]
    first, last, unit = reached(net, layer, size)
    assert (first, last) == field.span(unit)


def test_known_fields_of_whole_nets():
    models = pytest.importorskip("torchvision.models")
    fields = receptive_field.of_net(models.vgg16(weights=None))
    assert fields["features.28"].size == 196
    assert fields["features.30"].size == 212
    assert fields["classifier.0"].whole
    assert receptive_field.of_net(models.resnet50(weights=None))["layer4"].size == 427
    gated = receptive_field.of_net(models.mobilenet_v3_small(weights=None))["features.3"]
    assert not gated.whole


def test_the_effective_profile_of_a_stack_is_what_random_weights_show():
    layers = [r.Window("conv", 3), r.Window("conv", 3, 2), r.Window("conv", 5)]
    profile = r.effective_stack(layers)
    assert len(profile) == r.stack(layers)[-1].size
    torch.manual_seed(0)
    power = np.zeros(len(profile))
    for _ in range(60):
        net = nn.Sequential(*(nn.Conv2d(8, 8, y.kernel, y.stride, bias=False) for y in layers)).requires_grad_(False)
        x = torch.zeros(1, 8, len(profile), len(profile), requires_grad=True)
        (gradient,) = torch.autograd.grad(net(x)[0, 0, 0, 0], x)
        power += gradient.square().sum((0, 1, 2)).numpy()
    shown = np.sqrt(power / power.max())
    assert np.abs(shown - profile).max() < 0.12


def test_the_effective_field_of_a_net_lies_inside_the_theoretical_one_and_leaves_no_trace():
    torch.manual_seed(0)
    net = nn.Sequential(*(module(layer, 3 if i == 0 else 4) for i, layer in enumerate(LAYERS))).eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    pixels = np.random.default_rng(0).standard_normal((2, 3, 160, 160)).astype(np.float32)
    seen = receptive_field.effective(net, "4", pixels)
    first, last = receptive_field.of_net(net)["4"].span(r.sizes(160, LAYERS)[-1] // 2)
    inside = np.zeros_like(seen, bool)
    inside[first : last + 1, first : last + 1] = True
    assert seen.max() == 1
    assert not seen[~inside].any()
    assert not any(m._forward_hooks for m in net.modules())
    assert all(p.grad is None for p in net.parameters())
    with pytest.raises(r.ReceptiveError, match="no layer"):
        receptive_field.effective(net, "conv9", pixels)


def test_signal_needs_no_torch_and_no_scikit_image_to_be_imported():
    import subprocess
    import sys

    names = "kernels convolve pooling gabor gaborfit receptive slide code"
    lines = "; ".join(f"import cnnviz.signal.{name}" for name in names.split())
    check = f"import sys; {lines}; sys.exit('torch' in sys.modules or 'skimage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
