"""Photos of a visit: kept small, bounded, the oldest visit giving way."""

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from cnnviz.photo import PIXELS, Photo, PhotoError
from cnnviz.ui.session import current, photos
from cnnviz.ui.session.visit import Choices, LastQuestion, Visit


def test_the_photos_of_all_visits_together_are_bounded_and_the_oldest_visit_gives_way(monkeypatch):
    def some(name, value):
        return Photo.of(__import__("numpy").full((10, 10, 3), value, "uint8"), name)

    monkeypatch.setattr(photos, "_stores", [])
    monkeypatch.setattr(photos, "ROOM", 4 * 300)
    visits = []
    for _ in range(3):
        monkeypatch.setattr(photos.st, "session_state", {})
        visits.append(photos.photo_store("_mine"))
    old, middle, new = visits
    for i, bag in enumerate((old, old, middle, new)):
        photos.put(bag, f"mine-{i}", some(str(i), i))
    assert [len(bag) for bag in visits] == [2, 1, 1]
    old.visit.questions["home"] = LastQuestion("itself", lambda: 1)
    old.visit.thumbnails.update({old["mine-0"].digest: "data", "another": "data"})
    old.visit.choices["channel"] = Choices()
    photos.put(new, "mine-4", some("4", 4))
    assert old.visit == Visit(thumbnails={"another": "data"}, choices={"channel": Choices()})
    assert [list(bag) for bag in visits] == [["mine-1"], ["mine-2"], ["mine-3", "mine-4"]]
    assert (old.lost, new.lost) == (True, False)
    for i in range(5, 9):
        photos.put(new, f"mine-{i}", some(str(i), i))
    assert [list(bag) for bag in visits] == [[], [], ["mine-5", "mine-6", "mine-7", "mine-8"]]


def test_many_photos_are_bounded(jpeg, monkeypatch):
    class File:
        def __init__(self, name, data):
            self.name, self.data = name, data

        def read(self, _):
            return self.data

    kept: dict = {}
    monkeypatch.setattr(current.st, "session_state", kept)
    monkeypatch.setattr(photos, "MOST", 1)
    photos.add_photo(File("a.jpg", jpeg))
    with pytest.raises(PhotoError, match="1 photos are kept at most"):
        photos.add_photo(File("b.png", jpeg))
    assert [photo.name for photo in kept["_mine"].values()] == ["a.jpg"]


def test_a_large_upload_is_kept_small(monkeypatch):
    monkeypatch.setattr(current.st, "session_state", {})
    large = Photo.of(__import__("numpy").zeros((3000, 4000, 3), "uint8")).image()
    large.read, large.name = None, "large"
    photos.add_photo(large)
    photo = next(iter(photos.own_photos().values()))
    assert PIXELS * 0.99 < photo.width * photo.height <= PIXELS


@pytest.mark.parametrize(("width", "height"), [(20_000, 200), (6000, 4000), (200, 9000), (3000, 3000), (640, 427)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_of_any_shape_is_the_same_in_the_page_and_on_the_command_line(
    monkeypatch, tmp_path, engine, rng, kind, width, height
):
    small = rng.integers(0, 256, (max(2, height // 40), max(2, width // 40), 3), dtype=np.uint8)
    path = tmp_path / f"shape.{kind.lower()}"
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(path, kind)
    monkeypatch.setattr(current.st, "session_state", {})
    with path.open("rb") as file:
        photos.add_photo(file)
    (taken,) = photos.own_photos().values()
    opened = Photo.open(path)  # as the command line and a script open it
    assert taken.digest == opened.digest
    logits = [engine.logits(engine.model("lecture/cats_gap"), photo) for photo in (taken, opened)]
    np.testing.assert_array_equal(*logits)
    assert taken.pixels.nbytes <= 12 * 2**20
    if width * height <= 2048**2:
        assert (taken.width, taken.height) == (width, height)  # nothing is lost of a panorama that takes no room


@pytest.fixture
def files():
    return MediaFileManager(MemoryMediaFileStorage("/media"))


@pytest.fixture
def add(monkeypatch, files):
    """Puts a file in a page of a session; gives the name the file has."""

    def added(session, data, download=True):
        monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: session)
        url = files.add(data, "image/png", f"{session}{data}", is_for_static_download=download)
        return _file_id(url)

    return added


def _file_id(url):
    return url.rpartition("/")[2].partition(".")[0]


def test_files_of_a_visit_that_is_over_go_and_downloads_that_others_may_be_fetching_stay(files, add):
    shared = add("gone", b"shared")
    of_gone = add("gone", b"photo"), add("gone", b"zip", download=False)
    files.add_deferred(lambda: b"map", "image/png", "1.2")
    of_other = add("other", b"shared"), add("other", b"shown")
    asked = add("fetching", b"asked")
    files.clear_session_refs("fetching")  # the page was drawn anew; its browser is about to fetch what was asked for
    photos._remove_files(files, "gone")
    assert {*files._file_metadata} == {shared, *of_other, asked}
    assert not any(file.is_marked_for_delete for file in files._file_metadata.values())
    assert not {*of_gone} & {*files._file_metadata}


def test_two_visits_that_are_over_leave_a_download_that_a_third_is_about_to_fetch(monkeypatch, files, add):
    for session in ("gone", "gone too"):
        add(session, session.encode())
        files.add_deferred(lambda: b"photo", "image/png", "1.2")
    monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: "here")
    url = files.execute_deferred(files.add_deferred(lambda: b"activations", "application/octet-stream", "1.2"))
    for session in ("gone", "gone too"):
        photos._remove_files(files, session)
    assert files._storage.get_file(_file_id(url)).content == b"activations"
    assert len(files._deferred_callables) == 1, "what the others could have asked for holds their photos"


def test_a_download_that_nobody_shows_goes_after_a_while_but_not_one_that_is_made_again(monkeypatch, files, add):
    monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: "here")
    shown, unused = add("here", b"shown"), {}
    asked = files.add_deferred(lambda: b"map", "image/png", "1.2")
    made = _file_id(files.execute_deferred(asked))
    photos.remove_unused(files, unused, 0.0)
    files.execute_deferred(asked)
    photos.remove_unused(files, unused, photos.GRACE)
    assert {*files._file_metadata} == {shown, made}
    photos.remove_unused(files, unused, 2 * photos.GRACE - 1)
    assert made in files._file_metadata
    photos.remove_unused(files, unused, 2 * photos.GRACE)
    assert {*files._file_metadata} == {shown}
    assert not unused


def test_a_visit_that_cannot_be_cleared_up_keeps_no_other_visit_s_photos(monkeypatch):
    cleared = []

    class Cleanup:
        def __init__(self, name):
            self.name = name

        def clear(self):
            cleared.append(self.name)
            if self.name == "bad":
                raise ValueError(self.name)

    cleanups = {name: Cleanup(name) for name in ("bad", "good")}
    monkeypatch.setattr(photos, "_cleanups", cleanups)
    monkeypatch.setattr(photos, "connected", lambda session: False)
    since = {}
    for now in (0.0, photos.GRACE, photos.GRACE + 5):
        photos.sweep(since, now)
    assert cleared == ["bad", "good"]
    assert not cleanups
