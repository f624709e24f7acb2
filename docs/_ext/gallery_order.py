"""The order of the examples: from one convolution to a network of one's own."""

from __future__ import annotations

LESSONS = ("kernels_and_gabor", "grad_cam", "filter_images", "explain_folder", "train_and_look_inside")


def lesson(name: str) -> int:
    """The place of an example's file in the gallery; one that is not listed comes last."""
    stem = name.removesuffix(".py")
    return LESSONS.index(stem) if stem in LESSONS else len(LESSONS)
