"""
Kernels and Gabor filters
=========================

What one convolution does to a photo, down to a single number, and the oriented filter that first layers learn by
themselves. Nothing here is trained, and PyTorch is not needed.
"""

import numpy as np
from PIL import Image

import cnnviz
from cnnviz.signal import gabor
from cnnviz.signal.convolve import convolve, patch_at
from cnnviz.signal.kernels import fit, kernel

photo = cnnviz.Photo.sample("cameraman")
gray = np.asarray(photo.image().convert("L"), np.float32)  # (512, 512), 0 to 255

# %%
# A Sobel kernel slides over the photo. Each output is the sum of nine products, patch times kernel, and responds to
# edges between left and right. Warm values are positive (it gets brighter to the right), cold ones negative.

sobel = kernel("sobel_x").weights
edges = convolve(gray, sobel)  # (510, 510): without padding each side loses a pixel
print(sobel)

Image.fromarray(cnnviz.picture.diverging(edges)).save("sobel-x-of-the-cameraman.png")

# %%
# One of these numbers, spelled out.

row, column = np.unravel_index(np.abs(edges).argmax(), edges.shape)
patch = patch_at(gray, sobel, row, column)
print(f"row {row}, column {column}: patch, products and their sum")
print(patch.values[0])
print(patch.products[0])
print(patch.total)
assert patch.total == edges[row, column]
assert patch.total == (gray[row : row + 3, column : column + 3] * sobel).sum()

# %%
# A Gabor filter is a sine wave under a Gaussian. It responds where the image has that frequency and orientation. Four
# orientations of one filter, each above its response.

bank = [gabor.Gabor(frequency=0.15, theta=theta, sigma=4.0) for theta in (0, 45, 90, 135)]
responses = gabor.responses(gray, bank)  # (4, 512, 512), the magnitude
kernels = np.stack([fit(gabor.kernel(g).real, 25) for g in bank])  # (4, 25, 25)

how = {"columns": 4, "tile": 200, "gap": 4}
above = cnnviz.picture.mosaic(kernels, colour_map=cnnviz.picture.WEIGHT, **how)
below = cnnviz.picture.mosaic(responses, colour_map=cnnviz.picture.HEAT, **how)
assert above.shape == below.shape
sheet = np.vstack([above, below])
Image.fromarray(sheet).save("four-gabor-filters-and-their-responses.png")

# %%
# The orientation of each pixel, from eight rotated copies: the hue is the direction, the brightness how strong it is.

found = gabor.orientations(gray, bank[0])
colours = cnnviz.picture.directions(found.angle, found.strength)
Image.fromarray(colours).save("orientation-of-each-pixel.png")

stripes = np.tile(np.sin(2 * np.pi * 0.15 * np.arange(128)), (128, 1)) * 100
angle = np.median(gabor.orientations(stripes, bank[0]).angle)
assert min(angle, 180 - angle) < 1  # a wave from left to right: 0 degrees

# sphinx_gallery_thumbnail_number = 2
