"""The docs site's settings: python -m sphinx -W -b html docs docs/_build/html; nothing is fetched from the network."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SCRIPTS = HERE / "_build" / "examples"  # copies, so that what the examples write lies among the build's own files

sys.path[:0] = [str(HERE / "_ext"), str(ROOT)]
os.environ.setdefault("CNNVIZ_CACHE", str(HERE / "_build" / "cache"))  # nothing reaches the user's own
os.environ.setdefault("OMP_NUM_THREADS", "1")
shutil.rmtree(SCRIPTS, ignore_errors=True)
shutil.copytree(ROOT / "examples", SCRIPTS, ignore=shutil.ignore_patterns("__pycache__"))

import api_pages  # noqa: E402  it lies in _ext

from cnnviz import __version__  # noqa: E402

project = "cnnviz"
author = "the cnnviz authors"
version = release = __version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
]
exclude_patterns = ["_build", "requirements.txt"]
default_role = "code"  # what stands between single backticks in docstrings

autodoc_member_order = "bysource"
toc_object_entries = False  # a page lists its modules, and each module its functions in place
autodoc_inherit_docstrings = False
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": str(SCRIPTS.relative_to(HERE)),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "gallery_order.lesson",
    "image_scrapers": ("written_images.scraper",),
    "reset_modules": (),
    "capture_repr": (),
    "doc_module": ("cnnviz",),
    "reference_url": {"cnnviz": None},
    "abort_on_example_error": True,
    "min_reported_time": 10_000,
    "write_computation_times": False,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
}

html_theme = "furo"
pygments_dark_style = "monokai"
html_title = f"cnnviz {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#3b5b7d", "color-brand-content": "#3b5b7d"},
    "dark_css_variables": {"color-brand-primary": "#8fb3d9", "color-brand-content": "#8fb3d9"},
}

api_pages.write(ROOT / "cnnviz", HERE / "api")


def setup(app) -> None:
    """Docstrings as the site shows them."""
    app.connect("autodoc-process-docstring", api_pages.laid_out)
