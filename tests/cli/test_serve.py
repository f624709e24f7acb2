"""The command that starts the dashboard."""

from __future__ import annotations

import sys

import pytest

import cnnviz
from cnnviz import places, settings
from cnnviz.cli import serve


def test_serve_stays_on_this_machine_unless_it_is_public(tmp_path):
    arguments, variables = serve.serving(False, 8600, tmp_path)
    assert arguments[:2] == ["run", str(places.APP)]
    assert "--server.address=127.0.0.1" in arguments
    assert "--server.port=8600" in arguments
    assert variables == {"CNNVIZ_WEIGHTS": str(tmp_path)}
    arguments, variables = serve.serving(True, 8501, None)
    assert "--server.address=0.0.0.0" in arguments
    assert "--server.maxUploadSize=100" in arguments
    assert variables == {"CNNVIZ_PUBLIC": "1"}
    assert serve.serving(False, 8501, None, "cuda:1")[1] == {"CNNVIZ_DEVICE": "cuda:1"}


def test_serve_hands_over_to_streamlit(monkeypatch, told):
    from streamlit.web import cli

    handed: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda arguments, **_: handed.append(arguments))
    monkeypatch.delenv("CNNVIZ_PUBLIC", raising=False)
    monkeypatch.setattr(settings.os, "environ", dict(settings.os.environ))
    assert told("serve", "--port", 8601)[0] == 0
    assert handed[0][1].endswith("app.py")


def test_serve_refuses_to_start_where_it_cannot_tell_whether_strangers_are_served(refused, monkeypatch):
    from streamlit.web import cli

    monkeypatch.setattr(cli, "main", lambda *_, **__: pytest.fail("it started"))
    monkeypatch.setenv("CNNVIZ_PUBLIC", "maybe")
    assert "CNNVIZ_PUBLIC is 'maybe'" in refused("serve", "--port", 8602)


def test_serve_refuses_a_port_that_is_none(refused):
    assert "--port" in refused("serve", "--port", 99_999)


NETS = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))

def make():
    return {"net": Net(), "name": "made", "labels": ["cat", "dog"]}

ready = Net()

class places:
    make = Net

def broken():
    raise OSError("there is no file")

def nothing():
    return 3

def several():
    return Net(), ["cat", "dog"]

def misnamed():
    return {"model": Net(), "labels": ["cat", "dog"]}

def alone():
    return {"labels": ["cat", "dog"]}
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """The shared engine, where the current folder holds a module with networks."""
    (tmp_path / "own_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield cnnviz.engine()
    sys.modules.pop("own_nets", None)
    for key in list(cnnviz.engine().live):
        cnnviz.engine().remove(key)


@pytest.mark.parametrize(
    ("named", "key"), [("Net", "live/Net"), ("make", "live/made"), ("ready", "live/Net"), ("places.make", "live/Net")]
)
def test_serve_takes_a_class_a_function_or_an_instance(nets, named, key, monkeypatch, told):
    from streamlit.web import cli

    monkeypatch.setattr(cli, "main", lambda *_, **__: None)
    assert told("serve", "--net", f"own_nets:{named}")[0] == 0
    assert nets.models()[0].key == key
    assert nets.model(key).labels == (("cat", "dog") if named == "make" else ("class 0", "class 1"))


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("own_nets", "--net takes MODULE:FACTORY"),
        ("no_nets:make", "No module named 'no_nets'"),
        ("own_nets:other", "has no attribute 'other'"),
        ("own_nets:broken", "there is no file"),
        ("own_nets:nothing", "not int"),
        ("own_nets:several", "gives a tuple; give {'net': ..., 'labels': ...} instead."),
        ("own_nets:misnamed", "with model, labels; call its keys 'net', 'name', 'labels' and"),
        ("own_nets:alone", "with labels; call its keys 'net'"),
        ("own_nets.py:make", "write --net own_nets:make."),
        ("own_nets:make()", "write --net own_nets:make."),
        ("below/own_nets.py:make", "write --net below.own_nets:make."),
    ],
)
def test_serve_says_in_a_sentence_why_a_network_cannot_be_had(nets, named, said, refused, monkeypatch):
    from streamlit.web import cli

    monkeypatch.setattr(cli, "main", lambda *_, **__: pytest.fail("it started"))
    assert said in refused("serve", "--net", named)
