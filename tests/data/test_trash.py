"""What cnnviz made can be deleted and brought back; what is somebody's own is never touched."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from cnnviz.data import trash
from cnnviz.data.staging import arriving
from cnnviz.data.trash import FOLDER, TrashError
from cnnviz.options import RequestError


def made(shelf, name="set", size=1):
    with arriving(shelf / name, RequestError, "zip") as draft:
        (draft / "a").mkdir()
        (draft / "a" / "1.png").write_bytes(b"x" * size)
    return shelf / name


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_it_goes_to_the_trash_and_comes_back_as_it_was(tmp_path):
    folder = made(tmp_path)
    before = files(folder)
    one = trash.put(folder)
    assert not folder.exists()
    assert (one.name, files(one.folder)) == ("set", before)
    assert trash.listing(tmp_path) == (one,)
    assert trash.restore(tmp_path, one.id) == "set"
    assert files(folder) == before
    assert trash.listing(tmp_path) == ()
    assert not list((tmp_path / FOLDER).iterdir())


def test_a_folder_of_somebodys_own_stays(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("x")
    with pytest.raises(TrashError, match="did not make own"):
        trash.put(own)
    link = tmp_path / "link"
    link.symlink_to(made(tmp_path))
    with pytest.raises(TrashError, match="did not make link"):
        trash.put(link)
    assert files(own) == {"thesis.txt": b"x"}
    assert link.is_symlink()
    assert (tmp_path / "set" / "a" / "1.png").exists()


@pytest.mark.parametrize("name", ["a/mine.png", "notes.txt", ".hidden", "b"])
def test_a_made_one_with_something_of_somebodys_own_in_it_stays(tmp_path, name):
    folder = made(tmp_path)
    if name == "b":
        (folder / "b").symlink_to(tmp_path)
    else:
        (folder / name).write_text("x")
    with pytest.raises(TrashError, match="was changed after"):
        trash.put(folder)
    assert os.path.lexists(folder / name)


def test_what_a_desktop_leaves_behind_is_nobodys_work(tmp_path):
    folder = made(tmp_path)
    (folder / "a" / ".DS_Store").write_text("x")
    trash.put(folder)
    assert not folder.exists()


def test_a_name_that_is_taken_by_now_is_not_written_over(tmp_path):
    one = trash.put(made(tmp_path))
    (tmp_path / "set").mkdir()
    with pytest.raises(TrashError, match="another data set set"):
        trash.restore(tmp_path, one.id)
    assert one.folder.exists()
    with pytest.raises(TrashError, match="not in the trash"):
        trash.restore(tmp_path, "../set")


def test_it_is_emptied_by_age_and_by_size_and_the_newest_stays(tmp_path):
    ones = []
    for name in ("one", "two", "three"):
        ones.append(trash.put(made(tmp_path, name, 1000)))
        time.sleep(0.005)
    trash.empty(tmp_path, room=1800)  # two of them, the newest not counted, take more
    assert [one.name for one in trash.listing(tmp_path)] == ["three", "two"]
    trash.empty(tmp_path, room=0)
    assert [one.name for one in trash.listing(tmp_path)] == ["three"]
    old = tmp_path / FOLDER / f"{int((time.time() - 8 * 86_400) * 1000):013d}-00000000"
    ones[2].folder.parent.rename(old)
    trash.empty(tmp_path)
    assert not old.exists()


def test_emptying_leaves_what_is_not_ours_and_follows_no_link(tmp_path):
    shelf, outside = tmp_path / "shelf", tmp_path / "outside"
    folder = made(outside)
    one = trash.put(made(shelf))
    bin_ = shelf / FOLDER
    (bin_ / "photos").mkdir()
    (bin_ / "0000000000000-00000000" / "mine").mkdir(parents=True)
    (bin_ / "0000000000000-00000001").symlink_to(outside)
    (bin_ / "0000000000000-00000002").mkdir()
    (bin_ / "0000000000000-00000002" / "set").symlink_to(folder)
    trash.empty(shelf, days=0)
    assert not one.folder.exists()
    assert len(list(bin_.iterdir())) == 4
    assert (folder / "a" / "1.png").exists()


def test_a_trash_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folder = made(tmp_path / "shelf")
    (tmp_path / "shelf" / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrashError, match="is a link"):
        trash.put(folder)
    assert trash.listing(tmp_path / "shelf") == ()
    assert folder.exists()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_folder_that_is_gone_is_one_sentence(tmp_path):
    folder = made(tmp_path)
    shutil.rmtree(folder)
    with pytest.raises(TrashError, match="did not make"):
        trash.put(folder)
