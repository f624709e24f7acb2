"""The first layer of a trained network: its kernels, and the network's answer when Gabors take their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.options import RequestError
from cnnviz.signal.gabor import Gabor
from cnnviz.signal.gaborfit import Fit, draw, match

if TYPE_CHECKING:
    from torch import nn

    from cnnviz.inference.predict import Prediction
    from cnnviz.models.load import Model
    from cnnviz.photo import Photo


class FirstLayerError(RequestError):
    """The network has no convolution that looks at pixels."""


@dataclass(frozen=True)
class FirstLayer:
    """A network's first convolution: its name and its kernels, float32 (F, C, k, k)."""

    name: str
    weights: np.ndarray

    @property
    def side(self) -> int:
        """Pixels along one side of a kernel."""
        return int(self.weights.shape[-1])


def first_layer(net: nn.Module) -> FirstLayer:
    """The first convolution of a network. Raises `FirstLayerError` where there is none."""
    from torch import nn  # only here: the fits need no torch

    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            weights = module.weight.detach().cpu().numpy()
            weights.setflags(write=False)
            return FirstLayer(name, weights)
    raise FirstLayerError("This network has no convolution; choose one in the sidebar that has.")


def told(fits: Sequence[Fit]) -> dict[str, np.ndarray]:
    """The fits as columns of a table: filter, theta, frequency, sigma, gamma, R2, share of colour."""
    return {
        "Filter": np.arange(len(fits)),
        "θ (degrees)": np.array([f.gabor.theta for f in fits]),
        "Frequency (cycles/px)": np.array([f.gabor.frequency for f in fits]),
        "σ (px)": np.array([f.gabor.sigma for f in fits]),
        "γ": np.array([f.gabor.gamma for f in fits]),
        "R²": np.array([f.r2 for f in fits]),
        "One plane holds": np.array([f.share for f in fits]),
    }


def transplanted(
    layer: FirstLayer, fits: Sequence[Fit], chosen: Sequence[int], by_hand: Mapping[int, Gabor] | None = None
) -> np.ndarray:
    """The layer's kernels with Gabors in place of the chosen ones, float32 (F, C, k, k); the mean of each is kept.

    A Gabor in `by_hand` goes before the fitted one, at the height that suits the filter best.
    """
    weights, by_hand = layer.weights.copy(), by_hand or {}
    for i in chosen:
        fit, hand = fits[i], by_hand.get(i)
        if hand is not None:  # in the middle where the fit lies
            fit = replace(fit, match=match(fit.plane, hand, fit.row, fit.column)[1])
        graft = draw(fit)
        weights[i] = graft + (weights[i].mean((1, 2), keepdims=True) - graft.mean((1, 2), keepdims=True))
    return weights


def answers(model: Model, photo: Photo, layer: FirstLayer, weights: np.ndarray, top: int = 5) -> tuple[Prediction, ...]:
    """The network's prediction for a photo with other kernels in its first layer; the network itself stays as it is."""
    import torch

    from cnnviz.inference.predict import ranked

    device = next(model.net.parameters()).device
    x = model.preprocess.input(photo).to(device)
    with torch.inference_mode():
        graft = {f"{layer.name}.weight": torch.from_numpy(np.ascontiguousarray(weights, np.float32)).to(device)}
        logits = torch.func.functional_call(model.net, graft, (x,))
    return ranked(logits[0].float().cpu().numpy(), model.labels, top)
