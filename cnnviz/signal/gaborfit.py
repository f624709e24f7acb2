"""Gabor filters found inside learned ones: direction, frequency, width and how well they match."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cnnviz.signal.gabor import Gabor

_STARTS = 6
_ROUNDS = 40
_PATIENCE = 4  # steps without progress before a start is left as it is
_NUDGE = 1e-5  # for the slopes, small against every parameter
_SIGMA = (0.5, 1.2)  # narrowest bell in pixels, widest in kernel sides


@dataclass(frozen=True)
class Fit:
    """A Gabor matched to one filter: where its middle lies (pixels from the filter's), its height, and R2 up to 1.

    `colour` is the direction in colour space of the filter, unit length (C,); `plane` the filter seen
    along it, float32 (k, k), and `match` the Gabor's values there; `share` is how much of the filter's energy that is.
    """

    gabor: Gabor
    row: float
    column: float
    amplitude: float
    r2: float
    colour: np.ndarray
    share: float
    plane: np.ndarray
    match: np.ndarray


def strongest_plane(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The best single plane (k, k) of a filter (C, k, k), its colour (C,), and the share of energy it holds."""
    channels = weights.shape[0]
    left, strength, right = np.linalg.svd(weights.reshape(channels, -1).astype(np.float64), full_matrices=False)
    energy = float((strength**2).sum())
    colour, plane = left[:, 0], strength[0] * right[0]
    if colour.sum() < 0:
        colour, plane = -colour, -plane
    share = float(strength[0] ** 2 / energy) if energy else 0.0
    return plane.reshape(weights.shape[1:]).astype(np.float32), colour.astype(np.float32), share


def fit_gabors(weights: np.ndarray) -> tuple[Fit, ...]:
    """A Gabor for each filter of a first layer, weights (F, C, k, k).

    Each filter is reduced to its strongest plane; the peaks of that plane's spectrum start a damped least-squares
    search (Levenberg, 1944; Marquardt, 1963) over all filters at once; the best start wins.
    """
    weights = np.asarray(weights, np.float32)
    if weights.ndim != 4:
        raise ValueError(f"weights have the shape {weights.shape}; a bank has four axes: filter, channel, row, column.")
    parts = [strongest_plane(w) for w in weights]
    planes = np.stack([plane for plane, _, _ in parts]).astype(np.float64)  # (F, k, k)
    count, k = len(planes), planes.shape[-1]
    scale = np.sqrt((planes**2).mean((1, 2))) + 1e-30
    aims = (planes / scale[:, None, None]).reshape(count, 1, -1).repeat(_STARTS, 1).reshape(count * _STARTS, -1)
    found, error = _search(aims, _starts(planes / scale[:, None, None]), k)
    best = error.reshape(count, _STARTS).argmin(1) + np.arange(count) * _STARTS
    return tuple(_reading(found[b], float(error[b]), float(scale[i]), parts[i], k) for i, b in enumerate(best))


def draw(fit: Fit, channels: bool = True) -> np.ndarray:
    """The fitted Gabor as a filter, float32 (C, k, k), or its plane (k, k) alone: what a transplant puts in."""
    return fit.colour[:, None, None] * fit.match[None] if channels else fit.match


def match(plane: np.ndarray, gabor: Gabor, row: float = 0.0, column: float = 0.0) -> tuple[float, np.ndarray]:
    """How well a Gabor set by hand explains a plane (k, k): R2 with the best height, and those values (k, k).

    `row` and `column` say where its middle lies, in pixels from the plane's, as a `Fit` does.
    """
    k, turned = plane.shape[-1], math.radians(gabor.theta)
    at = np.arange(k) - (k - 1) / 2
    y, x = np.meshgrid(at - row, at - column, indexing="ij")
    along, across = x * math.cos(turned) + y * math.sin(turned), y * math.cos(turned) - x * math.sin(turned)
    bell = np.exp(-0.5 * ((along / gabor.sigma) ** 2 + (across * gabor.gamma / gabor.sigma) ** 2))
    wave = bell * np.cos(2 * math.pi * gabor.frequency * along + math.radians(gabor.phase))
    size = float((wave**2).sum())
    height = float((wave * plane).sum()) / size if size else 0.0
    total = float(((plane - plane.mean()) ** 2).sum())
    error = float(((plane - height * wave) ** 2).sum())
    return (1 - error / total if total else 0.0), (height * wave).astype(np.float32)


def _starts(planes: np.ndarray) -> np.ndarray:
    """First guesses (F * starts, 8): the highest spectral peaks, each with a narrow and a wide bell."""
    count, k = len(planes), planes.shape[-1]
    size = 64
    flat = planes - planes.mean((1, 2), keepdims=True)
    spectrum = np.abs(np.fft.rfft2(flat, (size, size)))  # (F, 64, 33)
    vertical, horizontal = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    guesses = np.zeros((count, _STARTS, 8))
    grid = np.arange(k) - (k - 1) / 2
    energy = flat**2 / np.maximum((flat**2).sum((1, 2), keepdims=True), 1e-30)
    row, column = (energy.sum(2) * grid).sum(1), (energy.sum(1) * grid).sum(1)
    for peak in range(_STARTS // 2):
        flatly = spectrum.reshape(count, -1).argmax(1)
        v, u = vertical.ravel()[flatly // spectrum.shape[2]], horizontal.ravel()[flatly % spectrum.shape[2]]
        for width, share in enumerate((0.15, 0.3)):
            guess = guesses[:, 2 * peak + width]
            guess[:, 0], guess[:, 1] = 1.0, 0.5
            guess[:, 2], guess[:, 3] = row, column
            guess[:, 4], guess[:, 5] = v, u
            guess[:, 6] = guess[:, 7] = math.log(max(share * k, _SIGMA[0]))
        away = np.hypot(vertical[None] - v[:, None, None], horizontal[None] - u[:, None, None])
        spectrum = np.where(away < 0.75 / k, 0, spectrum)  # look elsewhere for the next peak
    return guesses.reshape(count * _STARTS, 8)


def _values(p: np.ndarray, k: int) -> np.ndarray:
    """The Gabors with parameters (B, 8), flattened, (B, k * k): cosine and sine height, middle, wave, log widths."""
    at = np.arange(k) - (k - 1) / 2
    y, x = (g.ravel()[None] for g in np.meshgrid(at, at, indexing="ij"))
    y, x = y - p[:, 2:3], x - p[:, 3:4]
    v, u = p[:, 4:5], p[:, 5:6]
    frequency = np.maximum(np.hypot(u, v), 1e-6)
    along, across = (x * u + y * v) / frequency, (y * u - x * v) / frequency
    bell = np.exp(-0.5 * ((along * np.exp(-p[:, 6:7])) ** 2 + (across * np.exp(-p[:, 7:8])) ** 2))
    wave = 2 * math.pi * frequency * along
    values: np.ndarray = bell * (p[:, :1] * np.cos(wave) + p[:, 1:2] * np.sin(wave))
    return values


def _bounded(p: np.ndarray, k: int) -> np.ndarray:
    """Parameters kept where a k x k filter can tell them: frequency up to 0.5, middle inside, sensible widths."""
    p = p.copy()
    p[:, 2:4] = p[:, 2:4].clip(-k / 2, k / 2)
    frequency = np.hypot(p[:, 4], p[:, 5])
    p[:, 4:6] *= (frequency.clip(0.5 / k, 0.5) / np.maximum(frequency, 1e-9))[:, None]
    p[:, 6:8] = p[:, 6:8].clip(math.log(_SIGMA[0]), math.log(_SIGMA[1] * k))
    return p


def _heights(p: np.ndarray, aims: np.ndarray, k: int) -> np.ndarray:
    """The same Gabors with the cosine and sine heights that fit best, by their two normal equations."""
    p = p.copy()
    unit = np.broadcast_to(np.array([[1.0, 0.0]]), (len(p), 2))
    cosine = _values(np.concatenate([unit, p[:, 2:]], 1), k)
    sine = _values(np.concatenate([unit[:, ::-1], p[:, 2:]], 1), k)
    cc, ss, cs = (cosine**2).sum(1) + 1e-9, (sine**2).sum(1) + 1e-9, (cosine * sine).sum(1)
    ca, sa = (cosine * aims).sum(1), (sine * aims).sum(1)
    lone = np.maximum(cc * ss - cs**2, 1e-12)
    p[:, 0], p[:, 1] = (ca * ss - sa * cs) / lone, (sa * cc - ca * cs) / lone
    return p


def _search(aims: np.ndarray, p: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Damped least squares for a whole batch: parameters (B, 8) and squared errors (B,)."""
    p = _heights(_bounded(p, k), aims, k)
    error, damp = ((aims - _values(p, k)) ** 2).sum(1), np.full(len(p), 1e-2)
    idle = np.zeros(len(p), int)
    for _ in range(_ROUNDS):
        live = np.flatnonzero(idle < _PATIENCE)
        if not len(live):
            break
        trial = _step(p[live], aims[live], damp[live], k)
        trial_error = ((aims[live] - _values(trial, k)) ** 2).sum(1)
        better = trial_error < error[live]
        idle[live] = np.where(trial_error < error[live] * (1 - 1e-4), 0, idle[live] + 1)
        p[live[better]], error[live[better]] = trial[better], trial_error[better]
        damp[live] = np.where(better, damp[live] * 0.3, damp[live] * 4).clip(1e-9, 1e9)
    return p, error


def _step(p: np.ndarray, aims: np.ndarray, damp: np.ndarray, k: int) -> np.ndarray:
    """The parameters one damped Gauss-Newton step further, (B, 8)."""
    now = _values(p, k)
    slopes = np.stack([(_values(p + _NUDGE * (np.arange(8) == j), k) - now) / _NUDGE for j in range(8)], 2)
    square = slopes.transpose(0, 2, 1) @ slopes  # (B, 8, 8)
    pull = slopes.transpose(0, 2, 1) @ (aims - now)[:, :, None]
    square += (square.diagonal(axis1=1, axis2=2) * damp[:, None] + 1e-9)[:, :, None] * np.eye(8)
    return _heights(_bounded(p + np.linalg.solve(square, pull)[..., 0], k), aims, k)


def _reading(p: np.ndarray, error: float, scale: float, part: tuple[np.ndarray, np.ndarray, float], k: int) -> Fit:
    """The parameters in the words of the lab: theta 0 to 180 degrees, phase of the cosine, R2 of the plane."""
    plane, colour, share = part
    cosine, sine, row, column, v, u = (float(value) for value in p[:6])
    if v < 0 or (v == 0 and u < 0):  # the same wave, told from the other end
        v, u, sine = -v, -u, -sine
    theta = math.degrees(math.atan2(v, u)) % 180
    along, across = math.exp(p[6]), math.exp(p[7])
    gabor = Gabor(
        frequency=float(np.clip(math.hypot(u, v), 0.01, 0.5)),
        theta=theta,
        sigma=float(np.clip(along, 0.3, 16)),
        gamma=float(np.clip(along / across, 0.2, 4)),
        phase=math.degrees(math.atan2(-sine, cosine)),
    )
    total = float(((plane - plane.mean()) ** 2).sum()) / scale**2
    values = (_values(p[None], k).reshape(k, k) * scale).astype(np.float32)
    r2 = 1 - error / total if total > 1e-12 else 0.0
    return Fit(gabor, row, column, math.hypot(cosine, sine) * scale, r2, colour, share, plane, values)
