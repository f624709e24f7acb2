"""A net that leaves as ONNX answers in onnxruntime as it does here."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz.models import load
from cnnviz.train import onnx


@pytest.mark.parametrize("key", ["lecture/cats_gap", "lecture/mnist_flatten"])
def test_onnxruntime_gives_the_same_probabilities(key, rng):
    runtime = pytest.importorskip("onnxruntime")
    model = load.load(key)
    session = runtime.InferenceSession(onnx.onnx(model), providers=["CPUExecutionProvider"])
    pixels = rng.integers(0, 256, (3, *model.input_size)).astype(np.float32)
    (found,) = session.run(None, {"pixels": pixels})
    with torch.inference_mode():
        wanted = onnx.Whole(model)(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert found.sum(1) == pytest.approx(1, abs=1e-5)
    assert model.labels[0] in onnx.description(model)


def test_a_temperature_divides_the_logits(rng):
    runtime = pytest.importorskip("onnxruntime")
    model = load.load("lecture/mnist_flatten")
    session = runtime.InferenceSession(onnx.onnx(model, 2.5), providers=["CPUExecutionProvider"])
    pixels = rng.integers(0, 256, (3, *model.input_size)).astype(np.float32)
    (found,) = session.run(None, {"pixels": pixels})
    x = (torch.from_numpy(pixels) / 255 - torch.tensor(model.preprocess.mean).view(1, -1, 1, 1)) / torch.tensor(
        model.preprocess.std
    ).view(1, -1, 1, 1)
    with torch.inference_mode():
        np.testing.assert_allclose(found, torch.softmax(model.net(x) / 2.5, 1), atol=1e-5)
