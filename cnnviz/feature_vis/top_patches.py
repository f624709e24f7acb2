"""The places in real photos where a channel is most active: nine of them beside its filter image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.inference.tap import LayerError
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.photo import Photo, PhotoError
from cnnviz.signal.receptive import Field

TOP = 9
MOST = 400  # photos of a folder that are asked, evenly spread over it
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


@dataclass(frozen=True)
class Patches:
    """For each channel the photos with its highest activation, one place in each, best first.

    value  float32 (K, n), the activation;  photo  int (K, n), index into `photos`
    active int (K,), in how many of all photos the channel is above 0 anywhere
    box    int (K, n, 4), left, top, right, bottom of the receptive field in the network's input, `side` px wide
    """

    layer: str
    photos: tuple[str, ...]
    value: np.ndarray
    active: np.ndarray
    photo: np.ndarray
    box: np.ndarray
    side: tuple[int, int]  # (H, W)


def photos_in(folder: Path) -> tuple[Path, ...]:
    """At most 400 photos of a folder and its subfolders, evenly spread. Raises `RequestError` where there is none."""
    if not folder.is_dir():
        raise RequestError(f"There is no folder {folder.name!r} on this machine; choose another one.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not found:
        raise RequestError(f"The folder {folder.name!r} holds no photos; choose another one.")
    return tuple(found[i] for i in np.unique(np.linspace(0, len(found) - 1, min(MOST, len(found))).astype(int)))


def patches(
    layer: str,
    run: Callable[[Tensor], Tensor],
    preprocess: Preprocess,
    field: Field | None,
    photos: Sequence[Path | Photo],
    told: Callable[[float], None] = lambda _: None,
) -> Patches:
    """The patches of every channel at once; unreadable photos are passed over, `told` hears the share done."""
    _, height, width = preprocess.size
    best, active = torch.empty(0, 0), torch.zeros((), dtype=torch.long)
    names: list[str] = []
    for i, source in enumerate(photos):
        try:
            photo = source if isinstance(source, Photo) else Photo.open(source, pixels=1024**2)
        except PhotoError:
            continue
        with torch.no_grad():
            maps = run(preprocess.input(photo))
        if maps.ndim != 4:
            raise LayerError(
                f"Layer {layer!r} has output {tuple(maps.shape[1:])}, not feature maps; choose a convolutional layer."
            )
        value, unit = maps[0].flatten(1).max(1)  # (K, h, w) -> (K,)
        active = active + (value > 0).cpu()
        row = torch.stack([value.double(), torch.full_like(value, len(names)).double(), unit.double()], 1)[:, None]
        names.append(str(source) if isinstance(source, Path) else source.name)
        best = row.cpu() if not best.numel() else torch.cat([best, row.cpu()], 1)  # (K, n, 3)
        order = best[..., 0].argsort(dim=1, descending=True, stable=True)[:, :TOP]
        best = best.gather(1, order[..., None].expand(-1, -1, 3))
        shape = maps.shape[2:]
        told((i + 1) / len(photos))
    if not names:
        raise RequestError("None of these photos can be read; choose another folder.")
    unit_of = best[..., 2].long().numpy()
    box = boxes(field, unit_of, (shape[0], shape[1]), (height, width))
    return Patches(
        layer, tuple(names), read_only(best[..., 0].float().numpy()), read_only(active.numpy()),
        read_only(best[..., 1].long().numpy()),
        read_only(box), (height, width),
    )  # fmt: skip


def boxes(field: Field | None, unit: np.ndarray, size: tuple[int, ...], side: tuple[int, ...]) -> np.ndarray:
    """Left, top, right, bottom of the receptive fields of units of maps (h, w), in an input (H, W): int (*, 4)."""
    across = _span(field, unit % size[1], side[1], size[1])
    down = _span(field, unit // size[1], side[0], size[0])
    return np.stack([across[0], down[0], across[1], down[1]], -1)


def drawn(seen: np.ndarray, box: Sequence[int], edge: int = 0) -> np.ndarray:
    """The network's input, uint8 (H, W, 3), dim outside of a receptive field and with its edge drawn around it."""
    left, top, right, bottom = box
    edge = edge or max(1, len(seen) // 112)
    shown = (seen * 0.4).astype(np.uint8)
    shown[max(0, top - edge) : bottom + edge, max(0, left - edge) : right + edge] = (255, 200, 40)
    shown[top:bottom, left:right] = seen[top:bottom, left:right]
    return shown


def _span(field: Field | None, unit: np.ndarray, length: int, units: int) -> np.ndarray:
    """First pixel and the one after the last of a unit's receptive field, within the picture: int (2, *unit.shape)."""
    if field is None or field.whole:
        return np.stack([np.zeros_like(unit), np.full_like(unit, length)])
    first = np.round(field.middle + unit * field.jump - (field.size - 1) / 2).astype(int)
    return np.stack([first.clip(0, length - 1), (first + field.size).clip(1, length)])
