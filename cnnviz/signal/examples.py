"""The lecture's demonstrations, one click each."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnnviz.photo import Photo
from cnnviz.script import opened, script
from cnnviz.signal.convolve import Sliding
from cnnviz.signal.pictures import TEACHING


@dataclass(frozen=True)
class Example:
    """An image, the kernels of a layer and how it is looked at, under a title and with one sentence."""

    title: str
    sentence: str
    picture: str
    kernels: tuple[str, ...]
    sliding: Sliding = field(default_factory=lambda: Sliding(padding=1))
    stage: str = "conv"
    colour: bool = False
    gain: float = 0.0
    position: int = 0  # of the window at first, counted row by row


_reflected = Sliding(padding=1, mode="reflect")

# title, sentence, picture, kernels
EXAMPLES = (
    Example("Horizontal edge", "Only the box's top and bottom remain.", "box", ("horizontal_edge",), position=178),
    Example("Diagonal edge", "Strongest at two corners, weaker at sides.", "box", ("diagonal_edge",), position=175),
    Example("Edge detect", "Only the outline is left.", "box", ("edge_detect",), position=203),
    Example(
        "Border effects", "Without padding the output is smaller.", "box", ("edge_detect",), Sliding(), position=162
    ),
    Example(
        "Padding modes", "Two pixels around 5 × 5, in four padding modes.", "steps", ("gaussian",), Sliding(padding=2),
    ),
    Example(
        "A digit", "Two filters, two kinds of strokes.", "digit", ("horizontal_edge", "vertical_edge"), position=206
    ),
    Example(
        "A photo", "Edges of the current photo.", "photo", ("sobel_x", "sobel_y", "edge_detect"), _reflected,
        gain=1.5, position=24_000,
    ),
    Example(
        "Colour", "Three channels, three kernels, one sum.", "street", ("vertical_edge",), colour=True, position=464
    ),
    Example(
        "Stride", "Every second position: a quarter of the numbers.", "shirt", ("gaussian",), Sliding(2, 1), position=90
    ),
    Example(
        "Dilation", "The same nine weights, further apart.", "shapes", ("laplacian",), Sliding(1, 3, "zero", 3),
        position=700,
    ),
    Example("ReLU", "Below zero becomes zero.", "digit", ("vertical_edge",), stage="relu", position=206),
    Example("Max pooling", "The largest of two by two.", "digit", ("vertical_edge",), stage="pool", position=61),
)  # fmt: skip


def whole(photo: Photo, every: bool = True) -> str:
    """The lines of Python that make `picture` of a photo, with `every` pixel of a large one."""
    return script(f"picture = {opened(photo, every)}.image()", imports=["from cnnviz import Photo"])


def source(name: str, photo: Photo) -> str:
    """The lines of Python that make the lab's `picture`: a teaching image, or the photo as the lab cuts it."""
    imports = ["from PIL import Image", "", "from cnnviz.signal import pictures"]
    if name in TEACHING:
        return script(f"picture = Image.fromarray(pictures.TEACHING[{name!r}][1]())", imports=imports)
    imports.insert(2, "from cnnviz import Photo")
    return script(f"picture = Image.fromarray(pictures.fitted({opened(photo)}))", imports=imports)
