"""Renders the filter images that ship with a bundled network, and writes them beside its weights.

    python tools/render_bundled_images.py [bundled/cats_dogs]

Every channel of every layer by the network's own recipe; those in the disk cache are taken as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cnnviz.feature_vis import bundled
from cnnviz.runtime.engine import shared


def main() -> None:
    """Render every channel of a bundled network and write its file anew."""
    key = sys.argv[1] if len(sys.argv) > 1 else "bundled/cats_dogs"
    place = bundled.place(key.partition("/")[2])
    place.unlink(missing_ok=True)  # it would be read instead
    engine = shared()
    ascent, images = engine.recipe(key), {}
    for layer, width in engine.filter_layers(key).items():
        events = engine.filters(key, layer, range(width), ascent)
        images[layer] = [event.image for event in events if event.image is not None]
    bundled.save(place, engine.model(key), ascent, images)


if __name__ == "__main__":
    main()
