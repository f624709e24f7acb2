"""Many photos in one zip: each with its image and its numbers, a table of answers, and how to repeat it all."""

from __future__ import annotations

import csv
import io
import json
import platform
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata

import numpy as np

from cnnviz import __version__, picture
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.attribution.regions import caption
from cnnviz.inference.predict import Prediction
from cnnviz.models.load import Model
from cnnviz.options import Options
from cnnviz.photo import Photo

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same photos give the same zip, byte for byte
VERSIONS = ("torch", "torchvision", "numpy", "opencv-python-headless", "pillow")


@dataclass(frozen=True)
class PhotoReport:
    """One photo with its answers and its map."""

    photo: Photo
    predictions: tuple[Prediction, ...]
    heat: Heatmap


def bundle(cases: Sequence[PhotoReport], model: Model, options: Options | None, opacity: float, colours: str) -> bytes:
    """The zip: NAME.png and NAME.npy for each photo, predictions.csv, manifest.json. Photos carry no EXIF."""
    names = _names(case.photo.name for case in cases)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, case in zip(names, cases, strict=True):
            drawn = picture.overlay(case.photo, case.heat, opacity, colours, side=1600, alpha="heat")
            _write(archive, f"{name}.png", picture.encode(drawn, "png"), packed=True)
            numbers = io.BytesIO()
            np.save(numbers, case.heat.values, allow_pickle=False)
            _write(archive, f"{name}.npy", numbers.getvalue())
        _write(archive, "predictions.csv", _table(names, cases).encode("utf-8-sig"))
        _write(archive, "manifest.json", json.dumps(manifest(cases, model, options), indent=1).encode())
    return file.getvalue()


def manifest(cases: Sequence[PhotoReport], model: Model, options: Options | None) -> dict[str, object]:
    """What is needed to repeat the maps: versions, weights by their hash, preprocessing, method, options with seed."""
    heats = [case.heat for case in cases]
    return {
        "cnnviz": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in VERSIONS if _installed(name)},
        "model": {"key": model.key, "weights": model.fingerprint, "source": model.source},
        "preprocessing": model.preprocess.card(),
        "method": heats[0].method if heats else None,
        "options": asdict(options) if options is not None else {},
        "layer": heats[0].layer if heats else None,
        "photos": [
            {"name": name, "digest": case.photo.digest, "class": case.heat.label, "caption": caption(case.heat)}
            | ({} if case.photo.crop == "centre" else {"crop": str(case.photo.crop)})
            for name, case in zip(_names(c.photo.name for c in cases), cases, strict=True)
        ],
    }


def _table(names: Sequence[str], cases: Sequence[PhotoReport]) -> str:
    """One line for each photo; text that a spreadsheet would run as a formula is quoted."""
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(["photo", "explained", "score", *(f"{w}_{i}" for i in (1, 2, 3) for w in ("class", "probability"))])
    for name, case in zip(names, cases, strict=True):
        said = [v for p in case.predictions[:3] for v in (_safe(p.label), f"{p.probability:.6f}")]
        lines.writerow([name, _safe(case.heat.label), f"{case.heat.score:.6g}", *said])
    return file.getvalue()


def _safe(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def _names(given: Iterable[str]) -> list[str]:
    """File names that are safe in any folder and differ even where case does not count."""
    found: list[str] = []
    taken: set[str] = set()
    for name in given:
        stem = re.sub(r"[^\w\-]+", "_", name.rsplit(".", 1)[0]).strip("_")[:60] or "photo"
        count, unique = 1, stem
        while unique.lower() in taken:
            count += 1
            unique = f"{stem}-{count}"
        taken.add(unique.lower())
        found.append(unique)
    return found


def _write(archive: zipfile.ZipFile, name: str, data: bytes, packed: bool = False) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
