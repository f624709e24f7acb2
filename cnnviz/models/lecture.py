"""The small networks of the lectures: 3 x 3 convolutions without padding, max pooling, and one of two heads.

They are plain `nn.Sequential`s, so every layer has a readable name: conv1, relu1, pool1, ..., gap, flatten,
hidden, out. Listing them needs no torch; building one brings it in.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.options import Options, RequestError, knob

if TYPE_CHECKING:
    from torch import nn

HEADS = ("none", "flatten", "gap")
HEAD_LAYERS = ("flatten", "norm", "dropout", "hidden", "relu", "out")  # behind the pooled maps


@dataclass(frozen=True)
class LectureNet(Options):
    """What a lecture network is made of; `build` turns it into a module."""

    title: str
    widths: tuple[int, ...]
    head: str = knob(
        "gap", "Pooling before the head: flatten, or global average pooling (one mean per channel)", choices=HEADS
    )
    pools: int = knob(2, "How many convolutions are followed by a 2 x 2 max pooling", low=0, high=8)
    hidden: int = knob(0, "Units of the hidden layer before the output; 0 for none", low=0, high=4096)
    outputs: int = knob(10, "Logits; 1 means one sigmoid for two classes", low=1, high=10_000)
    channels: int = knob(1, "Input channels: 1 for gray, 3 for colour", choices=(1, 3))
    size: int = knob(28, "Side of the square input", low=16, high=512, unit="px")
    dropout: float = knob(0.0, "Dropout: share of the features set to zero in training", low=0.0, high=0.9, step=0.05)
    batch_norm: bool = knob(False, "BatchNorm after each convolution")
    head_norm: bool = knob(False, "BatchNorm before the head")

    @property
    def features(self) -> int:
        """How many features reach the head; 0 where there is none.

        Raises `RequestError` where the input is too small for that many convolutions and poolings.
        """
        side = self.size
        for i in range(1, len(self.widths) + 1):
            side -= 2
            if i <= self.pools:
                side //= 2
            if side < 1:
                raise RequestError(f"{self.size} px are too few for {self.title}: nothing is left after layer conv{i}.")
        maps = (self.channels, *self.widths)[-1]
        return {"none": 0, "gap": maps, "flatten": maps * side**2}[self.head]

    @property
    def parameters(self) -> int:
        """The number of learned weights and biases."""
        features = self.features
        sizes = zip((self.channels, *self.widths), self.widths, strict=False)
        count = sum((9 * before + 1 + 2 * self.batch_norm) * width for before, width in sizes)
        if not features:
            return count
        count += 2 * features * self.head_norm
        if self.hidden:
            count += (features + 1) * self.hidden
        return count + ((self.hidden or features) + 1) * self.outputs


def build(spec: LectureNet) -> nn.Sequential:
    """The module of a spec: (N, channels, size, size) in, (N, outputs) logits out; with head "none" the last maps.

    Raises `RequestError` where the input is too small for that many convolutions and poolings.
    """
    from torch import nn

    parts: OrderedDict[str, nn.Module] = OrderedDict()
    before, features = spec.channels, spec.features
    for i, width in enumerate(spec.widths, start=1):
        parts[f"conv{i}"] = nn.Conv2d(before, width, kernel_size=3)
        if spec.batch_norm:
            parts[f"bn{i}"] = nn.BatchNorm2d(width)
        parts[f"relu{i}"] = nn.ReLU()
        if i <= spec.pools:
            parts[f"pool{i}"] = nn.MaxPool2d(2)
        before = width
    if spec.head != "none":
        if spec.head == "gap":
            parts["gap"] = nn.AdaptiveAvgPool2d(1)  # (N, C, h, w) -> (N, C, 1, 1)
        parts["flatten"] = nn.Flatten()
        if spec.head_norm:  # means of whole maps differ little from picture to picture; this brings the difference out
            parts["norm"] = nn.BatchNorm1d(features)
        if spec.dropout:
            parts["dropout"] = nn.Dropout(spec.dropout)
        if spec.hidden:
            parts["hidden"] = nn.Linear(features, spec.hidden)
            parts["relu"] = nn.ReLU()
        parts["out"] = nn.Linear(spec.hidden or features, spec.outputs)
    return nn.Sequential(parts)


def fold(net: nn.Sequential) -> nn.Sequential:
    """A copy in evaluation mode with each batch norm folded into its convolution: same logits, fewer layers."""
    import torch
    from torch import nn

    parts: OrderedDict[str, nn.Module] = OrderedDict()
    last = ""
    for name, part in net.eval().named_children():
        if isinstance(part, nn.BatchNorm2d):
            conv = parts[last]
            assert isinstance(conv, nn.Conv2d)
            parts[last] = torch.nn.utils.fusion.fuse_conv_bn_eval(conv, part)
        else:
            parts[name] = part
        last = name if isinstance(part, nn.Conv2d) else last
    return nn.Sequential(parts).eval()


_MNIST = (32, 64, 64)
_CATS = (32, 64, 128, 128)
NETS: dict[str, LectureNet] = {
    "mnist_base": LectureNet("MNIST convolutional base", _MNIST, head="none"),
    "mnist_flatten": LectureNet("MNIST network, flatten", _MNIST, head="flatten", hidden=64),
    "mnist_gap": LectureNet("MNIST network, global average pooling", _MNIST, head="gap"),
    "mnist_no_pool": LectureNet("MNIST network without max pooling", _MNIST, head="flatten", hidden=64, pools=0),
    "cats_gap": LectureNet(
        "Cats and dogs, global average pooling",
        _CATS,
        head="gap",
        pools=4,
        hidden=512,
        outputs=1,
        channels=3,
        size=150,
        dropout=0.5,
    ),
    "cats_flatten": LectureNet(
        "Cats and dogs, flatten",
        _CATS,
        head="flatten",
        pools=4,
        hidden=512,
        outputs=1,
        channels=3,
        size=150,
        dropout=0.5,
    ),
}
