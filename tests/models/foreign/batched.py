"""Networks whose source reads the batch's size, with what is a plain number once they are exported."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.models.foreign import nets
from tests.models.foreign.onnx import exports


class Stem(nn.Module):
    """A convolution of 8 channels on 16 x 16 pixels, and a head of 4 classes."""

    size = (3, 16, 16)
    features = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        self.head = nn.Linear(self.features, 4)

    def maps(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x))


class Normalised(Stem):
    """Features of length 1."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.normalize(self.maps(x).mean((2, 3))))


class Cosine(Stem):
    """The similarity of features to learnt ones."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.randn(4, 8))
        self.alike = nn.CosineSimilarity(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        return self.alike(self.maps(x).mean((2, 3))[:, None], self.rows[None]) * 10


class Squeezed(Stem):
    """Squeeze-and-excitation as the paper's code has it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        x = self.maps(x)
        b, c, _, _ = x.size()
        y = self.gate(F.adaptive_avg_pool2d(x, 1).view(b, c)).view(b, c, 1, 1)
        return self.head((x * y.expand_as(x)).mean((2, 3)))


class Shuffled(Stem):
    """A shuffle of channels in groups."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.maps(x)
        b, c, h, w = x.size()
        x = x.view(b, 4, c // 4, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)
        return self.head(x.mean((2, 3)))


class Sized(Stem):
    """The same with sizes that are plain numbers while it is traced."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.maps(x)
        b, c, h, w = x.data.size()
        x = x.view(b, 4, c // 4, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)
        return self.head(x.mean((2, 3)))


class Heads(Stem):
    """Attention between positions."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.maps(x).flatten(2).transpose(1, 2)
        return self.head((rows + self.attention(rows, rows, rows)[0]).mean(1))


class Encoded(Stem):
    """A layer of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.maps(x).flatten(2).transpose(1, 2)).mean(1))


class Token(Encoded):
    """A class token before the positions."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, 8))

    def forward(self, x: Tensor) -> Tensor:
        rows = self.maps(x).flatten(2).transpose(1, 2)
        rows = torch.cat([self.token.expand(rows.shape[0], -1, -1), rows], 1)
        return self.head(self.layer(rows)[:, 0])


class Bilinear(Stem):
    """Products of all pairs of features."""

    features = 64

    def forward(self, x: Tensor) -> Tensor:
        x = self.maps(x)
        b, c, h, w = x.size()
        rows = x.view(b, c, h * w)
        both = torch.bmm(rows, rows.transpose(1, 2)).div(h * w).view(b, c * c)
        return self.head(F.normalize(torch.sign(both) * torch.sqrt(both.abs() + 1e-5)))


class Viewed(Stem):
    """All features as one row."""

    features = 512

    def forward(self, x: Tensor) -> Tensor:
        x = self.maps(x)
        return self.head(x.view(x.size(0), -1))


class Split(Stem):
    """Split attention, the branches stacked."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1, groups=2) for _ in range(2))
        self.gates = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.maps(x)
        parts = torch.stack([F.relu(one(x)) for one in self.branches], 1)
        mean = parts.sum(1).mean((2, 3), keepdim=True)
        gates = torch.stack([one(mean) for one in self.gates], 1).softmax(1)
        return self.head((parts * gates.expand_as(parts)).sum(1).mean((2, 3)))


class Radix(Stem):
    """Split attention as ResNeSt has it, with a softmax over the radix."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(8, 16, 3, padding=1, groups=4)
        self.gate = nn.Conv2d(8, 16, 1, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.wide(self.maps(x)))
        b, rc, h, w = x.shape
        x = x.reshape(b, 2, rc // 2, h, w)
        gate = self.gate(x.sum(1).mean((2, 3), keepdim=True))
        gate = gate.view(b, 2, 2, -1).transpose(1, 2).softmax(1).reshape(b, -1)
        return self.head((x * gate.reshape(b, 2, rc // 2, 1, 1)).sum(1).mean((2, 3)))


NETS = {
    kind.__name__: kind
    for kind in (
        Normalised, Cosine, Squeezed, Shuffled, Sized, Heads, Encoded, Token, Bilinear, Viewed, Split, Radix,
    )
}  # fmt: skip


def written(net: nn.Module, way: str, batch: int, folder: Path) -> Path:
    """The file of a net that was exported with an example batch of so many photos."""
    size = net.size
    if way == "pt2":
        path, content = folder / f"net{batch}.pt2", nets.exported(net, size, batch)
    else:
        path = folder / f"net{batch}.onnx"
        more = {"dynamic_axes": {"x": {0: "n"}}} if "any" in way else {}
        content = exports.exported(net, size, "TorchScript" not in way, batch=batch, **more)
    path.write_bytes(content)
    return path


def made(name: str) -> nn.Module:
    """A net by its name."""
    torch.manual_seed(3)
    return NETS[name]().eval()
