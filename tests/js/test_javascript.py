"""The browser's arithmetic, run by Node: it gives the numbers that the engine gives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnviz.attribution.heatmap import Heatmap, spread
from cnnviz.attribution.regions import Threshold, otsu, regions
from cnnviz.inference.predict import Target
from cnnviz.measured import measured
from cnnviz.models.preprocess import Preprocess
from cnnviz.photo import Photo
from cnnviz.signal import gabor, gaborfit, receptive
from cnnviz.signal.convolve import MODES, Sliding, border, convolve, extent, largest_padding, output_size
from cnnviz.signal.gabor import Gabor
from cnnviz.signal.kernels import KERNELS
from cnnviz.signal.pooling import pool, relu
from cnnviz.ui.components import imagemap
from cnnviz.ui.components.convlab import matched
from cnnviz.ui.components.convlab.field import STACKS

HERE = Path(__file__).parent
NODE = shutil.which("node")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JSON file of what the engine computes, by the name of the test file that reads it."""
    rng = np.random.default_rng(0)
    parts = {
        f.__name__.removeprefix("_"): f(rng)
        for f in (_convolution, _crop, _fft, _gabor, _heat, _imagemap, _number, _receptive)
    }
    path = tmp_path_factory.mktemp("engine") / "numbers.json"
    path.write_text(json.dumps(parts))
    return path


