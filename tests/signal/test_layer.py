"""A layer spelled out equals PyTorch's layer of the same weights, and so does the code that it writes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.signal import convolve2d
from torch import nn

from cnnviz.signal.convolve import Sliding
from cnnviz.signal.layer import ConvLayer


def twin(layer: ConvLayer) -> nn.Sequential:
    """PyTorch's layer with the same weights."""
    filters, channels, side, _ = layer.weights.shape
    window = layer.sliding
    conv = nn.Conv2d(channels, filters, side, window.stride, window.padding, window.dilation)
    conv.load_state_dict({"weight": torch.from_numpy(layer.weights), "bias": torch.from_numpy(layer.bias)})
    parts: list[nn.Module] = [conv]
    if layer.stage != "conv":
        parts.append(nn.ReLU())
    if layer.stage == "pool":
        parts.append((nn.MaxPool2d if layer.pool_kind == "max" else nn.AvgPool2d)(layer.pool_size))
    return nn.Sequential(*parts).requires_grad_(False)


@pytest.mark.parametrize("stage", ["conv", "relu", "pool"])
@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("sliding", [Sliding(), Sliding(2, 1), Sliding(1, 2, "zero", 2)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_its_maps_are_those_of_pytorch(rng, stage, kind, sliding, channels):
    weights = rng.standard_normal((4, channels, 3, 3)).astype(np.float32)
    layer = ConvLayer(weights, rng.standard_normal(4).astype(np.float32), sliding, stage, kind)
    planes = rng.integers(0, 256, (channels, 21, 24)).astype(np.float32)
    truth = twin(layer)(torch.from_numpy(planes)[None])[0].numpy()
    assert layer.channels == channels
    np.testing.assert_allclose(layer.maps(planes), truth, rtol=1e-4, atol=1e-2)  # of 255


def test_convolution_relu_and_pooling_share_one_colour_scale(rng):
    layer = ConvLayer(-np.ones((1, 1, 3, 3), np.float32), np.float32([40]), stage="pool")
    planes = rng.integers(0, 256, (1, 12, 12)).astype(np.float32)
    assert layer.most(planes, 0) == pytest.approx(np.abs(ConvLayer(layer.weights, layer.bias).maps(planes)).max())
    assert layer.most(planes, 0) > layer.maps(planes).max()


def test_the_code_it_writes_runs_and_gives_its_maps(rng, capsys):
    layer = ConvLayer(rng.standard_normal((2, 1, 3, 3)).astype(np.float32), np.float32([1, -2]), stage="pool")
    source = "from PIL import Image\n\nfrom cnnviz.signal import pictures\n\npicture = Image.fromarray(pictures.box())"
    scope: dict = {}
    exec(layer.pytorch(source), scope)
    from cnnviz.signal import pictures

    ours = layer.maps(pictures.box()[None].astype(np.float32))
    np.testing.assert_allclose(scope["out"].numpy().reshape(ours.shape), ours, atol=1e-2)
    assert "torch.Size" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling_may_step_otherwise_than_its_window_and_pixels_may_run_from_0_to_1(rng, kind):
    weights, bias = rng.standard_normal((2, 1, 3, 3)).astype(np.float32), np.float32([51, -102])
    layer = ConvLayer(weights, bias, Sliding(padding=1), "pool", kind, 3, 2, 1)
    from cnnviz.signal import pictures

    scope: dict = {}
    exec(
        layer.pytorch(
            "from PIL import Image\nfrom cnnviz.signal import pictures\npicture = Image.fromarray(pictures.digit())"
        ),
        scope,
    )
    x = torch.from_numpy(pictures.digit().astype(np.float32) / 255)[None, None]
    maps = torch.relu(nn.functional.conv2d(x, torch.from_numpy(weights), torch.from_numpy(bias / 255), padding=1))
    truth = (nn.MaxPool2d if kind == "max" else nn.AvgPool2d)(3, 2)(maps)[0].numpy()
    assert truth.shape == (2, 13, 13)
    np.testing.assert_allclose(scope["out"].numpy(), truth, atol=1e-5)
    np.testing.assert_allclose(layer.maps(pictures.digit()[None].astype(np.float32)) * layer.scale, truth, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_true_convolution_slides_the_kernel_rotated_by_180_degrees(rng, channels):
    weights = rng.standard_normal((2, channels, 3, 3)).astype(np.float32)
    layer = ConvLayer(weights, np.float32([3, -2]), Sliding(1, 1), flip=True)
    planes = rng.integers(0, 256, (channels, 9, 11)).astype(np.float32)
    each = np.array([[convolve2d(p, w, "same") for p, w in zip(planes, filters, strict=True)] for filters in weights])
    np.testing.assert_allclose(layer.maps(planes), each.sum(1) + np.array([[[3]], [[-2]]]), atol=2e-2)
    scope: dict = {"given": Image.fromarray(np.moveaxis(planes, 0, -1).squeeze().astype(np.uint8))}
    exec(layer.pytorch("picture = given"), scope)
    np.testing.assert_allclose(scope["out"].numpy(), layer.maps(planes), atol=2e-2)


def test_the_contrast_of_a_whole_photo_is_not_set_by_the_zeros_around_it(rng):
    planes = rng.integers(200, 210, (1, 30, 40)).astype(np.float32)  # bright and flat: only the zeros make an edge
    layer = ConvLayer(np.float32([[[[-1, 0, 1]] * 3]]), np.zeros(1, np.float32), Sliding(2, 2, "zero", 2))
    maps = layer.maps(planes)
    assert np.abs(maps).max() > 500
    rows, columns = layer.inside(planes.shape[1:])
    inner = ConvLayer(layer.weights, layer.bias, Sliding(2, 0, "zero", 2)).maps(planes)[0]
    np.testing.assert_allclose(maps[0][rows, columns], inner, atol=1e-3)  # what no window over the border has touched
    reflected = ConvLayer(layer.weights, layer.bias, Sliding(2, 2, "reflect", 2))
    assert reflected.maps(planes)[0][reflected.inside((30, 40))].shape == reflected.maps(planes)[0].shape
    tiny = ConvLayer(np.ones((1, 1, 5, 5), np.float32), np.zeros(1, np.float32), Sliding(1, 2))
    assert tiny.maps(planes[:, :4, :4])[0][tiny.inside((4, 4))].shape == (4, 4)  # every window touches it
