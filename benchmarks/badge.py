"""Photos that say whose they are: cells of light and dark, found again in any picture of the whole photo."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image

CELLS = 8  # of a side
SIDE = 480  # px of the photo
BITS = 16  # of the number; the other cells are a checksum of it


def code(number: int) -> np.ndarray:
    """The cells of a number below 65,536, bool (8, 8): its bits, and as many of its hash as there is room for."""
    sign = hashlib.blake2b(number.to_bytes(2, "big"), digest_size=(CELLS * CELLS - BITS) // 8).digest()
    bits = np.unpackbits(np.frombuffer(number.to_bytes(2, "big") + sign, np.uint8))  # (64,)
    return bits.astype(bool).reshape(CELLS, CELLS)


def photo(number: int, which: int = 0) -> bytes:
    """A JPEG of that number, square; `which` tells several of one number apart by their texture."""
    random = np.random.default_rng((number, which))
    cells = np.where(code(number), 205, 50).repeat(SIDE // CELLS, 0).repeat(SIDE // CELLS, 1)  # (480, 480)
    texture = random.integers(-25, 26, (SIDE // 4, SIDE // 4, 3)).repeat(4, 0).repeat(4, 1)
    pixels = np.clip(cells[..., None] + texture + random.integers(-20, 21, 3), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92)
    return file.getvalue()


def owner(encoded: bytes) -> int | None:
    """The number in a picture of a whole photo; None where it shows none, or a part of one."""
    image = Image.open(io.BytesIO(encoded)).convert("L")
    if abs(image.width - image.height) > 2:
        return None
    light = np.asarray(image.resize((CELLS * 4, CELLS * 4), Image.Resampling.BOX), np.float32)
    light = light.reshape(CELLS, 4, CELLS, 4)[:, 1:3, :, 1:3].mean((1, 3))  # (32, 32) -> (8, 8), middles of cells
    cells = light > (light.min() + light.max()) / 2
    number = int.from_bytes(np.packbits(cells.ravel()[:BITS]).tobytes(), "big")
    return number if np.array_equal(code(number), cells) else None
