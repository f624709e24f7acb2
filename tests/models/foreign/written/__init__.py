"""Files of one network by the torch of their name, and how they were made: `python __init__.py` beside that torch."""

from __future__ import annotations

import gzip
from pathlib import Path

import torch
from torch import nn

LOGITS = (0.6688005924224854, -0.22019997239112854, 0.13705092668533325)  # by the network itself, on `sample()`


class Block(nn.Module):
    """A residual block whose convolutions are plain and in two groups."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, groups=2), nn.BatchNorm2d(width)
        self.act = nn.ReLU6()

    def forward(self, x):
        return nn.functional.silu(x + self.bn2(self.conv2(self.act(self.bn1(self.conv1(x))))))


class Net(nn.Module):
    """Three classes; maps are pooled, enlarged and joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 5, 2, 2), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        self.layer1, self.pool = Block(8), nn.AdaptiveAvgPool2d(1)
        self.drop, self.fc = nn.Dropout(0.2), nn.Linear(16, 3)

    def forward(self, x):
        x = self.layer1(self.stem(x))
        small = nn.functional.avg_pool2d(x, 2)
        x = torch.cat([x, nn.functional.interpolate(small, size=x.shape[-2:], mode="nearest")], 1)
        return self.fc(self.drop(torch.flatten(self.pool(x), 1)))


def sample() -> torch.Tensor:
    """An input, (1, 3, 32, 32)."""
    return torch.linspace(-2, 2, 3 * 32 * 32).reshape(1, 3, 32, 32).sin()


def made() -> Net:
    """The network, with statistics of norms that matter."""
    torch.manual_seed(0)
    net = Net()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.5, 0.5)
            part.running_var.uniform_(0.5, 1.5)
    return net.eval()


def unpacked(folder: Path, suffix: str) -> dict[str, Path]:
    """The files with this suffix, written into a folder: by torch's version."""
    found = {}
    for path in sorted(Path(__file__).parent.glob(f"*{suffix}.gz")):
        file = folder / path.stem
        file.write_bytes(gzip.decompress(path.read_bytes()))
        found[file.name.removeprefix("torch-").removesuffix(suffix)] = file
    return found


def main() -> None:
    """One file of torch.export with any number of images, and one of the ONNX exporter that torch had before 2.9."""
    net, name = made(), f"torch-{torch.__version__.partition('+')[0]}"
    example = (torch.zeros(2, 3, 32, 32),)
    program = torch.export.export(net, example, dynamic_shapes=({0: torch.export.Dim("n", min=1, max=64)},))
    torch.export.save(program, f"{name}.pt2")
    torch.onnx.export(net, example, f"{name}.onnx", dynamo=False)


if __name__ == "__main__":
    main()
