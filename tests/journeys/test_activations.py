"""Activations: the grid is of the photo, the layer and the network that are chosen now, to the pixel and the number."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cnnviz import picture
from cnnviz.measured import measured
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from tests.journeys.steps import at_rest, frames, pixels

if TYPE_CHECKING:
    from playwright.sync_api import Page

NET, OTHER = "bundled/cats_dogs", "lecture/cats_gap"


def jpeg(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG", quality=95)
    return file.getvalue()


def choose(page: Page, label: str, option: str) -> None:
    """Takes an option of a searchable list."""
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=re.compile(option)).first.click()
    at_rest(page)


def pick_photo(page: Page, name: str) -> None:
    page.locator("section[data-testid=stSidebar]").get_by_role("radio", name=name, exact=True).click()
    at_rest(page)


def small(image: np.ndarray, side: int = 24) -> np.ndarray:
    """An image averaged down, float (side, side, 3)."""
    shrunk = Image.fromarray(np.ascontiguousarray(image[..., :3])).resize((side, side), Image.Resampling.BOX)
    return np.asarray(shrunk).astype(float)


def far(a: np.ndarray, b: np.ndarray) -> float:
    """How far two images are apart, in levels of 255."""
    return float(np.abs(small(a) - small(b)).mean())


def assert_grid(page: Page, engine: Engine, key: str, layer: str, *photos: Photo) -> None:
    """The first tiles, the photo beside them and the number under the pointer are those of what is chosen."""
    every = [engine.activations(key, photo, layer) for photo in photos]
    reach = np.abs(np.stack([one.maps for one in every])).max((0, 2, 3))
    grid = page.locator(".maps").first
    scroll, canvas = grid.locator(".scroll"), grid.locator("canvas.tiles-canvas")
    scroll.evaluate("e => (e.scrollTop = 0)")
    page.mouse.move(2, 2)
    frames(grid)
    assert re.search(r"Channels of (\S+)\.", scroll.get_attribute("aria-label"))[1] == layer
    size = float(grid.locator("input[type=range]").input_value())
    box = scroll.bounding_box()
    drawn, width = pixels(canvas), scroll.evaluate("e => e.clientWidth")
    count, height, across = every[0].maps.shape
    columns = max(1, min(count, int((width + 4) // (size * len(photos) + 4))))
    wide = min((width - 4 * (columns - 1)) // columns, 320 * len(photos))
    high = max(8, round(wide / len(photos) * height / across))
    scale = drawn.shape[1] / width
    for channel in (1, min(columns, count) - 1):  # 0 may be framed; these stand in the first row
        for part, one in enumerate(every):
            left = channel * (wide + 4) + part * wide / len(photos)
            cut = (slice(round(3 * scale), round((high - 3) * scale)),
                   slice(round((left + 3) * scale), round((left + wide / len(photos) - 3) * scale)))  # fmt: skip
            values = one.maps[channel]
            wanted = picture.diverging(values, float(reach[channel]) or 1.0)
            tall, broad = wanted.shape[:2]
            down, aside = 3 / high, 3 * len(photos) / wide  # without the frame
            inset = (slice(round(tall * down), round(tall * (1 - down))),
                     slice(round(broad * aside), round(broad * (1 - aside))))  # fmt: skip
            if not (values <= 0).all():  # a dead channel has a cross
                assert far(drawn[cut], wanted[inset]) < 6, f"channel {channel} of photo {part}"
            page.mouse.move(box["x"] + left + wide / len(photos) * 0.4, box["y"] + high * 0.6)
            frames(grid)
            said = grid.locator(".say").inner_text().replace("−", "-")
            found = re.search(r"Channel (\d+).*?(?:about|value) (\S+) at row (\d+), column (\d+)", said)
            assert found is not None, said
            assert int(found[1]) == channel
            row, column = int(found[3]), int(found[4])
            near = values[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            slack = float(reach[channel]) / 100 + 1e-6
            assert near.min() - slack <= float(found[2]) <= near.max() + slack
            assert f"maximum {measured(one.max[channel])}".replace("−", "-") in said or one.alive[channel] == 0
            page.mouse.move(box["x"] + left + wide / len(photos) * 0.4, box["y"] + high * 0.6)
            aria = grid.locator("canvas.photo").get_attribute("aria-label")
            assert aria.endswith(photos[part].name), aria
    page.mouse.move(2, 2)
    frames(grid)
    assert far(pixels(grid.locator("canvas.photo")), every[0].seen) < 6


def test_the_grid_follows_photo_neighbour_layer_and_network(page: Page, engine: Engine):
    layers = engine.map_layers(NET)
    page.goto(f"/activations?layer={layers[0]}")
    page.locator(".maps[data-drawn]").wait_for()
    at_rest(page)
    cat, coffee, rocket = map(Photo.sample, ("cat", "coffee", "rocket"))
    assert_grid(page, engine, NET, layers[0], cat)
    pick_photo(page, "coffee")
    assert_grid(page, engine, NET, layers[0], coffee)
    choose(page, "Compare with", "^Photo$")
    choose(page, "Second photo", "^rocket$")
    assert_grid(page, engine, NET, layers[0], coffee, rocket)
    choose(page, "Layer", rf"^{re.escape(layers[1])} ")
    assert_grid(page, engine, NET, layers[1], coffee, rocket)
    choose(page, "Second photo", "^cat$")
    assert_grid(page, engine, NET, layers[1], coffee, cat)
    pick_photo(page, "rocket")
    assert_grid(page, engine, NET, layers[1], rocket, cat)
    choose(page, "Compare with", "^Nothing$")
    assert_grid(page, engine, NET, layers[1], rocket)
    choose(page, "Network", "^Cats and dogs.*GAP.*untrained")
    other = page.get_by_role("heading", name=re.compile(r"All \d+ channels of")).inner_text()
    layer = re.search(r"channels of (\S+)", other)[1]
    assert_grid(page, engine, OTHER, layer, rocket)
