"""Networks that visits upload: bounded, asked by those that brought them, gone when the last of these has gone."""

from __future__ import annotations

import gc
import io

import pytest

from cnnviz.arrays import size
from cnnviz.options import RequestError
from cnnviz.ui.server import startup
from cnnviz.ui.session import networks, photos
from cnnviz.ui.session.visit import LastQuestion, Visit
from tests.models.foreign import nets


class File(io.BytesIO):
    """A file as Streamlit's uploader brings it."""

    def __init__(self, name: str, which: str = "Shared") -> None:
        super().__init__(nets.content(which))
        self.name = name


@pytest.fixture
def opened(engine, monkeypatch):
    """A function: another visit is the present one, or an earlier one again; its state."""
    monkeypatch.setattr(networks, "_stores", [])
    for name in ("engine", "loaded"):
        monkeypatch.setattr(startup.START, name, lambda: engine)

    def visit(state: dict | None = None) -> dict:
        found = {} if state is None else state
        monkeypatch.setattr(networks.st, "session_state", found)
        return found

    return visit


def test_a_network_is_of_the_visits_that_brought_it_and_goes_with_the_last(opened, engine, monkeypatch):
    first, second = opened(), opened()
    opened(first)
    networks.add(File("mine.pt2"))
    key = first["model"]
    assert networks.rows()[0].key == key
    assert (networks.own_rows()[0].title, networks.own_rows()[0].where) == ("mine", "uploaded")
    opened(second)
    assert not networks.mine(key)
    assert key not in {row.key for row in networks.rows()}
    networks.add(File("mine.pt2"))
    assert second["model"] == key
    networks.remove(key)
    assert second["model"] != key
    assert key in engine.uploads  # the first visit has it
    networks.remove(key)
    opened(first)
    networks.store().visit.questions["home"] = LastQuestion("itself", lambda: 1)
    visit = photos.PhotoCleanup((networks.store(),), "gone", Files())
    visit.clear()
    assert engine.uploads == {}
    assert networks.own_rows() == ()
    assert networks.store().visit == Visit()


class Files:
    """Streamlit's store of uploaded files, of which none is left."""

    def remove_session_files(self, session: str) -> None: ...


def test_what_a_visit_forgot_to_give_back_is_let_go_of(opened, engine):
    first = opened()
    networks.add(File("mine.pt2"))
    first.clear()
    opened()
    gc.collect()
    networks.add(File("other.pt2"))
    assert [model.title for model in engine.uploads.values()] == ["other"]


def test_networks_are_bounded_for_a_visit_and_for_all(opened, engine, monkeypatch):
    file = nets.content("Shared")
    needs = size(engine.read_upload("a.pt2", file).net) + len(file)
    monkeypatch.setattr(networks, "VISIT", 2 * needs)
    monkeypatch.setattr(networks, "ROOM", 3 * needs + len(file))
    first, second = opened(), opened()
    opened(first)
    networks.add(File("a.pt2"))
    networks.add(File("b.pt2"))
    networks.add(File("a.pt2"))  # it is there
    assert [row.title for row in networks.own_rows()] == ["a", "b"]
    with pytest.raises(RequestError, match="remove one"):
        networks.add(File("c.pt2"))
    opened(second)
    networks.add(File("a.pt2"))  # takes no more than the file, as another visit has the network
    networks.add(File("c.pt2"))
    third = opened()
    with pytest.raises(RequestError, match="no room for another"):
        networks.add(File("d.pt2"))
    assert "model" not in third
    assert sorted(model.title for model in engine.uploads.values()) == ["a", "b", "c"]
    opened(second)
    networks.remove(second["model"])
    opened(third)
    networks.add(File("d.pt2"))


def test_lines_of_python_name_the_file(opened):
    state = opened()
    networks.add(File("my net.pt2"))
    assert networks.at_home(f"engine.predict({state['model']!r}, photo)") == "engine.predict('file/my net', photo)"
