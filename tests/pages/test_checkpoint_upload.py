"""A checkpoint brought along in the browser: kept, chosen, refused without a trace."""

from __future__ import annotations

import errno
import io
import os
import time

import pytest
import torch

from cnnviz.models import lecture, trial
from cnnviz.options import RequestError
from cnnviz.ui.shell import checkpoint_upload
from tests import hostile_checkpoints
from tests.models.foreign import nets

NET = "lecture/cats_gap"


@pytest.fixture
def mine() -> bytes:
    """The state dict of a lecture net with weights of one's own."""
    torch.manual_seed(5)
    file = io.BytesIO()
    torch.save(lecture.build(lecture.NETS["mnist_gap"]).state_dict(), file)
    return file.getvalue()


@pytest.fixture
def shelf(tmp_path, monkeypatch, engine):
    """An empty weights folder of the dashboard's engine."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("CNNVIZ_WEIGHTS", str(folder))
    monkeypatch.setattr(engine, "weights", folder)
    return folder


def opened(at):
    """The page with the popover open."""
    at.session_state["checkpoints"] = True
    return at.run()


def test_a_checkpoint_is_kept_and_becomes_the_net(visit, shelf, mine):
    at = opened(visit("activations"))
    at.file_uploader("checkpoint-0").upload("../my net.pth", mine, "application/octet-stream").run()
    assert not at.exception
    assert not at.error
    assert [path.name for path in shelf.iterdir()] == ["my_net.pth"]
    assert (shelf / "my_net.pth").read_bytes() == mine
    assert at.sidebar.selectbox(key="model").value == "file/my_net"
    assert at.query_params["model"] == "file/my_net"
    assert "my_net is loaded" in at.success[0].value.replace("\\", "")
    assert "10 classes" in at.success[0].value
    (shelf / "theirs.pth").write_bytes(mine)
    at.file_uploader("checkpoint-1").upload("theirs.pth", mine, "application/octet-stream").run()
    assert "rename your file" in at.error[0].value.replace("\\", "")


def test_a_whole_network_is_kept_and_becomes_the_net(visit, shelf):
    at = opened(visit("activations"))
    at.file_uploader("checkpoint-0").upload("mine.pt2", nets.content("Shared"), "application/octet-stream").run()
    assert not at.exception
    assert not at.error
    assert at.sidebar.selectbox(key="model").value == "file/mine"
    assert "4 classes" in at.success[0].value
    at.file_uploader("checkpoint-1").upload("other.pt2", b"PK\x03\x04 cut", "application/octet-stream").run()
    assert "damaged" in at.error[0].value
    assert [path.name for path in shelf.iterdir()] == ["mine.pt2"]


def test_an_upload_is_replaced_by_one_of_its_name_and_can_be_removed(visit, shelf, mine):
    torch.manual_seed(6)
    other = io.BytesIO()
    torch.save(
        {"state_dict": lecture.build(lecture.NETS["mnist_gap"]).state_dict(), "classes": list("abcdefghij")}, other
    )
    at = opened(visit("activations"))
    at.file_uploader("checkpoint-0").upload("mine.pth", mine, "application/octet-stream").run()
    at.file_uploader("checkpoint-1").upload("mine.pth", b"just text", "application/octet-stream").run()
    assert len(at.error) == 1
    assert [(path.name, path.read_bytes()) for path in shelf.iterdir()] == [("mine.pth", mine)]
    at.file_uploader("checkpoint-2").upload("mine.pth.tar", other.getvalue(), "application/octet-stream").run()
    assert not at.error
    assert not at.exception
    assert [(path.name, path.read_bytes()) for path in shelf.iterdir()] == [("mine.pth.tar", other.getvalue())]
    assert "a, b, c" in at.success[0].value
    at.button("checkpoint-remove").click().run()
    assert not at.exception
    assert list(shelf.iterdir()) == []
    assert not at.success
    assert at.sidebar.selectbox(key="model").value != "file/mine"


@pytest.mark.parametrize("name", ["mine.ckpt", "mine.bin", "mine.model", "mine"])
def test_a_checkpoint_is_known_by_its_content(shelf, engine, mine, name):
    assert checkpoint_upload.keep(name, mine, shelf).startswith("file/mine")
    with pytest.raises(RequestError, match=r"is not a (checkpoint|readable checkpoint)"):
        checkpoint_upload.keep(f"text-{name}", b"just text", shelf)
    assert len(list(shelf.iterdir())) == 1


def test_what_is_no_checkpoint_is_one_sentence_and_leaves_nothing(visit, shelf, pictures):
    before = pictures(visit("activations"))
    at = opened(visit("activations"))
    at.file_uploader("checkpoint-0").upload("x.pth", b"just text", "application/octet-stream").run()
    assert not at.exception
    assert len(at.error) == 1
    assert list(shelf.iterdir()) == []
    assert at.sidebar.selectbox(key="model").value == NET
    assert pictures(at).keys() == before.keys()


@pytest.mark.parametrize("name", ["a key that is a tuple a million deep", "a key of doubled tuples"])
def test_a_hostile_checkpoint_ends_no_server_and_is_nowhere_afterwards(visit, shelf, name):
    ending, made = hostile_checkpoints.CORPUS[name]
    at = opened(visit("activations"))
    at.file_uploader("checkpoint-0").upload(f"x{ending}", made(), "application/octet-stream").run()
    assert not at.exception
    assert len(at.error) == 1
    assert len(at.error[0].value) < 300
    assert list(shelf.iterdir()) == []


def test_what_the_process_that_reads_it_does_not_finish_is_in_no_folder(shelf, engine, mine, monkeypatch):
    """As a file does for which no bound is known yet."""
    monkeypatch.setattr(trial, "PATIENCE", 0.01)
    monkeypatch.setattr(engine, "model", None)  # it is never read here
    with pytest.raises(RequestError, match="takes too long"):
        checkpoint_upload.keep("mine.pth", mine, shelf)
    assert list(shelf.iterdir()) == []


def test_a_full_disk_keeps_no_part_of_an_upload(shelf, engine, mine, monkeypatch):
    checkpoint_upload.keep("mine.pth", mine, shelf)

    def full(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    for name in ("mine.pth", "other.pth"):
        with pytest.raises(RequestError, match="No space left"):
            checkpoint_upload.keep(name, mine, shelf)
    assert [path.name for path in shelf.iterdir()] == ["mine.pth"]
    assert (shelf / "mine.pth").read_bytes() == mine


def test_what_a_killed_server_left_goes_with_the_next_upload(shelf, engine, mine):
    for name, age in (("old", 2 * checkpoint_upload.STALE), ("new", 0)):
        left = shelf / f"{checkpoint_upload.ARRIVING}{name}"
        left.mkdir()
        (left / "x.pth").write_bytes(mine)
        os.utime(left, (time.time() - age,) * 2)
    checkpoint_upload.keep("mine.pth", mine, shelf)
    assert sorted(path.name for path in shelf.iterdir()) == [".arriving-new", "mine.pth"]


def test_a_server_that_was_given_one_file_says_that_it_takes_no_other(visit, shelf, mine, monkeypatch):
    (shelf / "one.pth").write_bytes(mine)
    monkeypatch.setenv("CNNVIZ_WEIGHTS", str(shelf / "one.pth"))
    at = opened(visit("activations"))
    assert not at.exception
    assert "start it with a folder" in at.error[0].value


def test_strangers_cannot_leave_a_checkpoint(visit, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    assert not [box for box in opened(visit("activations")).file_uploader if box.key.startswith("checkpoint")]


def test_a_file_of_a_torchvision_net_is_that_net(shelf, engine):
    import torchvision

    file = io.BytesIO()
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), file)
    assert checkpoint_upload.keep("squeezenet1_1.pth", file.getvalue(), shelf) == "squeezenet1_1"
