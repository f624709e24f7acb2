"""Banks of complex Gabor kernels on a 512 x 512 picture, and fits to noisy filters."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from cnnviz.signal import gabor as g
from cnnviz.signal.gaborfit import fit_gabors

Contenders = dict[str, Callable[[], object]]


def picture(side: int = 512) -> np.ndarray:
    """Stripes in many directions and noise, float32 (side, side)."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    waves = np.sin(0.6 * x) + np.sin(0.3 * (x + y)) + np.sin(np.hypot(x - side / 2, y - side / 2))
    return waves + np.random.default_rng(0).standard_normal((side, side)).astype(np.float32)


def bank(count: int) -> Sequence[g.Gabor]:
    """The lecture's eight filters, or 8 directions x 4 frequencies x 2 widths: kernels of 7 to 19 pixels."""
    if count == 8:
        return g.bank()
    return g.bank([22.5 * i for i in range(8)], (0.1, 0.2, 0.3, 0.4), (1.0, 3.0))


def responses(count: int) -> Contenders:
    """Contenders for the response magnitudes of a bank; raises where they do not agree to 1e-3."""
    image, gabors = picture(), bank(count)
    kernels = [g.kernel(gabor) for gabor in gabors]
    normal = g.normalise(image)

    def scipy() -> np.ndarray:
        from scipy import ndimage

        return np.stack(
            [
                np.sqrt(
                    ndimage.convolve(normal, k.real, mode="wrap") ** 2
                    + ndimage.convolve(normal, k.imag, mode="wrap") ** 2
                )
                for k in kernels
            ]
        )

    def opencv() -> np.ndarray:
        pad = max(max(k.shape) for k in kernels) // 2
        wrapped = cv2.copyMakeBorder(normal, pad, pad, pad, pad, cv2.BORDER_WRAP)
        inner = np.s_[pad:-pad, pad:-pad]
        return np.stack(
            [
                cv2.magnitude(*(cv2.filter2D(wrapped, cv2.CV_32F, np.ascontiguousarray(p)) for p in (k.real, k.imag)))[
                    inner
                ]
                for k in kernels
            ]
        )

    def torch() -> np.ndarray:
        import torch
        from torch.nn.functional import conv2d, pad

        x = torch.from_numpy(normal)[None, None]
        out = []
        with torch.inference_mode():
            for k in kernels:
                up, left = k.shape[0] // 2, k.shape[1] // 2
                both = torch.from_numpy(np.stack([k.real, k.imag]))[:, None]
                answer = conv2d(pad(x, (left, left, up, up), mode="circular"), both)
                out.append(answer.square().sum(1).sqrt()[0])
            return torch.stack(out).numpy()

    def ours() -> np.ndarray:
        return g.responses(image, gabors)

    contenders = {"cnnviz": ours, "scipy": scipy, "opencv": opencv, "torch": torch}
    agree({name: run() for name, run in contenders.items()}, 1e-3)
    return contenders


def agree(answers: dict[str, np.ndarray], within: float) -> None:
    """Raises `ValueError` where an answer is further from ours than that, anywhere."""
    for name, answer in answers.items():
        off = float(np.abs(answer - answers["cnnviz"]).max())
        if off > within:
            raise ValueError(f"{name} and cnnviz differ by {off:.2g}")


def noisy(rng: np.random.Generator, side: int = 11) -> tuple[g.Gabor, np.ndarray]:
    """A known Gabor in a random colour with noise of 0.3 deviations: (truth, weights (3, side, side))."""
    gabor = g.Gabor(
        float(rng.uniform(0.08, 0.4)),
        float(rng.uniform(0, 180)),
        float(rng.uniform(1.5, 3)),
        float(rng.uniform(0.6, 1.4)),
        float(rng.uniform(-180, 180)),
    )
    wave, half = g.kernel(gabor).real, side // 2
    plane = np.pad(wave, half)[wave.shape[0] // 2 :, wave.shape[1] // 2 :][:side, :side]
    plane = plane / plane.std() + rng.normal(0, 0.3, (side, side))
    colour = rng.normal(size=3)
    weights = (colour / np.linalg.norm(colour))[:, None, None] * plane
    return gabor, (weights + rng.normal(0, 0.05, weights.shape)).astype(np.float32)


def recovery() -> dict[str, float]:
    """How many of 200 noisy filters the fit finds: theta within 5 degrees and frequency within 10 %."""
    import time

    rng = np.random.default_rng(int(os.environ.get("SEED", "0")))
    cases = [noisy(rng) for _ in range(200)]
    began = time.perf_counter()
    fits = fit_gabors(np.stack([weights for _, weights in cases]))
    taken = time.perf_counter() - began
    turned = np.array([abs((f.gabor.theta - t.theta + 90) % 180 - 90) for (t, _), f in zip(cases, fits, strict=True)])
    off = np.array([abs(f.gabor.frequency / t.frequency - 1) for (t, _), f in zip(cases, fits, strict=True)])
    return {"recovered": float(np.mean((turned < 5) & (off < 0.1))), "cases": 200, "seconds": round(taken, 2)}


BENCHMARKS: dict[str, Callable[[], Contenders]] = {
    "gabor/512/8": lambda: responses(8),
    "gabor/512/64": lambda: responses(64),
}
MEASURES: dict[str, Callable[[], dict]] = {"gabor/fit": recovery}
