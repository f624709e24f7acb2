"""Where the dashboard's own files lie: beside the package in a clone, inside it once it is installed.

A wheel carries what stands at the top of the repository in the package's folder `dashboard` (pyproject.toml).
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "dashboard"
HOME = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent
APP = HOME / "app.py"
PAGES = HOME / "pages"
PLANS = HOME / "plans"


def page(name: str) -> Path:
    """The script of a page, whether it is there or not."""
    return PAGES / f"{name}.py"
