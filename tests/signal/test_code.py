"""Code to copy runs and gives our numbers."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.photo import Photo
from cnnviz.signal import convolve as c
from cnnviz.signal import gabor as g
from cnnviz.signal import pictures
from cnnviz.signal.code import as_pytorch, gabor_as_python


@pytest.mark.parametrize("mode", c.MODES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_copied_pytorch_runs_and_gives_our_numbers(rng, tmp_path, mode, channels, capsys):
    from PIL import Image

    pixels = rng.integers(0, 256, (31, 29, 3), np.uint8)
    picture = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
    picture.save(tmp_path / "photo.png")
    planes = np.moveaxis(np.asarray(picture).reshape(31, 29, channels), 2, 0).astype(np.float32)
    weights = rng.standard_normal((2, channels, 3, 3)).astype(np.float32)
    sliding, bias = c.Sliding(2, 1, mode, 2), np.array([1.5, -2], np.float32)
    scope: dict = {}
    source = f"from PIL import Image\n\npicture = Image.open({str(tmp_path / 'photo.png')!r})"
    code = as_pytorch(weights, sliding, bias, relu=True, pooling="max", source=source)
    exec(code, scope)
    from cnnviz.signal.pooling import pool, relu

    ours = pool(relu(c.convolve(planes, weights, sliding, bias)), 2)
    assert np.abs(scope["out"].numpy() - ours).max() < 1e-3  # of 255
    assert "torch.Size" in capsys.readouterr().out


def test_the_copied_python_runs_and_gives_our_response():
    gabor = g.Gabor(0.2, 30.0, 2.0)
    scope: dict = {}
    exec(gabor_as_python(gabor, "photo = cnnviz.Photo.sample('cat')"), scope)
    gray = pictures.gray(pictures.square(Photo.sample("cat")))
    assert np.allclose(scope["response"], g.response(gray, gabor), atol=1e-6)
    exec(gabor_as_python(gabor, drawn="digit"), scope)
    assert np.allclose(scope["response"], g.response(pictures.digit(side=256), gabor), atol=1e-6)
    exec(gabor_as_python(gabor, "photo = cnnviz.Photo.sample('cat')", directions=True), scope)
    found = g.orientations(gray, gabor)
    assert np.allclose(scope["array"], np.stack([found.angle, found.strength]), atol=1e-6)
