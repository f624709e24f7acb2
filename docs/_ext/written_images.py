"""Images for the gallery: what a block of an example wrote into its folder; the file name is the alternative text."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst


def scraper(block: Any, variables: dict[str, Any], config: dict[str, Any]) -> str:
    """The reStructuredText of the images that were written since the block before."""
    folder = Path(variables["src_file"]).parent
    shown = variables.setdefault("images_shown", set())
    found = sorted(path for path in folder.glob("*.png") if path.name not in shown)
    rst = ""
    for path, target in zip(found, variables["image_path_iterator"], strict=False):
        shown.add(path.name)
        shutil.move(path, target)
        rst += figure_rst([target], config["src_dir"], path.stem.replace("-", " ").capitalize())
    return rst
