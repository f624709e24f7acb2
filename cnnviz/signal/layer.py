"""One layer of a network, spelled out: filters, biases, ReLU and pooling over an image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from cnnviz.signal.code import as_pytorch
from cnnviz.signal.convolve import Sliding, convolve, inside
from cnnviz.signal.pooling import pool, relu


@dataclass(frozen=True)
class ConvLayer:
    """Weights (F, C, k, k), biases (F,), how the window walks, and where the layer ends: "conv", "relu" or "pool"."""

    weights: np.ndarray
    bias: np.ndarray
    sliding: Sliding = field(default_factory=Sliding)
    stage: str = "conv"
    pool_kind: str = "max"
    pool_size: int = 2
    pool_stride: int = 0  # 0: as large as the pooling window
    white: int = 255  # what a white pixel counts: 255, or 1 where pixels are read as 0 to 1
    flip: bool = False  # true convolution: the kernels slide rotated by 180 degrees

    @property
    def scale(self) -> float:
        """What the numbers of `maps` are multiplied by, to be those of pixels from 0 to `white`."""
        return self.white / 255

    @property
    def channels(self) -> int:
        """Input planes of each filter: 1 for gray, 3 for colour."""
        return int(self.weights.shape[1])

    @property
    def applied(self) -> np.ndarray:
        """The weights as they slide, (F, C, k, k): as they are, or, for true convolution, rotated by 180 degrees."""
        return self.weights[..., ::-1, ::-1] if self.flip else self.weights

    def inside(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns of the output before pooling whose window touches no zero around a picture (H, W).

        All of them where the border is no zeros, or no window is free of it.
        """
        height, width = (inside(n, self.weights.shape[-1], self.sliding) for n in shape)
        return height, width

    def maps(self, planes: np.ndarray) -> np.ndarray:
        """The layer's output, float32 (F, H', W'), for planes (C, H, W) and a bias in units of 0 to 255."""
        maps = convolve(planes, self.applied, self.sliding, self.bias)
        if self.stage != "conv":
            maps = relu(maps)
        return (
            pool(maps, self.pool_size, self.pool_stride or None, kind=self.pool_kind) if self.stage == "pool" else maps
        )

    def most(self, planes: np.ndarray, filter: int) -> float:
        """The largest magnitude of a filter's map before ReLU and pooling: one colour scale for all three."""
        one = replace(self, weights=self.weights[[filter]], bias=self.bias[[filter]], stage="conv")
        return float(np.abs(one.maps(planes)).max())

    def pytorch(self, source: str) -> str:
        """The script that computes the same in PyTorch; `source` are the lines that make `picture`."""
        return as_pytorch(
            self.weights,
            self.sliding,
            self.bias,
            relu=self.stage != "conv",
            pooling=self.pool_kind if self.stage == "pool" else None,
            pool_size=self.pool_size,
            pool_stride=self.pool_stride,
            white=self.white,
            flip=self.flip,
            source=source,
        )
