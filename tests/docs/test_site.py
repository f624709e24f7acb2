"""The docs site builds without a warning and without a connection, and every link in it leads somewhere."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("sphinx", "sphinx_gallery", "sphinx_click", "myst_parser", "furo")
missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}: pip install -r docs/requirements.txt"),
    pytest.mark.timeout(600),
]


class Page(HTMLParser):
    """What a page can be jumped to, what it leads to, and its images without words."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.wordless: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes the addresses and names in one tag."""
        found = dict(attrs)
        if name := found.get("id"):
            self.ids.add(name)
        self.links += [found[key] or "" for key in ("href", "src") if key in found]
        if tag == "img" and not found.get("alt") and not (found.get("src") or "").endswith("_thumb.png"):
            self.wordless.append(found.get("src") or "")  # a thumbnail stands beside its title


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site, from a copy of its sources, so that nothing is written among them."""
    copy = tmp_path_factory.mktemp("repository")
    ignored = shutil.ignore_patterns("_build", "auto_examples", "api", "__pycache__")
    for name in ("docs", "examples"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for path in ROOT.glob("*.md"):
        shutil.copy(path, copy)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "html"]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return copy / "html"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_internal_link_leads_somewhere(site, pages):
    followed = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_relative_to(site), f"{link} in {path.name} leaves the site"
            assert target.is_file(), f"{link} in {path.name}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids | {""}, f"{link} in {path.name}"
            followed += 1
    assert followed > 1000


def test_nothing_of_a_page_comes_from_elsewhere(pages):
    for path, page in pages.items():
        text = path.read_text()
        for word in ('src="http', "src='http", 'src="//', "@import", 'rel="stylesheet" href="http'):
            assert word not in text, f"{path.name} fetches something"
        assert page.links


def test_every_image_has_words(pages):
    for path, page in pages.items():
        assert not page.wordless, f"{page.wordless[0]} in {path.name}"


def test_every_image_was_drawn_by_an_example(site, pages):
    images = {link for page in pages.values() for link in page.links if link.endswith((".png", ".webp", ".jpg"))}
    drawn = [link for link in images if "_images/sphx_glr_" in link]
    downloads = [link for link in images if "_downloads/" in link]  # the sheets of docs/filters, which need weights
    assert len(drawn) >= 12
    assert {link for link in images if "_static/" not in link} == {*drawn, *downloads}


def test_every_public_name_and_every_command_has_its_entry(site, pages):
    import cnnviz
    from cnnviz.cli.main import cli

    names = pages[site / "api" / "index.html"].ids
    for name, place in cnnviz._PLACES.items():
        own = f"{place}.shared" if name == "engine" else f"{place}.{name}" if place else f"module-cnnviz.{name}"
        assert own in names or (site / "api" / f"{name}.html").is_file(), name
    for command in cli.commands:
        assert f"python-m-cnnviz-{command}" in pages[site / "command_line.html"].ids, command
