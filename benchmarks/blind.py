"""Can a channel be told from its picture alone? A blind check that anyone can repeat.

    python -m benchmarks.blind --weights DIR --photos DIR [--model squeezenet1_1] [--channels 20] [--seed 0] [--json]

Twenty channels are drawn from four layers. For each its filter image is grown with the shipped recipe and shown to the
net. Every channel of the layer answers; answers are standardised by what natural patches of the same size get. The
channel that answers most has to be the intended one. Also told: the share of natural patches that the picture
outdoes on its own channel.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import cnnviz
from cnnviz.feature_vis.recipes import recipe
from cnnviz.inference.tap import tap

SEEN = 12  # patches of each photo


def answers(model, layer: str, pictures: np.ndarray) -> np.ndarray:
    """Mean answer float32 (N, K) of each channel of a layer to pictures uint8 (N, S, S, 3)."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), 32):
            x = torch.cat([model.preprocess.tensor(picture) for picture in pictures[start : start + 32]])
            found.append(tap(model.net, x, [layer], stop=True)[1][layer].mean((2, 3)))
    return torch.cat(found).numpy()


def patches(photos: Path, side: int, rng: np.random.Generator) -> np.ndarray:
    """Random squares of every photo, at the scale the net would see it: uint8 (N, side, side, 3)."""
    squares = []
    for path in sorted(photos.iterdir()):
        pixels = cnnviz.Photo.open(path, side=320).pixels
        for _ in range(SEEN):
            top, left = (int(rng.integers(0, length - side + 1)) for length in pixels.shape[:2])
            squares.append(pixels[top : top + side, left : left + side])
    return np.stack(squares)


def check(engine: cnnviz.Engine, key: str, photos: Path, count: int, seed: int) -> list[dict]:
    """One row per channel: layer, channel, the channel that answered most, the share of patches outdone."""
    rng, rows = np.random.default_rng(seed), []
    model = engine.model(key)
    blocks = [name for name in engine.map_layers(key) if name.count(".") == 1 and name.startswith("features")]
    layers = [blocks[round(at * (len(blocks) - 1))] for at in (0.35, 0.55, 0.8, 1.0)]
    for i, layer in enumerate(layers):
        share = count // len(layers) + (i < count % len(layers))
        natural = width = None
        for channel in rng.permutation(_width(model, layer))[:share]:
            ascent = recipe("auto", key, model.input_size[1])
            events = engine.filters(key, layer, [int(channel)], ascent)
            image = next(event.image for event in events if event.image)
            if natural is None or width != len(image.picture):
                width = len(image.picture)
                natural = answers(model, layer, patches(photos, width, np.random.default_rng(seed)))
            own = answers(model, layer, image.picture[None])[0]
            z = (own - natural.mean(0)) / (natural.std(0) + 1e-3 * natural.std())
            outdone = float((natural[:, channel] < own[channel]).mean())
            rows.append({"layer": layer, "channel": int(channel), "answered": int(z.argmax()), "outdone": outdone})
    return rows


def _width(model, layer: str) -> int:
    with torch.inference_mode():
        return tap(model.net, torch.zeros(1, *model.input_size), [layer], stop=True)[1][layer].shape[1]


def main() -> None:
    """Print one line per channel and the sums; with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.blind", description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--model", default="squeezenet1_1")
    parser.add_argument("--channels", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    engine = cnnviz.Engine(device="cpu", weights=wanted.weights)
    rows = check(engine, wanted.model, wanted.photos, wanted.channels, wanted.seed)
    right = sum(row["channel"] == row["answered"] for row in rows)
    if wanted.json:
        print(json.dumps({"right": right, "of": len(rows), "rows": rows}))
        return
    for row in rows:
        mark = "right" if row["channel"] == row["answered"] else f"channel {row['answered']} answers more"
        print(f"{row['layer']:24} {row['channel']:4}  {mark:28} outdoes {row['outdone']:.1%} of natural patches")
    print(f"{right} of {len(rows)} right; least share of patches outdone {min(row['outdone'] for row in rows):.1%}")


if __name__ == "__main__":
    main()
