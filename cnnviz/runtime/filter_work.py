"""Filter images of many channels, or of a whole network, as work in batches like that over folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from cnnviz import picture
from cnnviz.feature_vis import sheet
from cnnviz.feature_vis.prepare import LOGITS
from cnnviz.feature_vis.recipes import Ascent
from cnnviz.feature_vis.setup import AscentError
from cnnviz.runtime import feature_vis
from cnnviz.runtime.backend import Backend
from cnnviz.runtime.folder_questions import Answer, told
from cnnviz.runtime.shards import Item

TOGETHER = 16  # channels of a batch, which are optimised at once


@dataclass(frozen=True)
class FilterImages:
    """The image that maximises each channel, as a PNG in the folder of the results.

    `value` is the objective of the image, `before` that of the image it began with.
    """

    key: str
    ascent: Ascent
    columns: ClassVar[Mapping[str, str]] = {
        "file": "string", "layer": "string", "channel": "int32", "value": "float32", "before": "float32",
    }  # fmt: skip
    apart: ClassVar[bool] = True

    def told(self, backend: Backend) -> dict[str, object]:
        """Everything that the answer depends on, beside the channels."""
        return told("filters", backend, self.key, **asdict(self.ascent))

    def work(self, backend: Backend, items: Sequence[Item], out: Path, pool: ThreadPoolExecutor) -> Answer:
        """The rows of a batch; its images are written into `out`."""
        rows: list[dict[str, Any]] = []
        errors: dict[str, str] = {}
        for layer, some in groupby(items, lambda item: place(item)[0]):
            named = {place(item)[1]: item for item in some}
            try:
                events = feature_vis.filters(
                    backend, self.key, None if layer == LOGITS else layer, [*named], self.ascent
                )
                images = {event.image.aim.channel: event.image for event in events if event.image is not None}
            except AscentError as error:
                errors.update(dict.fromkeys((item.name for item in named.values()), str(error)))
                continue
            for channel, one in named.items():
                image = images[channel]
                (out / one.name).write_bytes(picture.encode(image.picture, "png"))
                row = {"file": one.title, "layer": layer, "channel": channel}
                rows.append(row | {"value": image.value, "before": image.before})
        return rows, errors


def item(layer: str, channel: int) -> Item:
    """A channel of a layer, called as its image is."""
    return Item(f"{sheet.file_name(layer, str(channel))}.png", f"{layer}:{channel}", "")


def place(item: Item) -> tuple[str, int]:
    """Its layer and channel."""
    layer, _, channel = item.path.rpartition(":")
    return layer, int(channel)
