"""Activations: the grid is of the photo, the layer and the network that are chosen now, to the pixel and the number."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cnnviz import picture
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from tests.journeys.steps import add_photos, at_rest, frames, pixels

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
            said = grid.locator(".say").inner_text()
            found = re.search(r"Channel (\d+).*?(?:about|value) (\S+) at row (\d+), column (\d+)", said)
            assert found is not None, said
            assert int(found[1]) == channel
            row, column = int(found[3]), int(found[4])
            near = values[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            slack = float(reach[channel]) / 100 + 1e-6
            assert near.min() - slack <= float(found[2]) <= near.max() + slack
            assert f"maximum {one.max[channel]:.3g}"[:12] in said or one.alive[channel] == 0
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


def everything(page: Page) -> str:
    """All text, names, links and addresses on the page, in shadow trees too."""
    return page.evaluate(
        """() => {
          const out = [];
          const walk = (node) => {
            if (node.nodeType === 3) out.push(node.data);
            if (node.attributes) for (const a of node.attributes) out.push(a.value);
            if (node.shadowRoot) walk(node.shadowRoot);
            for (const child of node.childNodes) if (!["STYLE", "SCRIPT"].includes(child.nodeName)) walk(child);
          };
          walk(document.documentElement);
          for (const [name, data] of globalThis.cnnvizShelf ?? []) out.push(name, JSON.stringify(data));
          return out.join("\\n");
        }"""
    )


def test_a_forgotten_photo_is_nowhere_on_the_page(page: Page, engine: Engine):
    red = np.zeros((300, 300, 3), np.uint8)
    red[..., 0], red[100:200, 100:200, 1] = 230, 200
    data = jpeg(red)
    page.goto("/activations")
    page.locator(".maps[data-drawn]").wait_for()
    add_photos(page, ("secretface.jpg", data))
    at_rest(page)
    layer = engine.map_layers(NET)[0]
    heading = page.get_by_role("heading", name=re.compile(r"All \d+ channels of")).inner_text()
    layer = re.search(r"channels of (\S+)", heading)[1]
    mine = Photo.open(data, name="secretface.jpg")
    assert_grid(page, engine, NET, layer, mine)
    grid = page.locator(".maps").first
    before = [pixels(c) for c in (grid.locator("canvas.photo"), grid.locator("canvas.tiles-canvas"))]
    urls = set(re.findall(r"data:image/[^\"')\s]+", everything(page)))
    page.get_by_role("button", name="Forget my photos").click()
    at_rest(page)
    assert_grid(page, engine, NET, layer, Photo.sample("cat"))
    text = everything(page)
    assert "secretface" not in text
    kept = urls & set(re.findall(r"data:image/[^\"')\s]+", text))
    assert not [u[:60] for u in kept if len(u) > 2000 and reddish(u)]
    after = [pixels(c) for c in (grid.locator("canvas.photo"), grid.locator("canvas.tiles-canvas"))]
    for old, new in zip(before, after, strict=True):
        assert old.shape != new.shape or far(old, new) > 5
    for picture_shown in page.locator("img:visible").all():
        shown = pixels(picture_shown)
        assert far(shown, np.dstack([red, np.full((300, 300), 255, np.uint8)])) > 20


def reddish(url: str) -> bool:
    """Whether a picture is mostly of the red that only the forgotten photo has."""
    import base64

    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")).astype(int)
    return bool(((shown[..., 0] > 180) & (shown[..., 2] < 60)).mean() > 0.5)
