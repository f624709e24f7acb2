"""What a question costs while a training runs beside it, started as the dashboard starts one.

`python -m benchmarks 'beside/*'`: Grad-CAM of new photos by the bundled network, quiet and beside, in turn.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from cnnviz import settings
from cnnviz.data.counting import Counting, write
from cnnviz.models.catalog import ASSETS, cards
from cnnviz.photo import Photo
from cnnviz.train import plan as plans
from cnnviz.train import run

ROUNDS, QUESTIONS, PAUSE = 3, 25, 0.1


def beside() -> dict[str, Any]:
    """Medians in ms without and with a training, and their ratio."""
    settings.share_cores()
    from cnnviz.runtime.engine import Engine

    engine, random = Engine(device="cpu"), np.random.default_rng(0)
    key = f"bundled/{next(iter(cards(ASSETS)))}"

    def asked() -> float:
        photo = Photo.of(random.integers(0, 255, (480, 640, 3), dtype=np.uint8))
        began = time.perf_counter()
        engine.heatmap(key, photo)
        spent = time.perf_counter() - began
        time.sleep(PAUSE)
        return 1000 * spent

    for _ in range(5):
        asked()
    quiet, busy = [], []
    with tempfile.TemporaryDirectory() as place:
        data = write(Path(place) / "circles", Counting(low=1, high=4, per_class=250, size=96))
        plan = plans.Plan(data=str(data), net="lecture/cats_gap", recipe="scratch", epochs=200, patience=0)
        for _ in range(ROUNDS):
            quiet += [asked() for _ in range(QUESTIONS)]
            folder = run.create(dataclasses.replace(plan), Path(place) / "runs", None)
            process = run.spawn(folder)
            settings.stand_back(process.pid)  # as `cnnviz.ui.server.runs` does
            try:
                while not _trains(folder):
                    if process.poll() is not None:
                        raise RuntimeError((folder / "errors.txt").read_text()[-500:])
                    time.sleep(0.2)
                busy += [asked() for _ in range(QUESTIONS)]
            finally:
                process.kill()
                process.wait()
    medians = statistics.median(quiet), statistics.median(busy)
    return {
        "quiet_ms": round(medians[0], 1),
        "beside_ms": round(medians[1], 1),
        "ratio": round(medians[1] / medians[0], 2),
    }


def _trains(folder: Path) -> bool:
    events = folder / run.EVENTS
    return events.is_file() and '"step"' in events.read_text()


MEASURES = {"beside/training": beside}
