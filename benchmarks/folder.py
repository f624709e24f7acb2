"""Heat maps of a folder: from image files to Grad-CAM's maps, by squeezenet1_1, in photos a second.

Each contender starts from the files of one folder, decodes them, and ends with the map of the most probable class of
every photo; nobody draws or writes anything. cnnviz works in batches of its own choice, decoding ahead in threads.
The peers are asked as their documentation asks them, in batches of 16: decoded by a pool of as many threads as there
are cores with torchvision's preset for these weights, while the batch before is computed. `folder/maps` has 32 photos a
round, `folder/thousand` 1,000 in one go. What drawing the overlays and writing JPEGs and Parquet adds is measured apart
(`folder/written`), and so is a second worker on Ray (`folder/ray`).
Weights are random: time does not depend on them.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.gradcam import LAYERS, _alone, weights
from cnnviz.inference.tap import module
from cnnviz.photo import Photo, samples
from cnnviz.runtime import batches, folder_work
from cnnviz.runtime.batches import Wanted
from cnnviz.runtime.engine import Engine
from cnnviz.runtime.folder_questions import HeatMaps, opening
from cnnviz.runtime.photo_batches import through

NET, TOGETHER, SIZE = "squeezenet1_1", 16, (500, 375)
WARM = 6  # batches before which workers are only beginning
PHOTOS = 32  # of a round; each contender has them once in its turn


@functools.cache
def _folder(count: int = PHOTOS) -> tuple[tempfile.TemporaryDirectory[str], list[Path]]:
    """A folder of JPEGs of the size that ImageNet's photos mostly have: other crops of the sample photos."""
    holder = tempfile.TemporaryDirectory(prefix="cnnviz-benchmark-")
    rng, found = np.random.default_rng(0), []
    sources = [Photo.sample(name).image() for name in samples()]
    for i in range(count):
        source = sources[i % len(sources)]
        left, top = (int(rng.integers(0, side // 4)) for side in source.size)
        path = Path(holder.name) / f"{i:04}.jpg"
        box = (left, top, left + 3 * source.width // 4, top + 3 * source.height // 4)
        source.resize(SIZE, Image.Resampling.BICUBIC, box=box).save(path, quality=90)
        found.append(path)
    return holder, found


def _ours(engine: Engine, paths: list[Path]) -> list[np.ndarray]:
    model = engine.model(NET)
    files = folder_work.items([paths[0].parent], Path("nowhere"))
    with ThreadPoolExecutor() as pool:
        rows, _ = through(
            files, pool, batches.at_once(engine, model), opening(model, "centre"),
            lambda some: batches.heatmaps_of(engine, NET, some, Wanted(layer=LAYERS[NET])),
            lambda _item, _one, found: {"map": found[0].raw},
        )  # fmt: skip
    return [row["map"] for row in rows]


def _loaded(paths: list[Path], preset: Callable[[Image.Image], torch.Tensor]) -> Iterator[torch.Tensor]:
    """Batches (16, 3, 224, 224), the next one decoded while one is computed."""

    def one(path: Path) -> torch.Tensor:
        with Image.open(path) as image:
            return preset(image.convert("RGB"))

    with ThreadPoolExecutor() as pool:
        coming = [pool.submit(one, path) for path in paths]
        for start in range(0, len(coming), TOGETHER):
            yield torch.stack([future.result() for future in coming[start : start + TOGETHER]])


def _peers(engine: Engine) -> dict[str, Callable[[list[Path]], list[np.ndarray]]]:
    import torchvision

    net = torchvision.models.squeezenet1_1(weights=None).eval()
    net.load_state_dict(engine.model(NET).net.state_dict())
    preset, place = torchvision.models.SqueezeNet1_1_Weights.DEFAULT.transforms(), module(net, LAYERS[NET])
    found: dict[str, Callable[[list[Path]], list[np.ndarray]]] = {}
    if importlib.util.find_spec("torchcam"):
        from torchcam.methods import GradCAM as TorchCam

        def by_torchcam(paths: list[Path]) -> list[np.ndarray]:
            maps: list[np.ndarray] = []
            for x in _loaded(paths, preset):
                with TorchCam(net, target_layer=LAYERS[NET]) as extractor:
                    logits = net(x.requires_grad_())
                    maps.extend(extractor(logits.argmax(1).tolist(), logits)[0].detach().numpy())
            return maps

        found["torchcam"] = by_torchcam
    if importlib.util.find_spec("captum"):
        from captum.attr import LayerGradCam

        layer_grad_cam = LayerGradCam(net, place)

        def by_captum(paths: list[Path]) -> list[np.ndarray]:
            maps: list[np.ndarray] = []
            for x in _loaded(paths, preset):
                with torch.no_grad():
                    best = net(x).argmax(1)
                maps.extend(layer_grad_cam.attribute(x, target=best)[:, 0].detach().numpy())
            return maps

        found["captum"] = by_captum
    if importlib.util.find_spec("pytorch_grad_cam"):
        from pytorch_grad_cam import GradCAM

        grad_cam = GradCAM(model=net, target_layers=[place])
        asked: Any = _alone(lambda x, _: [*grad_cam(x, None)], grad_cam.activations_and_grads)  # type: ignore[arg-type]

        def by_grad_cam(paths: list[Path]) -> list[np.ndarray]:
            return [one for x in _loaded(paths, preset) for one in asked(x, ())]

        found["grad-cam"] = by_grad_cam
    return found


def _agree(ours: list[np.ndarray], who: str, theirs: list[np.ndarray]) -> None:
    """Raises where a peer's maps are others."""
    for raw, other in zip(ours, theirs, strict=True):
        mine = raw if other.min() < 0 else np.maximum(raw, 0)
        if other.shape != mine.shape:
            mine = np.asarray(Image.fromarray(mine).resize(other.shape[::-1], Image.Resampling.BILINEAR))
        if mine.std() > 0 and not np.corrcoef(mine.ravel(), other.ravel())[0, 1] > 0.98:
            raise RuntimeError(f"{who} has other maps than cnnviz")


def _maps() -> dict[str, Callable[[], object]]:
    engine, paths = Engine(device="cpu", weights=weights(NET)), _folder()[1]
    peers = _peers(engine)
    ours = _ours(engine, paths[:TOGETHER])
    for who, peer in peers.items():
        _agree(ours[:TOGETHER], who, peer(paths[:TOGETHER]))
    return {
        "cnnviz": lambda: _ours(engine, paths),
        **{who: functools.partial(peer, paths) for who, peer in peers.items()},
    }


def _thousand() -> dict[str, Any]:
    """Photos a second of every contender over 1,000 photos in one go, three times in turn."""
    engine, paths = Engine(device="cpu", weights=weights(NET)), _folder(1000)[1]
    contenders = {"cnnviz": functools.partial(_ours, engine), **_peers(engine)}
    rates: dict[str, list[float]] = {who: [] for who in contenders}
    for _, (who, asked) in itertools.product(range(3), contenders.items()):
        began = time.perf_counter()
        asked(paths)
        rates[who].append(len(paths) / (time.perf_counter() - began))
    medians = {who: round(statistics.median(rate), 1) for who, rate in rates.items()}
    fastest = max(rate for who, rate in medians.items() if who != "cnnviz") if len(medians) > 1 else math.nan
    return {**medians, "ratio": round(medians["cnnviz"] / fastest, 2)}


def _run(engine: Engine, paths: list[Path], executor: Any = None, together: int = folder_work.TOGETHER) -> float:
    """Photos a second of the whole command: decoded, computed, drawn, written as JPEGs and Parquet."""
    with tempfile.TemporaryDirectory(prefix="cnnviz-benchmark-") as out:
        began = time.perf_counter()
        files = folder_work.items([paths[0].parent], Path(out))
        folder_work.run(engine, HeatMaps(NET), files, Path(out), executor, together=together)
        return len(files) / (time.perf_counter() - began)


def _written() -> dict[str, Any]:
    """Photos a second of the command `heatmap` on a folder, overlays and Parquet included."""
    engine, paths = Engine(device="cpu", weights=weights(NET)), _folder()[1]
    _run(engine, paths)
    return {"photos_per_second": round(statistics.median(_run(engine, paths) for _ in range(5)), 1)}


def _on_ray() -> dict[str, Any]:
    """Photos a second by one Ray worker with half of the cores and by two, in turn, once all have begun."""
    from cnnviz.runtime.on_ray import OnRay

    if not importlib.util.find_spec("ray"):
        return {"skipped": "ray is not installed"}
    engine, half = Engine(device="cpu", weights=weights(NET)), max(1, (os.cpu_count() or 1) // 2)

    class Timed(OnRay):
        """Begins to count when every worker is there and has had its first batches: starting them is no part of it."""

        def __call__(self, question: Any, out: Path, parts: Any) -> Iterator[int]:
            done, moments = 0, []
            for count in super().__call__(question, out, parts):
                if len(there) == self.workers:
                    moments.append((time.perf_counter(), done))
                done += count
                yield count
            first, last = moments[WARM], moments[-1]
            self.rate = (last[1] - first[1]) / (last[0] - first[0])

    def bound(pids: list[int]) -> None:
        """Each worker on cores of its own: the threads that decode and draw would take the other half, too."""
        there[:] = pids
        for i, pid in enumerate(pids):
            os.sched_setaffinity(pid, range(i * half, (i + 1) * half))

    rates: dict[int, list[float]] = {1: [], 2: []}
    there: list[int] = []
    paths = _folder(480)[1]
    for _, count in itertools.product(range(2), (1, 2)):
        there.clear()
        executor = Timed(engine, workers=count, started=bound)
        executor.threads = half
        _run(engine, paths, executor, 16)
        rates[count].append(executor.rate)
    one, two = (statistics.median(rates[count]) for count in (1, 2))
    return {"one_worker": round(one, 1), "two_workers": round(two, 1), "ratio": round(two / one, 2)}


BENCHMARKS = {"folder/maps": _maps}
MEASURES = {"folder/thousand": _thousand, "folder/written": _written, "folder/ray": _on_ray}
