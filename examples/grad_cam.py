"""
Grad-CAM in one screen
======================

Which parts of a photo support a class? Grad-CAM (Selvaraju et al., 2017) weights each feature map of a layer by the
mean of its gradient and adds the maps up. Here it is done by hand, then by the engine in one line, and both agree.
"""

import numpy as np
from PIL import Image

import cnnviz
from cnnviz.attribution.cam import evidence, grad_cam
from cnnviz.attribution.heatmap import spread
from cnnviz.feature_vis.sheet import contact_sheet
from cnnviz.inference.predict import Target

engine = cnnviz.engine()
photo = cnnviz.Photo.sample("cat")
model = engine.model("bundled/cats_dogs")
(best,) = engine.predict(model.key, photo, top=1)
print(f"{model.labels}: {best.label}, {best.probability:.1%}")

# %%
# By hand
# -------
# The network runs once. ``evidence`` keeps the feature maps of one layer and the gradient of the class score with
# respect to them.

pixels = model.preprocess.see(photo)  # uint8 (150, 150, 3): resized, its centre cropped
x = model.preprocess.tensor(pixels)  # float32 (1, 3, 150, 150): normalised
cat = model.labels.index("cat")
[[found]] = evidence(model.net, x, layers=["relu4"], targets=[Target(cat)])
print(f"maps and gradient {tuple(found.maps.shape)}, score {found.score:.3f}")

# %%
# The weight of a channel is the mean of its gradient; the map is the weighted sum of the channels. That is all of
# ``grad_cam``:

raw, weights = grad_cam(found)  # (15, 15) and (128,)
assert np.allclose(weights, found.gradient.mean((1, 2)))
weighted = weights[:, None, None] * found.maps  # (128, 15, 15)
assert np.allclose(raw, weighted.sum(0), atol=1e-5)

# %%
# ``spread`` sets negative values to zero, enlarges the map to the size of the input and scales its maximum to 1.
# From left to right: the input of the network, the signed map (warm supports the class, cold contradicts it), and the
# heat map over the input.

heat = spread(raw.numpy(), pixels.shape[:2])  # float32 (150, 150) in 0..1
signed = cnnviz.picture.mosaic(raw.numpy()[None], tile=300)
overlay = np.asarray(cnnviz.picture.overlay(pixels, heat, opacity=0.6))
sheet = contact_sheet([pixels, signed, overlay], columns=3, side=300)
Image.fromarray(sheet).save("input-signed-map-and-heat-map-of-a-cat.png")

# %%
# By the engine
# -------------
# The engine keeps what it computed for a photo, so that another class or method takes a fraction of a millisecond to
# a few milliseconds. The numbers are the same.

same = engine.heatmap("bundled/cats_dogs", photo, target="cat", layer="relu4")
assert np.allclose(same.raw, raw, atol=1e-4)
assert np.allclose(same.values, heat, atol=1e-3)
print(f"largest difference {np.abs(same.values - heat).max():.1e} of 1")

whole = cnnviz.picture.overlay(photo, same, opacity=0.6)
whole.save("grad-cam-over-the-whole-photo.png")
