"""The zip of many photos: whole, repeatable, and silent about where a photo was taken."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import numpy as np
from PIL import Image

from cnnviz.attribution.report import PhotoReport, bundle
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

NET = "lecture/cats_gap"


def cases(engine: Engine, photos: list[Photo]) -> list[PhotoReport]:
    return [PhotoReport(p, engine.predict(NET, p, 2), engine.heatmap(NET, p)) for p in photos]


def test_the_zip_holds_pictures_numbers_table_and_manifest(photo):
    engine = Engine(device="cpu")
    photos = [photo, Photo.of(photo.pixels[::-1].copy(), "../../etc/passwd"), Photo.of(photo.pixels, "=1+1.jpg")]
    made = cases(engine, photos)
    data = bundle(made, engine.model(NET), None, 0.5, "inferno")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert sorted(n.rsplit(".", 1)[1] for n in names) == ["csv", "json", *["npy"] * 3, *["png"] * 3]
        assert not any(".." in n or n.startswith("/") for n in names)
        first = names[0].removesuffix(".png")
        np.testing.assert_array_equal(np.load(io.BytesIO(archive.read(f"{first}.npy"))), made[0].heat.values)
        shown = Image.open(io.BytesIO(archive.read(f"{first}.png")))
        assert shown.size == (photo.width, photo.height)
        rows = list(csv.DictReader(io.StringIO(archive.read("predictions.csv").decode("utf-8-sig"))))
        card = json.loads(archive.read("manifest.json"))
    assert len(rows) == 3
    assert float(rows[0]["probability_1"]) > 0
    assert card["model"]["weights"] == engine.model(NET).fingerprint
    assert card["preprocessing"]["mean"]
    assert card["packages"]["torch"]
    assert [p["digest"] for p in card["photos"]] == [p.digest for p in photos]
    assert data == bundle(made, engine.model(NET), None, 0.5, "inferno")


def test_where_a_photo_was_taken_is_not_in_the_zip():
    engine, file = Engine(device="cpu"), io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "SECRETCAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[29] = "SECRETPLACE"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(file, "JPEG", exif=exif)
    assert b"SECRETPLACE" in file.getvalue()
    data = bundle(cases(engine, [Photo.open(file.getvalue(), name="me.jpg")]), engine.model(NET), None, 0.5, "inferno")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"SECRET" not in data + whole