@pytest.mark.skipif(NODE is None, reason="needs Node, for instance from `apt-get install nodejs`")
@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.js")), ids=lambda path: path.name.partition(".")[0])
def test_the_browser_computes_what_the_engine_does(path: Path, numbers: Path):
    given = {**os.environ, "ENGINE_NUMBERS": str(numbers)}
    ran = subprocess.run([NODE, "--test", str(path)], env=given, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "# pass 0\n" not in ran.stdout


def _listed(values: np.ndarray) -> list[Any]:
    return np.asarray(values, float).ravel().tolist()


def _convolution(rng: np.random.Generator) -> dict[str, Any]:
    planes = rng.integers(0, 256, (3, 13, 17), np.uint8)
    cases = [(1, 3, s, p, m, d) for s, p, m, d in product((1, 2), (0, 1, 3), MODES, (1, 2))]
    cases += [(3, 3, 1, 1, "zero", 1), (3, 5, 2, 4, "reflect", 1), (1, 1, 1, 0, "zero", 1), (3, 2, 3, 1, "wrap", 3)]
    maps = []
    for channels, k, stride, padding, mode, dilation in cases:
        weights = rng.normal(0, 1, (channels, k, k)).astype(np.float32)
        weights[0, 0, 0] = 0  # the browser leaves such taps out
        bias = float(np.float32(rng.normal(0, 20)))
        sliding = Sliding(stride, padding, mode, dilation)
        answer = convolve(planes[:channels], weights, sliding, bias)
        maps.append(
            {"planes": planes[:channels].reshape(channels, -1).tolist(), "width": 17, "height": 13, **asdict(sliding)}
            | {"weights": weights.tolist(), "bias": bias, "map": _listed(answer), "side": list(answer.shape)}
        )
    noise = rng.normal(0, 9, (1, 11, 14)).astype(np.float32)
    pools = []
    for kind, size in product(("max", "average"), (1, 2, 3, 5)):
        answer = pool(relu(noise), size, kind=kind)[0]
        pools.append({"kind": kind, "size": size, "values": _listed(answer), "side": list(answer.shape)})
    gray, colour = np.zeros((1, 2, 2), np.uint8), np.zeros((4, 2, 2), np.uint8)
    kernels = []
    for kernel in KERNELS.values():
        state = {"colour": True, "filters": [{"weights": [kernel.weights.tolist()]}]}
        rgb = matched(state, colour)["filters"][0]["weights"]
        again = matched({"colour": False, "filters": [{"weights": rgb}]}, gray)["filters"][0]["weights"][0]
        kernels.append({"gray": kernel.weights.tolist(), "rgb": rgb, "again": again})
    return {
        "maps": maps,
        "borders": [
            {"n": 7, "padding": p, "mode": m, "index": border(7, p, m).tolist()} for m in MODES for p in (0, 1, 6)
        ],
        "sizes": [
            (*case, output_size(*case)) for case in product((1, 7, 28), (1, 3, 7), (1, 2, 5), (0, 2), (1, 3))
        ],
        "extents": [(k, d, extent(k, d)) for k, d in product((1, 2, 7), (1, 2, 4))],
        "paddings": [(9, mode, largest_padding(9, mode)) for mode in MODES],
        "pooling": {
            "map": _listed(noise), "width": 14, "height": 11, "relu": _listed(relu(noise)), "pools": pools,
        },
        "kernels": kernels,
    }  # fmt: skip


def _crop(rng: np.random.Generator) -> dict[str, Any]:
    def part(preprocess: Preprocess, photo: Photo) -> list[float]:
        left, top, width, height = preprocess.box(photo)
        return [left / photo.width, top / photo.height, width / photo.width, height / photo.height]

    moved, whole = [], []
    for width, height in ((400, 150), (150, 400), (301, 300), (900, 60)):
        photo, usual = Photo.of(np.zeros((height, width, 3), np.uint8)), Preprocess()
        of = {"size": [width, height], "centre": part(usual, photo), "half": 0.51 / usual.resize}
        moved += [{**of, "at": at, "box": part(usual, photo.with_crop(at))} for at in (0.0, 0.13, 0.8, 1.0)]
        whole += [{"size": [width, height], "box": part(usual, photo.with_crop(way))} for way in ("pad", "squash")]
    moved.insert(1, next(one for one in moved if one["size"] == [150, 400]))
    return {"moved": moved, "whole": whole}


def _fft(rng: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for n in (16, 64):
        values = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
        turned = np.fft.fft2(values).T
        spectrum = {"re": _listed(turned.real), "im": _listed(turned.imag)}
        found.append({"n": n, "re": _listed(values.real), "im": _listed(values.imag), "spectrum": spectrum})
    return found


def _gabor(rng: np.random.Generator) -> dict[str, Any]:
    side = 64
    y, x = np.mgrid[:side, :side]
    waves = 128 + 60 * np.sin(0.9 * x + 0.002 * y**2) + 50 * np.cos(0.5 * y - 0.3 * x)
    pixels = np.clip(waves + rng.normal(0, 5, (side, side)), 0, 255).astype(np.uint8)
    filters = []
    for one in (Gabor(), Gabor(0.2, 30, 2, 1, 45), Gabor(0.07, 110, 4, 0.7, -90), Gabor(0.4, 179, 1, 2.5, 10)):
        kernel = gabor.kernel(one)
        parts = {"re": _listed(kernel.real), "im": _listed(kernel.imag), "shape": list(kernel.shape)}
        answer = gabor.response(pixels, one)
        filters.append({"gabor": asdict(one), "kernel": parts, "response": _listed(answer)})
    turned = gabor.orientations(pixels, Gabor(0.15, 0, 2))
    fields = {name: _listed(getattr(turned, name)) for name in ("angle", "strength", "coherence")}
    matches = []
    for k, row, column in ((7, 0.0, 0.0), (11, -1.5, 0.75)):
        plane, one = rng.normal(0, 0.1, (k, k)), Gabor(0.18, 40, 2.2, 0.8, 60)
        plane += gaborfit.match(rng.normal(size=(k, k)), one, row, column)[1]
        r2, values = gaborfit.match(plane, one, row, column)
        matches.append(
            {"gabor": asdict(one), "plane": _listed(plane), "k": k, "middle": [row, column]}
            | {"r2": r2, "values": _listed(values)}
        )
    directions = {"gabor": asdict(Gabor(0.15, 0, 2)), **fields}
    return {"side": side, "pixels": pixels.ravel().tolist(), "filters": filters} | {
        "directions": directions, "matches": matches,
    }  # fmt: skip


def _heat(rng: np.random.Generator) -> dict[str, Any]:
    spreads = []
    for shape, size in (((7, 7), (56, 56)), ((4, 6), (33, 50)), ((14, 14), (9, 9)), ((1, 1), (5, 5))):
        raw = rng.normal(0.2, 1, shape).astype(np.float32)
        raw.flat[0] = 2
        spreads.append({"raw": _listed(raw), "shape": shape, "size": size, "values": _listed(spread(raw, size))})
    y, x = np.mgrid[:40, :60]
    hills = sum(h * np.exp(-((y - r) ** 2 + (x - c) ** 2) / s) for h, r, c, s in _HILLS)
    heats = [np.rint(hills / hills.max() * 255), np.where(hills > 0.5, 200, 20) + 0.0, np.zeros((40, 60))]
    heats[1][0, 0] = 255
    parted, boxes = [], []
    for heat in heats:
        values = (heat / 255).astype(np.float32)
        parted.append({"heat": heat.astype(int).ravel().tolist(), "warm": (values >= otsu(values)).astype(int).ravel()})
        for level in (40, 130, 220):
            case = Heatmap(
                values, np.empty(0), 1, "cat", 1.0, "conv", "gradcam",
                np.zeros((40, 60, 3), np.uint8), (0.0, 0.0, 60.0, 40.0), Target(1),
            )  # fmt: skip
            found = regions(case, Threshold(level=(level - 0.5) / 255)).boxes
            rows = [(b.left, b.top, b.width, b.height, b.area, b.mean) for b in found]
            boxes.append({"heat": parted[-1]["heat"], "shape": (40, 60), "level": level, "boxes": rows})
    padded = []
    for padding in ((0, 10, 0, 12), (20, 0, 18, 0)):
        left, top, _, _ = padding
        case = Heatmap(
            (heats[0] / 255).astype(np.float32), np.empty(0), 1, "cat", 1.0, "conv", "gradcam",
            np.zeros((40, 60, 3), np.uint8), (float(-left), float(-top), 60.0, 40.0), Target(1), padding=padding,
        )  # fmt: skip
        found = regions(case, Threshold(level=39.5 / 255)).boxes
        rows = [(b.left + left, b.top + top, b.width, b.height, b.area) for b in found]
        one = {"heat": parted[0]["heat"], "shape": (40, 60), "level": 40, "padding": padding, "boxes": rows}
        padded.append(one)
    assert all(one["boxes"] for one in padded)
    for one in parted:
        one["warm"] = one["warm"].tolist()
    assert any(len(one["boxes"]) > 1 for one in boxes)
    return {"spreads": spreads, "otsu": parted, "boxes": boxes, "padded": padded}


def _imagemap(rng: np.random.Generator) -> dict[str, Any]:
    count, classes = 300, ["cat", "dog", "other"]
    places = rng.normal(size=(count, 2)) * (5, 4)
    labels = rng.integers(0, 3, count)
    said = np.where(rng.random(count) < 0.2, rng.integers(0, 3, count), labels)
    files = [f"train/{classes[label]}/{i}.png" for i, label in enumerate(labels)]
    predicted = imagemap.Predicted(said, rng.uniform(0.1, 0.9, count), classes, said != labels)
    small = np.zeros((count, 32, 32, 3), np.uint8)
    made = imagemap.made("set", places, files, classes, labels.tolist(), small, "", predicted)
    laid, order = made.at(places)[made.order], made.order
    turn = np.arange(5) * 0.8 * np.pi
    loop = 0.5 + 0.45 * np.stack([np.cos(turn), np.sin(turn)], 1)  # a pentagram, whose middle is not inside
    return {
        "file": {**made.head, "sheets": []}, "xs": _listed(laid[:, 0]), "ys": _listed(laid[:, 1]),
        "labels": labels[order].tolist(), "classes": classes, "files": [files[i] for i in order],
        "loop": loop.tolist(), "within": [i for i, place in enumerate(laid.astype(np.float32)) if _odd(place, loop)],
    }  # fmt: skip


def _odd(place: np.ndarray, loop: np.ndarray) -> bool:
    """Whether a place lies inside a loop by the even-odd rule, told by the turns of the loop around it."""
    angles = np.unwrap(np.arctan2(*(np.concatenate([loop, loop[:1]]) - place).T[::-1]))
    return bool(round((angles[-1] - angles[0]) / (2 * np.pi)) % 2)


_HILLS = ((1.0, 12, 15, 40.0), (0.8, 28, 45, 60.0), (0.6, 8, 50, 12.0))


def _number(rng: np.random.Generator) -> list[tuple[float, str]]:
    spread = rng.normal(0, 1, 600) * 10.0 ** rng.integers(-9, 12, 600)
    values = [*spread.astype(np.float32).tolist(), 0.0, 0.03125, 2.5, 1000.5, 999.6, 1081.18, 0.00009996, 999999.7]
    return [(value, measured(value)) for value in values]


def _receptive(rng: np.random.Generator) -> dict[str, Any]:
    side, stacks = 96, []
    for layers, _ in [*STACKS.values(), ((), "")]:
        fields, sizes = receptive.stack(layers), receptive.sizes(side, layers)
        rows = [
            {"map": size, "jump": field.jump, "field": field.size, "middle": field.middle}
            for size, field in zip(sizes, fields, strict=True)
        ]
        profile = _listed(receptive.effective_stack(layers))
        stacks.append({"layers": [asdict(layer) for layer in layers], "rows": rows, "profile": profile})
    return {"side": side, "stacks": stacks}
