"""
A folder explained
==================

The heat map of every photo in a folder, a table to sort, and a contact sheet to look through: what one does first with
the photos that a network gets wrong.
"""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

import cnnviz
from cnnviz.attribution.regions import regions
from cnnviz.feature_vis.sheet import contact_sheet

# %%
# A folder of photos. Use your own instead: any folder with JPEG, PNG, WebP, GIF, BMP or TIFF files.

folder = Path("photos")
folder.mkdir(exist_ok=True)
for name in ("cat", "astronaut", "coffee", "motorcycle", "cameraman", "coins"):
    cnnviz.Photo.sample(name).image().save(folder / f"{name}.jpg", quality=95)

# %%
# For each photo: the prediction, its heat map, and how much of the network's input is above Otsu's threshold. A file
# that cannot be read is named and left out.

engine = cnnviz.engine()
rows, overlays = [], []
for path in sorted(folder.iterdir()):
    try:
        photo = cnnviz.Photo.open(path)
    except cnnviz.PhotoError as error:
        print(error)
        continue
    (best,) = engine.predict("bundled/cats_dogs", photo, top=1)
    heat = engine.heatmap("bundled/cats_dogs", photo, best.index)
    rows.append(
        {
            "photo": path.name,
            "class": best.label,
            "probability": round(best.probability, 3),
            "share above threshold": round(float(regions(heat).mask.mean()), 3),
        }
    )
    overlays.append(np.asarray(cnnviz.picture.overlay(heat.seen, heat.values, opacity=0.6)))

# %%
# The table as CSV.

with Path("explained.csv").open("w", newline="") as file:
    writer = csv.DictWriter(file, fieldnames=rows[0])
    writer.writeheader()
    writer.writerows(rows)
print(Path("explained.csv").read_text())
assert len(rows) == 6

# %%
# The contact sheet, in the order of the table. The network knows two classes, cat and dog, so it calls a cup of coffee
# a dog with 96 %. The heat map shows what that rests on: the bright rim and handle. Each map is scaled to its own
# maximum, so brightness cannot be compared from one photo to the next.

sheet = contact_sheet(overlays, columns=3, side=220)
Image.fromarray(sheet).save("heat-maps-of-a-folder.png")
assert {row["photo"]: row["class"] for row in rows}["cat.jpg"] == "cat"
