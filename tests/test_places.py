"""The dashboard's files are found in a clone, and in a package that was installed without one."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

from cnnviz import places

ROOT = Path(__file__).resolve().parent.parent


def test_in_a_clone_they_lie_beside_the_package():
    assert (places.APP, places.PAGES, places.PLANS) == (ROOT / "app.py", ROOT / "pages", ROOT / "plans")
    assert places.page("home") == ROOT / "pages" / "home.py"
    assert all(path.exists() for path in (places.APP, places.page("home"), places.PLANS))


def test_once_installed_they_lie_inside_it_whatever_else_is_beside_it(tmp_path: Path):
    package = tmp_path / "cnnviz"
    (package / "dashboard").mkdir(parents=True)
    (tmp_path / "app.py").write_text("somebody else's")
    shutil.copy(places.__file__, package)
    found = runpy.run_path(str(package / "places.py"))
    assert found["APP"] == package / "dashboard" / "app.py"
    assert found["page"]("home") == package / "dashboard" / "pages" / "home.py"
