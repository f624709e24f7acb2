"""One kernel over small pictures, and over a photo of 24 megapixels."""

from __future__ import annotations

import resource
from collections.abc import Callable

import cv2
import numpy as np

from cnnviz.signal.convolve import Sliding, convolve

Contenders = dict[str, Callable[[], object]]


def one_kernel(height: int, width: int, k: int, *, lecture: bool = True) -> Contenders:
    """Contenders for a k x k kernel on a gray picture with a reflected border; raises where they do not agree."""
    rng = np.random.default_rng(0)
    image = rng.random((height, width), np.float32)
    weights = (rng.standard_normal((k, k)) / k).astype(np.float32)
    sliding = Sliding(padding=k // 2, mode="reflect")

    def scipy() -> np.ndarray:
        from scipy import ndimage

        return ndimage.correlate(image, weights, mode="mirror")

    def torch() -> np.ndarray:
        import torch
        from torch.nn.functional import conv2d, pad

        with torch.inference_mode():
            x = pad(torch.from_numpy(image)[None, None], (k // 2,) * 4, mode="reflect")
            return conv2d(x, torch.from_numpy(weights)[None, None])[0, 0].numpy()

    contenders: Contenders = {
        "cnnviz": lambda: convolve(image, weights, sliding),
        "opencv": lambda: cv2.filter2D(image, cv2.CV_32F, weights, borderType=cv2.BORDER_REFLECT_101),
        "torch": torch,
    }
    if lecture:
        contenders["scipy"] = scipy
    answers = {name: np.asarray(run()) for name, run in contenders.items()}
    for name, answer in answers.items():
        if not np.allclose(answer, answers["cnnviz"], atol=1e-4):
            raise ValueError(f"{name} and cnnviz differ by {np.abs(answer - answers['cnnviz']).max():.2g}")
    return contenders


def large_photo() -> dict[str, float]:
    """Seconds for a 7 x 7 kernel on 24 megapixels of bytes, and how much memory that took beyond photo and answer."""
    import time

    photo = np.random.default_rng(0).integers(0, 256, (4000, 6000), np.uint8)
    weights, sliding = np.full((7, 7), 1 / 49, np.float32), Sliding(padding=3, mode="reflect")
    convolve(photo[:64, :64], weights, sliding)
    before, times, answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [], photo
    for _ in range(5):
        del answer
        began = time.perf_counter()
        answer = convolve(photo, weights, sliding)
        times.append(time.perf_counter() - began)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 - answer.nbytes
    return {"seconds": round(float(np.median(times)), 3), "extra_megabytes": round(max(0, grown) / 1e6, 1)}


BENCHMARKS: dict[str, Callable[[], Contenders]] = {
    "convolve/224/3": lambda: one_kernel(224, 224, 3),
    "convolve/1024/7": lambda: one_kernel(1024, 1024, 7),
    "convolve/512/21": lambda: one_kernel(512, 512, 21),
}
MEASURES: dict[str, Callable[[], dict]] = {"convolve/24mp/7": large_photo}
