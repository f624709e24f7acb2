"""
Filter images
=============

Which image makes a channel respond most? Activation maximization (Erhan et al., 2009) starts from noise and follows the
gradient of the channel's mean activation with respect to the pixels.
"""

import numpy as np
import torch
from PIL import Image

import cnnviz
from cnnviz.feature_vis.sheet import contact_sheet
from cnnviz.inference.tap import tap

NETWORK, LAYER, CHANNELS = "bundled/cats_dogs", "conv3", range(8)
engine = cnnviz.engine()
model = engine.model(NETWORK)

# %%
# By hand
# -------
# Gradient ascent on raw pixels: a forward pass up to the layer, a backward pass to the image, a step.


def by_hand(channel: int, steps: int = 40, rate: float = 0.1) -> tuple[np.ndarray, float]:
    """An image uint8 (64, 64, 3) that maximises a channel, and its mean activation."""
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    x = (0.2 * noise).requires_grad_()
    for _ in range(steps):
        _, maps = tap(model.net, x, [LAYER], stop=True)
        activation = maps[LAYER][0, channel].mean()
        (gradient,) = torch.autograd.grad(activation, x)
        x = (x + rate * gradient / gradient.std()).clamp(-2, 2).detach().requires_grad_()
    pixels = (x.detach()[0].permute(1, 2, 0) / 4 + 0.5) * 255  # -> (64, 64, 3)
    return pixels.numpy().astype(np.uint8), activation.item()


with torch.enable_grad():
    images, activations = zip(*(by_hand(channel) for channel in CHANNELS), strict=True)
print("mean activation", [round(a, 1) for a in activations])
sheet = contact_sheet(images, columns=4, side=160)
Image.fromarray(sheet).save("filter-images-by-hand.png")
assert min(activations) > 0

# %%
# By the engine
# -------------
# The same objective gets clearer images when the frequencies of the image are optimised instead of its pixels, the
# colours are decorrelated, and the image is shifted a little before each step (Olah et al., 2017). ``Ascent`` holds
# these settings, and ``filters`` yields every step, so that a program can show the image while it is optimised.

settings = cnnviz.Ascent(steps=48, size=64, seed=1)
events = [*engine.filters(NETWORK, LAYER, CHANNELS, settings)]
done = [event.image for event in events if event.image is not None]
sheet = contact_sheet([image.picture for image in done], columns=4, side=160)
Image.fromarray(sheet).save("filter-images-by-the-engine.png")
assert all(image.value > image.before for image in done)

# %%
# One of them on its way: the image after every third step, and the activation before and after.

first = done[0]
sheet = contact_sheet(first.frames, columns=8, side=96)
Image.fromarray(sheet).save("one-filter-image-step-by-step.png")
print(f"mean activation {first.before:.2f} at the start, {first.value:.2f} at the end")

# sphinx_gallery_thumbnail_number = 2
