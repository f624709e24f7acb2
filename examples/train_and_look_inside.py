"""
Train and look inside
=====================

Images of circles are drawn, a small network learns to count them, and its feature maps and heat map show how far it
got. That takes a few seconds; with more images and epochs, as in the plan ``counting_1_5``, it is right on 99.9 %.
"""

from pathlib import Path

import numpy as np
from PIL import Image

import cnnviz
from cnnviz.data.counting import Counting, write
from cnnviz.feature_vis.sheet import contact_sheet
from cnnviz.train import run
from cnnviz.train.loop import fit
from cnnviz.train.plan import Plan

# %%
# One to three circles, 120 images of each number, a fifth of them for validation. The same seed draws the same images.

circles = Counting(low=1, high=3, per_class=120, size=32, smallest=2.5, largest=4.0, seed=0)
data = write("circles", circles)
paths = [sorted((data / "val" / number).glob("*.png"))[:3] for number in "123"]
some = [cnnviz.Photo.open(path) for three in paths for path in three]
sheet = contact_sheet([photo.pixels for photo in some], columns=9, side=80)
Image.fromarray(sheet).save("circles-to-count.png")

# %%
# A plan says what to train on what, and how. A run is a folder: its plan, its events, its weights. On the command line
# each setting is an option: ``python -m cnnviz train circles --net lecture/mnist_flatten --epochs 8 --name circles``.

network = {"net": "lecture/mnist_flatten", "size": 32, "channels": 1}
plan = Plan(str(data), **network, fit="squash", epochs=8, rate=2e-3, seed=0, threads=1)
folder = run.create(plan, "runs", name="circles")
state = fit(folder)
for epoch in run.read(folder).of("epoch"):
    print("epoch {epoch}: loss {valid_loss:.3f}, accuracy {accuracy:.0%}".format(**epoch))
best = run.read(folder).last("best")
assert state == "finished"
assert best["accuracy"] > 0.6  # chance is 1/3

# %%
# The best weights open like any other network, by the key ``run/circles@best``: in Python, on the command line and on
# every page of the dashboard.

engine = cnnviz.Engine(runs="runs")
photo = some[-1]
for guess in engine.predict("run/circles@best", photo, top=3):
    print(f"class {guess.label}: {guess.probability:.1%}")

# %%
# The 32 feature maps of the first layer for an image of three circles, on one scale: black is zero, warm is positive.

maps = engine.activations("run/circles@best", photo, "relu1")
sheet = cnnviz.picture.mosaic(maps.maps, columns=8, tile=90, gap=3)
Image.fromarray(sheet).save("feature-maps-of-the-first-layer.png")

# %%
# Below an image of each number: the heat map of the right class. Circles support "two" and "three". What supports "one"
# is the empty ground, where no second circle lies.

above, below, warm = [], [], []
for image, number in ((some[0], "1"), (some[3], "2"), (some[6], "3")):
    heat = engine.heatmap("run/circles@best", image, number, layer="relu2")
    above.append(heat.seen)
    below.append(np.asarray(cnnviz.picture.overlay(heat.seen, heat.values, opacity=0.6)))
    circle = heat.seen[..., 0] > 128
    warm.append(heat.values[circle].mean() - heat.values[~circle].mean())
sheet = contact_sheet(above + below, columns=3, side=200)
Image.fromarray(sheet).save("heat-maps-of-one-two-and-three.png")
print("heat of the circles minus heat of the ground", [f"{w:+.2f}" for w in warm])
assert warm[0] < 0 < min(warm[1:])
assert Path("runs/circles/best.safetensors").is_file()

# sphinx_gallery_thumbnail_number = 3
