"""Filter images in bulk, into a folder: some channels of a layer, or a whole network shared among devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from cnnviz import picture, settings
from cnnviz.cli.folders import Ray, executor
from cnnviz.cli.group import cropped, opened
from cnnviz.cli.output import progress as shown_progress
from cnnviz.feature_vis import sheet
from cnnviz.feature_vis.maximize import FilterImage
from cnnviz.feature_vis.prepare import LOGITS
from cnnviz.feature_vis.recipes import Ascent
from cnnviz.feature_vis.setup import AscentError
from cnnviz.inference.device import resolve
from cnnviz.inference.tap import tap
from cnnviz.models.weights import Progress
from cnnviz.options import RequestError
from cnnviz.photo import Crop, Photo
from cnnviz.runtime.engine import Engine

USUAL = "0-15"  # channels of a layer, where none are asked for


def grow(
    key: str,
    weights: Path | None,
    progress: Progress | None,
    tell: Callable[[str], object],
    *,
    layer: str,
    channels: str | None,
    photo: Path | None,
    photo_crop: Crop,
    recipe: str,
    device: str,
    devices: int,
    out: Path,
    ray: Ray,
    **knobs: Any,
) -> None:
    """Write a PNG for each filter and a contact sheet for each layer; `tell` gets one line a layer.

    Layers are remembered on disk filter by filter, so an interrupted run continues where it stopped. On Ray it is the
    folder `out` that remembers, batch by batch.
    """
    if out.is_file():
        raise RequestError(f"{out.name} is a file; name a folder for the images.")
    if photo is not None and photo.suffix.lower() == ".png" and photo.resolve().parent == out.resolve():
        raise RequestError(
            f"{photo.name} lies in --out, where PNG files are written; name another folder for the images."
        )
    if photo is None and photo_crop != "centre":
        raise RequestError("--crop is what the network gets of --photo; name one, or use --random-crop for the steps.")
    rank, world, device = _place(devices, device) if devices > 1 else (0, 1, device)
    engine = Engine(device=device, cache_dir=settings.cache(), weights=weights)
    engine.model(key, progress)
    given = {name: value for name, value in knobs.items() if value is not None}
    ascent = replace(engine.recipe(key, recipe), **given)
    taken = None if photo is None else opened(photo, photo_crop)
    start = taken if ascent.start == "photo" else None
    widths = engine.filter_layers(key)

    def wanted_of(name: str) -> Sequence[int]:
        count = widths[name] if name in widths else _width(engine, key, name)
        if channels is None and layer == "all":
            return range(count)
        return sheet.channels(channels or USUAL, count, ascent.seed, _answers(engine, key, name, taken))

    names = [*widths][rank::world] if layer == "all" else (layer,)
    if ray.address is not None:
        if start is not None or ascent.diversity or devices > 1:
            raise RequestError("Ray is for images of their own; leave out --start photo, --diversity and --devices.")
        return _on_ray(engine, key, ascent, names, wanted_of, out, ray, tell)
    for name in names:
        try:
            wanted = wanted_of(name)
            events = engine.filters(key, None if name == LOGITS else name, wanted, ascent, start)
            images = [event.image for event in events if event.image is not None]
        except (AscentError, sheet.ChannelsError) as error:
            if layer != "all":
                raise
            tell(f"{name}: left out. {error}")
            continue
        write(images, out)
        tell(f"{name}: {len(images)} filters of {len(images[0].picture)} px{cropped(photo_crop)}, in {out}")


def write(images: list[FilterImage], out: Path) -> None:
    """One PNG a filter, named layer_filter, and a contact sheet of them, named layer."""
    out.mkdir(parents=True, exist_ok=True)
    for image in images:
        path = out / f"{sheet.file_name(image.layer, str(image.aim))}.png"
        path.write_bytes(picture.encode(image.picture, "png"))
    _write_sheet(images[0].layer, [image.picture for image in images], out)


def _write_sheet(layer: str, pictures: Sequence[np.ndarray], out: Path) -> None:
    whole = sheet.contact_sheet(pictures)
    (out / f"{sheet.file_name(layer, 'sheet')}.png").write_bytes(picture.encode(whole, "png"))


def _on_ray(
    engine: Engine,
    key: str,
    ascent: Ascent,
    names: Sequence[str],
    wanted_of: Callable[[str], Sequence[int]],
    out: Path,
    ray: Ray,
    tell: Callable[[str], object],
) -> None:
    """The same by the workers of a Ray cluster, with a table of all images in results.parquet."""
    from cnnviz.runtime import filter_work, folder_work

    items = [filter_work.item(name, channel) for name in names for channel in wanted_of(name)]
    found = folder_work.run(
        engine, filter_work.FilterImages(key, ascent), items, out, executor(engine, ray),
        shown_progress("optimises", "images", 1), filter_work.TOGETHER,
    )  # fmt: skip
    layers = found.rows["layer"].to_pylist()
    files = found.rows["file"].to_pylist()
    for name in names:
        pictures = [np.asarray(Image.open(out / file)) for file, of in zip(files, layers, strict=True) if of == name]
        if pictures:
            _write_sheet(name, pictures, out)
            tell(f"{name}: {len(pictures)} filters of {len(pictures[0])} px, in {out}")
        else:
            left = dict(found.unreadable)
            why = next(left[one.title] for one in items if filter_work.place(one)[0] == name)
            if len(names) == 1:
                raise RequestError(why)
            tell(f"{name}: left out. {why}")


def _width(engine: Engine, key: str, layer: str) -> int:
    """The number of channels of a layer that is not in the list, such as a ReLU or a fully connected one."""
    model = engine.model(key)
    with torch.inference_mode():
        x = torch.zeros(1, *model.input_size, device=next(model.net.parameters()).device)
        return tap(model.net, x, [layer], stop=True)[1][layer].shape[1]


def _answers(engine: Engine, key: str, layer: str, photo: Photo | None) -> Callable[[], list[int]] | None:
    """What lists the channels by how much they answer a photo."""
    if photo is None:
        return None
    if layer == LOGITS:
        return lambda: [p.index for p in engine.predict(key, photo, len(engine.model(key).labels))]
    return lambda: np.argsort(-engine.activations(key, photo, layer).mean, kind="stable").tolist()


def _place(devices: int, device: str) -> tuple[int, int, str]:
    """Rank of the process, number of processes and the device, as Lightning Fabric gives them."""
    kind, _, number = device.partition(":")
    if number:
        raise RequestError(f"{device} is one device; leave --devices out, or give --device {kind}.")
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator=resolve(kind), devices=devices)
    fabric.launch()
    return fabric.global_rank, fabric.world_size, str(fabric.device)
