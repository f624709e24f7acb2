"""How a filter image is optimised: options, objective and recipes for each family of networks. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from cnnviz.models import families
from cnnviz.options import Options, RequestError, knob, knobs

SMALLEST = 24  # px, the first canvas of a coarse start


@dataclass(frozen=True)
class Ascent(Options):
    """The options of gradient ascent on an image (Erhan et al., 2009; Olah, Mordvintsev, Schubert, 2017)."""

    steps: int = knob(64, "Steps of gradient ascent", low=1, high=2000)
    rate: float = knob(
        0.4, "Step size, in standard deviations of a pixel", low=0.001, high=50.0, step=0.05, title="Step size"
    )
    size: int | None = knob(
        None, "Side of the image; None derives it from the layer's receptive field", low=16, high=1024, unit="px"
    )
    seed: int = knob(0, "The same seed gives the same image", low=0, high=2**31 - 1)
    jitter: int = knob(4, "Each step shifts the image by up to this much", low=0, high=64, unit="px")
    rotate: float = knob(0.0, "Each step rotates the image by up to this much", low=0.0, high=45.0, unit="degrees")
    scale: float = knob(0.0, "Each step scales the image by up to this share", low=0.0, high=0.5, step=0.01)
    crop: float = knob(0.0, "Each step uses a random crop, smaller by this share", low=0.0, high=0.5)
    decay: float = knob(0.0, "L2 penalty: pulls every pixel towards gray", low=0.0, high=0.5)
    tv: float = knob(
        0.0,
        "Total-variation penalty: on differences between neighbouring pixels",
        low=0.0,
        high=10.0,
        title="Total variation",
    )
    blur: float = knob(0.0, "Each step is smoothed by a Gaussian of this width", low=0.0, high=8.0, unit="px")
    canvas: str = knob(
        "fourier", "What is optimised: pixels, or Fourier coefficients of the image", choices=("fourier", "pixel")
    )
    decorrelate: bool = knob(True, "Decorrelate colours, as in natural images (fourier only)")
    clip: bool = knob(True, "Keep pixels in the range that can be shown (pixel only)")
    start: str = knob("noise", "The initial image", choices=("noise", "gray", "photo"))
    noise: float = knob(0.1, "Standard deviation of the initial noise", low=0.0, high=1.0)
    coarse: int = knob(1, "Coarse-to-fine levels before the full size", low=0, high=3, title="Coarse-to-fine levels")
    objective: str = knob("mean", "The mean of the channel's map, or its middle unit", choices=("mean", "centre"))
    focus: float = knob(2.0, "Penalty on the other channels; 0 for the wanted one alone", low=0.0, high=8.0)
    step: str = knob(
        "normalised", "The gradient at unit length, or Adam", choices=("normalised", "adam"), title="Gradient step"
    )
    diversity: float = knob(0.0, "Diversity penalty between images of one channel", low=0.0, high=10.0)


@dataclass(frozen=True)
class Aim:
    """What is to be maximised: channels of a layer (or classes), each with a weight. Aims add, subtract and scale."""

    terms: tuple[tuple[int, float], ...]

    @classmethod
    def of(cls, wanted: int | Aim) -> Aim:
        """The aim of one channel; an aim stays what it is."""
        return wanted if isinstance(wanted, Aim) else cls(((int(wanted), 1.0),))

    @classmethod
    def direction(cls, weights: Iterable[float]) -> Aim:
        """The aim of a direction in the space of all channels, one weight for each."""
        return cls(tuple((i, float(w)) for i, w in enumerate(weights) if w))

    @property
    def channel(self) -> int | None:
        """The channel, where there is only one."""
        return self.terms[0][0] if len(self.terms) == 1 else None

    def __add__(self, other: Aim) -> Aim:
        """Both at once."""
        weights = dict(self.terms)
        for channel, weight in other.terms:
            weights[channel] = weights.get(channel, 0.0) + weight
        return Aim(tuple(sorted(weights.items())))

    def __mul__(self, factor: float) -> Aim:
        """The same, weighed."""
        return Aim(tuple((channel, weight * factor) for channel, weight in self.terms))

    def __neg__(self) -> Aim:
        """The opposite."""
        return self * -1

    def __sub__(self, other: Aim) -> Aim:
        """One without the other."""
        return self + -other

    def __str__(self) -> str:
        if len(self.terms) > 4:
            return f"direction over {len(self.terms)} channels"
        return " ".join(f"{c}" if w == 1 else f"{w:+g}x{c}" for c, w in self.terms)


def written(ascent: Ascent) -> str:
    """The recipe in the words of Python, only what differs from the defaults: Ascent(steps=100, seed=3)."""
    changed = [f for f in fields(Ascent) if getattr(ascent, f.name) != f.default]
    return f"Ascent({', '.join(f'{f.name}={getattr(ascent, f.name)!r}' for f in changed)})"


def in_words(ascent: Ascent) -> str:
    """The recipe as one reads it, each option as its control is called: canvas, steps, what is not 0, seed."""
    size = f" of {ascent.size} px" if ascent.size else ""
    adam = "Adam, " if ascent.step == "adam" else ""
    said = [f"canvas {ascent.canvas}{size}", f"{ascent.steps} steps", f"{adam}step size {ascent.rate:g}"]
    said.append(f"start {ascent.start}")
    titles = {k.name: (k.title or k.name).lower() for k in knobs(Ascent)}
    for name, unit in (("jitter", " px"), ("rotate", "°"), ("scale", ""), ("crop", ""), ("decay", ""), ("tv", ""),
                       ("blur", " px"), ("focus", ""), ("diversity", ""), ("coarse", "")):  # fmt: skip
        if value := getattr(ascent, name):
            said.append(f"{titles[name]} {value:g}{unit}")
    return ", ".join([*said, f"seed {ascent.seed}"])


def recipe(name: str, net: str = "", side: int = 224) -> Ascent:
    """The recipe of that name; "auto" picks the one of the network's family. `RequestError` for an unknown name."""
    if name == "auto":
        name = family(net, side)
    if name not in RECIPES:
        raise RequestError(f"There is no recipe {name!r}; choose one of auto, {', '.join(RECIPES)}.")
    return RECIPES[name]


def family(net: str, side: int = 224) -> str:
    """The name of the recipe that suits a network of that key or architecture with inputs of that side in px."""
    if side <= 64:
        return "small"
    return families.preset(net.rpartition("/")[2])


RECIPES: dict[str, Ascent] = {
    "default": Ascent(),
    "vgg": Ascent(),
    "resnet": Ascent(jitter=8, scale=0.05),  # strides of 2 leave a checkerboard that zooming wipes out
    "inception": Ascent(jitter=8, rotate=4.0),
    "mobilenet": Ascent(jitter=8, scale=0.05),
    "squeezenet": Ascent(),
    "small": Ascent(jitter=2),
    # Adam on the pixels the net takes, from noise of 150 to 180, at the net's own size, the mean activation
    "lecture": Ascent(
        steps=100, rate=0.1, jitter=0, decay=1e-6, canvas="pixel", clip=False, noise=30 / 255, coarse=0, focus=0.0,
        step="adam", size=224,
    ),
    "post": Ascent(
        steps=100, rate=0.1, jitter=16, decay=1e-6, canvas="pixel", clip=False, noise=30 / 255, coarse=0, focus=0.0,
        step="adam", size=224,
    ),
}  # fmt: skip
