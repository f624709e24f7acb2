"""The dashboard without a browser: its script under AppTest, with the real engine and a small untrained net."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.ui.shell import main
from cnnviz.ui.views.filters import start

ROOT = Path(__file__).resolve().parents[2]
NET = "lecture/cats_gap"


class Visit(AppTest):
    """A visit of the dashboard, whose pages are named by where they lie in the repository."""

    def switch_page(self, page_path: str) -> AppTest:
        return super().switch_page(str(ROOT / page_path))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The engine is shared by all tests of the pages; more threads would only fight."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def galleries_begin(monkeypatch):
    """Every gallery of filter images begins by itself, however busy the machine is."""
    monkeypatch.setattr(start, "UNASKED", 1e9)


@pytest.fixture
def visit(engine):
    """A function that opens the dashboard at a page, with the parameters of a link; the engine is loaded by then."""

    def open_page(page: str = "", **params: str) -> AppTest:
        at = Visit(main.__file__, default_timeout=120)
        for name, value in {"model": NET, **params}.items():
            at.query_params[name] = value
        if page:  # as the first page of a visit, which is what a deep link asks for
            at.switch_page(f"pages/{page}.py")
            for name, value in {"model": NET, **params}.items():
                at.query_params[name] = value
        return at.run()

    return open_page


@pytest.fixture
def fragment(monkeypatch):
    """A function that runs a page's fragments again and nothing else, as a click or a timer inside of them does."""
    from streamlit.testing.v1 import local_script_runner as runner

    whole = runner.RerunData

    def again(at: AppTest) -> AppTest:
        alone = partial(whole, fragment_id_queue=list(at._fragment_storage._fragments))
        with monkeypatch.context() as patch:
            patch.setattr(runner, "RerunData", alone)
            return at.run()

    return again


@pytest.fixture
def way_back(monkeypatch):
    """A function that runs a page again as the browser's way back does, at an address of its history."""
    from streamlit.testing.v1 import local_script_runner as runner

    whole = runner.RerunData

    def again(at: AppTest) -> AppTest:
        with monkeypatch.context() as patch:
            patch.setattr(runner, "RerunData", partial(whole, is_history_navigation=True))
            return at.run()

    return again


@pytest.fixture
def words():
    """A function: everything a page says in words of ours."""
    return lambda at: " ".join(
        [*(str(part.body) for part in at.get("html")), *(str(error.value).replace("\\", "") for error in at.error)]
    )


@pytest.fixture
def pictures():
    """A function: alternative text -> address of each of a page's pictures; equal bytes have equal addresses."""
    return lambda at: {image.proto.imgs[0].alt: image.proto.imgs[0].url for image in at.image}


@pytest.fixture
def engine():
    """The engine behind the pages."""
    from cnnviz.ui.server import startup

    return startup.START.engine()
