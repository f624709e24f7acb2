"""Structure, not noise: the spectrum of filter images of every family, and whether the objective always rises.

    python -m benchmarks.structure [--weights DIR] [--docs FOLDER]        spectrum slope, contact sheets
    python -m benchmarks.structure --rise 200 [--weights DIR]             random (net, layer, channel) cases

The statistic is the slope of the logarithm of the radially averaged power over the logarithm of the frequency, of the
luminance between 3 cycles a picture and half the highest frequency. White noise has 0, photos about -2. Nets without
weights here are untrained: their pictures say that the recipe gives no noise, not what such a net sees once trained.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

import cnnviz
from cnnviz import picture
from cnnviz.feature_vis import prepare as grown
from cnnviz.feature_vis import sheet
from cnnviz.feature_vis.maximize import FilterImage, maximize
from cnnviz.feature_vis.recipes import Aim, Ascent, recipe
from cnnviz.feature_vis.setup import Setup
from cnnviz.inference.cut import cut

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
UNTRAINED = {  # net -> layers, with random weights
    "vgg16": ("features.10", "features.24"),
    "resnet18": ("layer2", "layer4"),
    "resnet50": ("layer2",),
    "inception_v3": ("Mixed_5d", "Mixed_6b"),
    "mobilenet_v3_small": ("features.4", "features.9"),
}
TRAINED = {
    "bundled/cats_dogs": ("conv2", "conv3", "conv4"),
    "squeezenet1_1": ("features.4", "features.7", "features.12"),
}
NOISE_LIMIT = -0.7  # a mean slope above this counts as noise; white noise stays within 0 +- 0.2


def slope(pixels: np.ndarray) -> float:
    """The spectrum slope of a picture uint8 (S, S, 3)."""
    plane = pixels.astype(float) @ (0.299, 0.587, 0.114)
    side = len(plane)
    window = np.hanning(side)[:, None] * np.hanning(side)
    power = np.abs(np.fft.fftshift(np.fft.fft2((plane - plane.mean()) * window))) ** 2
    y, x = np.indices(power.shape) - side // 2
    ring = np.hypot(x, y).round().astype(int)
    radial = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    band = np.arange(3, side // 4 + 1)
    return float(np.polyfit(np.log(band), np.log(radial[band] + 1e-9), 1)[0])


def untrained(name: str, layer: str) -> tuple[Setup, Ascent]:
    """Where to climb in a net of torchvision with random weights, and its recipe."""
    from torchvision import models

    torch.manual_seed(0)
    more = {"init_weights": True, "aux_logits": True} if name == "inception_v3" else {}
    net = getattr(models, name)(weights=None, **more).eval().requires_grad_(False)
    trunk = cut(net, layer).trunk
    side = grown.asked_side(grown.fields(net).get(layer), 299 if name == "inception_v3" else 224)
    with torch.no_grad():
        width = trunk(torch.zeros(1, 3, 224, 224))[0].shape[1]
    where = Setup(
        lambda x: trunk(x)[0], layer, MEAN, STD, min(side, 128), torch.device("cpu"), lambda: torch.ones(width)
    )
    return where, recipe("auto", name)


def pictures(engine: cnnviz.Engine, key: str, layer: str, count: int) -> list[FilterImage]:
    """Filter images of `count` channels by the recipe of the family."""
    rng = np.random.default_rng(0)
    if key in UNTRAINED:
        where, ascent = untrained(key, layer)
        width = len(where.typical())
        aims = [Aim.of(int(c)) for c in rng.permutation(width)[:count]]
        return [event.image for event in maximize(where, aims, ascent) if event.image]
    width = engine.filter_layers(key)[layer]
    events = engine.filters(key, layer, [int(c) for c in rng.permutation(width)[:count]])
    return [event.image for event in events if event.image]


def families(engine: cnnviz.Engine, docs: Path | None, names: list[str], count: int) -> None:
    """Print the slope of every family, and keep small contact sheets."""
    white = [slope(np.random.default_rng(i).integers(0, 256, (96, 96, 3), dtype=np.uint8)) for i in range(20)]
    print(f"{'white noise':36} {np.mean(white):6.2f} (from {min(white):.2f} to {max(white):.2f})")
    for key, layers in {**TRAINED, "lecture/mnist_gap": ("conv2", "conv3"), **UNTRAINED}.items():
        if names and key not in names:
            continue
        shown = []
        for layer in layers:
            try:
                images = pictures(engine, key, layer, count)
            except cnnviz.RequestError as error:
                print(f"{key} {layer}: {error}")
                continue
            slopes = [slope(image.picture) for image in images]
            verdict = "structure" if np.mean(slopes) < NOISE_LIMIT else "NOISE"
            print(f"{key + ' ' + layer:36} {np.mean(slopes):6.2f} (highest {max(slopes):.2f})  {verdict}", flush=True)
            shown += [image.picture for image in images]
        if docs is not None and shown:
            docs.mkdir(parents=True, exist_ok=True)
            whole = sheet.contact_sheet(shown, columns=count, side=80)
            (docs / f"filters-{key.rpartition('/')[2]}.webp").write_bytes(picture.encode(whole, "webp", 80))


def rise(engine: cnnviz.Engine, cases: int) -> int:
    """How many of `cases` random (net, layer, channel) cases end higher than they began; misses are printed."""
    rng, risen, began = np.random.default_rng(0), 0, time.monotonic()
    keys = ["bundled/cats_dogs", "lecture/mnist_gap", "lecture/cats_gap", "lecture/mnist_no_pool"]
    try:
        engine.model("squeezenet1_1")
        keys += ["squeezenet1_1"] * 3
    except cnnviz.RequestError as error:
        print(f"without squeezenet1_1: {error}")
    for _ in range(cases):
        key = keys[rng.integers(len(keys))]
        layers = engine.filter_layers(key)
        layer = list(layers)[rng.integers(len(layers))]
        channel = int(rng.integers(layers[layer]))
        (image,) = [
            e.image
            for e in engine.filters(key, layer, [channel], Ascent(steps=24, seed=int(rng.integers(99))))
            if e.image
        ]
        risen += (up := image.value > image.before)
        if not up:
            print(f"{key} {layer} {channel}: {image.before:.4g} -> {image.value:.4g}")
    print(f"{risen} of {cases} rose, in {time.monotonic() - began:.0f} s")
    return risen


def main() -> None:
    """Spectrum slopes and contact sheets, or the rising check."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.structure", description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--rise", type=int, default=0)
    wanted = parser.parse_args()
    engine = cnnviz.Engine(device="cpu", weights=wanted.weights)
    if wanted.rise:
        rise(engine, wanted.rise)
    else:
        families(engine, wanted.docs, wanted.only, wanted.count)


if __name__ == "__main__":
    main()
