"""Gabor filters: a sine wave under a Gaussian, the filter that first layers learn by themselves."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cnnviz.options import Options, RequestError, knob

_REACH = 3  # standard deviations at which the bell is cut off
_WORKERS = 8  # more threads only wait for memory


class GaborError(RequestError):
    """A Gabor filter that does not fit on the image."""


@dataclass(frozen=True)
class Gabor(Options):
    """One Gabor filter. The wave runs along theta, so its stripes stand across it."""

    frequency: float = knob(
        0.1, "Cycles per pixel; above 0.5 they alias.", low=0.01, high=1.0, step=0.005, unit="cycles/px"
    )
    theta: float = knob(
        0.0, "Orientation: the direction of the wave.", low=-360.0, high=360.0, step=1.0, unit="degrees"
    )
    sigma: float = knob(
        3.0, "Standard deviation of the Gaussian along the wave.", low=0.3, high=16.0, step=0.1, unit="px"
    )
    gamma: float = knob(
        1.0, "Aspect ratio of the Gaussian: sigma along the wave / across it.", low=0.2, high=4.0, step=0.05
    )
    phase: float = knob(0.0, "Shift of the wave under the Gaussian.", low=-360.0, high=360.0, step=5.0, unit="degrees")


@dataclass(frozen=True)
class Orientation:
    """Per pixel: the dominant wave direction in degrees 0..180, how strong, and how alone (0..1); float32 (H, W)."""

    angle: np.ndarray
    strength: np.ndarray
    coherence: np.ndarray


def reach(gabor: Gabor) -> tuple[int, int]:
    """Pixels from the middle to the kernel's edge: (up and down, left and right)."""
    theta = math.radians(gabor.theta)
    along, across = gabor.sigma * _REACH, gabor.sigma / gabor.gamma * _REACH
    c, s = abs(math.cos(theta)), abs(math.sin(theta))
    return math.ceil(max(along * s, across * c, 1)), math.ceil(max(along * c, across * s, 1))


def kernel(gabor: Gabor) -> np.ndarray:
    """The complex kernel, complex64 (2 up + 1, 2 left + 1), as scikit-image's `gabor_kernel` (Daugman, 1985)."""
    tall, wide = reach(gabor)
    y, x = np.mgrid[-tall : tall + 1, -wide : wide + 1].astype(np.float64)
    theta, across = math.radians(gabor.theta), gabor.sigma / gabor.gamma
    along_wave = x * math.cos(theta) + y * math.sin(theta)
    along_stripe = -x * math.sin(theta) + y * math.cos(theta)
    bell = np.exp(-0.5 * ((along_wave / gabor.sigma) ** 2 + (along_stripe / across) ** 2))
    wave = np.exp(1j * (2 * math.pi * gabor.frequency * along_wave + math.radians(gabor.phase)))
    weights: np.ndarray = bell * wave / (2 * math.pi * gabor.sigma * across)
    return weights.astype(np.complex64)


def aliased(gabor: Gabor) -> tuple[float, float]:
    """Frequency and orientation (degrees, 0..180) of the slowest wave with the same values at whole pixels.

    Along x and along y, nothing faster than half a cycle per pixel can be told from something slower (Nyquist).
    """
    theta = math.radians(gabor.theta)
    x, y = (v - math.floor(v + 0.5) for v in (gabor.frequency * math.cos(theta), gabor.frequency * math.sin(theta)))
    return math.hypot(x, y), math.degrees(math.atan2(y, x)) % 180


def normalise(image: np.ndarray) -> np.ndarray:
    """The image with mean 0 and standard deviation 1, float32 (H, W); a flat image becomes zero."""
    image = image.astype(np.float32, copy=False)
    mean, deviation = (float(v[0, 0]) for v in cv2.meanStdDev(image))
    even: np.ndarray = (image - np.float32(mean)) / np.float32(deviation or 1.0)
    return even


def response(image: np.ndarray, gabor: Gabor) -> np.ndarray:
    """How strongly each place holds this wave, float32 (H, W).

    As in the lecture: the image normalised, filtered with the real and with the imaginary part around a wrapped
    border, and the root of the sum of their squares.
    """
    magnitude: np.ndarray = responses(image, [gabor])[0]
    return magnitude


def responses(image: np.ndarray, gabors: Sequence[Gabor]) -> np.ndarray:
    """The response magnitudes of several filters on one image (H, W), float32 (F, H, W).

    The image's spectrum is computed once. The magnitude does not depend on the phase, and without it a kernel's
    spectrum is real: one product and one inverse FFT a filter. Raises `GaborError` where a kernel is larger than the
    image.
    """
    height, width = image.shape
    out = np.empty((len(gabors), height, width), np.float32)
    frame = [max(sides) for sides in zip(*(reach(g) for g in gabors), strict=True)] or [0, 0]
    if 2 * frame[0] + 1 > height or 2 * frame[1] + 1 > width:
        raise GaborError(f"A kernel of {2 * max(frame) + 1} pixels is larger than the image; lower sigma.")
    # a side whose FFT is fast wraps by itself; any other is wrapped by hand and grown to one that is
    top, left = (0 if cv2.getOptimalDFTSize(n) == n else r for n, r in zip(image.shape, frame, strict=True))
    tall, wide = cv2.getOptimalDFTSize(height + 2 * top), cv2.getOptimalDFTSize(width + 2 * left)
    bottom, right = tall - height - top, wide - width - left
    grown = cv2.copyMakeBorder(normalise(image), top, bottom, left, right, cv2.BORDER_WRAP)
    spectrum = cv2.dft(grown, flags=cv2.DFT_COMPLEX_OUTPUT)  # (tall, wide, 2)

    def fill(share: slice) -> None:
        """Some of the filters, in buffers of their own: fresh memory for each would cost more than the FFT."""
        product = np.empty((tall, 2 * wide), np.float32)
        answer = product.reshape(tall, wide, 2)
        real, imaginary = np.empty((tall, wide), np.float32), np.empty((tall, wide), np.float32)
        inner = np.s_[top : top + height, left : left + width]
        for target, gabor in zip(out[share], gabors[share], strict=True):
            _doubled_spectrum(gabor, tall, wide, product)
            np.multiply(spectrum.reshape(tall, 2 * wide), product, out=product)
            cv2.idft(answer, dst=answer, flags=cv2.DFT_SCALE)
            cv2.split(answer, [real, imaginary])
            cv2.magnitude(real[inner], imaginary[inner], target)

    workers = min(len(gabors), os.cpu_count() or 1, _WORKERS)
    if workers < 2:
        fill(np.s_[:])
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(fill, (slice(i, None, workers) for i in range(workers))))
    return out


def _doubled_spectrum(gabor: Gabor, tall: int, wide: int, out: np.ndarray) -> None:
    """Into `out` (H, 2 W): the real spectrum of a kernel, its phase left out, each column twice."""
    up, left = reach(gabor)
    if gabor.gamma == 1:  # a round bell is a row times a column, and so is its spectrum
        theta = math.radians(gabor.theta)
        column = _line(gabor, math.sin(theta), up, tall)
        row = _line(gabor, math.cos(theta), left, wide)
        np.multiply(column[:, None], np.repeat(row, 2), out=out)
        return
    wrapped = np.zeros((tall, wide), np.complex64)
    wrapped[: 2 * up + 1, : 2 * left + 1] = kernel(replace(gabor, phase=0.0))
    wrapped = np.roll(wrapped, (-up, -left), (0, 1))
    spectrum = cv2.dft(wrapped.view(np.float32).reshape(tall, wide, 2))
    out[:, ::2] = out[:, 1::2] = spectrum[..., 0]


def _line(gabor: Gabor, slope: float, radius: int, size: int) -> np.ndarray:
    """The real spectrum of a round Gabor along one axis, float32 (size,)."""
    at = np.arange(-radius, radius + 1)
    bell = np.exp(-0.5 * (at / gabor.sigma) ** 2) / (math.sqrt(2 * math.pi) * gabor.sigma)
    line = np.zeros(size, np.complex128)
    line[at] = bell * np.exp(2j * math.pi * gabor.frequency * slope * at)  # negative places count from the end
    return np.fft.fft(line).real.astype(np.float32)


def bank(
    thetas: Sequence[float] = (0.0, 45.0),
    frequencies: Sequence[float] = (0.1, 0.4),
    sigmas: Sequence[float] = (1.0, 3.0),
) -> tuple[Gabor, ...]:
    """Every combination of direction, sigma and frequency; the lecture's eight filters by default."""
    return tuple(Gabor(frequency=f, theta=t, sigma=s) for t in thetas for s in sigmas for f in frequencies)


def orientations(image: np.ndarray, gabor: Gabor | None = None, count: int = 8) -> Orientation:
    """The dominant wave direction of each pixel from `count` turned copies of one filter.

    Directions are averaged as doubled angles weighted by the squared response, so 179 and 1 degree meet at 0
    (Granlund, 1978).
    """
    gabor = gabor or Gabor()
    turned = [replace(gabor, theta=180.0 * i / count) for i in range(count)]
    cosine = np.zeros(image.shape, np.float32)
    sine, total, strength = np.zeros_like(cosine), np.zeros_like(cosine), np.zeros_like(cosine)
    for g, answer in zip(turned, responses(image, turned), strict=True):
        power = answer * answer
        cosine += power * np.float32(math.cos(2 * math.radians(g.theta)))
        sine += power * np.float32(math.sin(2 * math.radians(g.theta)))
        total += power
        np.maximum(strength, answer, out=strength)
    angle = np.degrees(np.arctan2(sine, cosine)) / 2 % 180
    coherence = cv2.magnitude(cosine, sine) / np.maximum(total, np.finfo(np.float32).tiny)
    return Orientation(angle.astype(np.float32), strength, np.minimum(coherence, 1))


def to_link(gabor: Gabor) -> str:
    """The filter as one word: frequency, theta, sigma, gamma and phase with `~` between them."""
    return "~".join(f"{v:.6g}" for v in (gabor.frequency, gabor.theta, gabor.sigma, gabor.gamma, gabor.phase))


def from_link(word: str) -> Gabor:
    """The filter that a word describes; the default one where it describes none."""
    try:
        frequency, theta, sigma, gamma, phase = (float(v) for v in word.split("~"))
        return Gabor(frequency, theta, sigma, gamma, phase)
    except ValueError:  # an OptionError is one
        return FIRST


FIRST = Gabor(0.1, 45.0, 3.0)  # what the lab begins with
