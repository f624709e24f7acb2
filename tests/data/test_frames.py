"""Frames of a camera: taken as images and nothing else, bounded, and divided so that no burst is in two splits."""

from __future__ import annotations

import gc
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import folder, frames, staging
from cnnviz.data.frames import SIDE, Frame, Frames, FramesError, divided, shares, told, write
from cnnviz.options import RequestError
from cnnviz.photo import Photo


def jpeg(seed: int, side: int = SIDE, kind: str = "JPEG", **how) -> bytes:
    """An image like no other, smooth as photos are."""
    data, rough = io.BytesIO(), np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC).save(data, kind, **how)
    return data.getvalue()


def collected(**bursts: list[int]) -> Frames:
    """Classes by name with bursts of so many frames each."""
    made, seed, at = Frames({}), 0, 0.0
    for name, lengths in bursts.items():
        made.add()
        ident = max(made.classes)
        made.rename(ident, name)
        for length in lengths:
            at += 10
            for _ in range(length):
                seed, at = seed + 1, at + 0.2
                made.take(ident, at, jpeg(seed))
    return made


def of(*lengths: int) -> list[Frame]:
    return [Frame(i * 1000 + j, i, "", b"", b"") for i, length in enumerate(lengths) for j in range(length)]


def test_a_frame_is_kept_as_its_pixels_and_nothing_else():
    made, exif = Frames(), Image.Exif()
    exif[0x010F] = "SECRETCAMERA"
    sent = jpeg(1, exif=exif, quality=95)
    made.take(1, 0, sent)
    (frame,) = made.classes[1].frames
    assert b"SECRETCAMERA" in sent
    assert b"SECRETCAMERA" not in frame.jpeg + frame.small
    before, after = Photo.open(sent).pixels.astype(int), Photo.open(frame.jpeg).pixels.astype(int)
    assert after.shape == (SIDE, SIDE, 3)
    assert np.abs(before - after).mean() < 2


def test_frames_less_than_a_second_apart_are_a_burst_also_after_some_were_deleted():
    made = Frames()
    for i, at in enumerate((0, 0.2, 0.9, 3, 3.2, 3.4, 9)):
        made.take(1, at, jpeg(i))
    assert [frame.burst for frame in made.classes[1].frames] == [1, 1, 1, 2, 2, 2, 3]
    for frame in made.classes[1].frames[3:6]:
        made.remove(1, frame.ident)
    made.take(1, 9.5, jpeg(9))
    assert [frame.burst for frame in made.classes[1].frames] == [1, 1, 1, 3, 3]


def test_a_frame_that_equals_the_one_before_is_not_kept():
    made = Frames()
    for at, seed in enumerate((1, 1, 1, 2, 1)):
        made.take(1, at / 5, jpeg(seed))
    assert len(made.classes[1].frames) == 3


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg onload=alert(1)>", jpeg(0)[:700], jpeg(0, side=255), jpeg(0, side=64), b"\0" * (frames.LARGEST + 1)],
    ids=["empty", "svg", "cut", "larger", "small", "huge"],
)
def test_what_is_no_frame_is_refused_in_a_sentence_and_nothing_is_kept(data):
    made = Frames()
    with pytest.raises(RequestError, match=r"\.$"):
        made.take(1, 0, data)
    assert not made
    assert made.size == 0


def test_a_bomb_is_refused_by_its_header(monkeypatch):
    data = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(data, "PNG")
    monkeypatch.setattr(Photo, "open", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(RequestError):
        Frames().take(1, 0, data.getvalue())


def test_there_is_room_for_so_many_bytes_and_no_more_in_one_collection_and_in_all(monkeypatch):
    monkeypatch.setattr(frames, "ROOM", 60_000)
    made = Frames()
    i = 0
    while not made.full:
        made.take(1, i := i + 1, jpeg(i))
    with pytest.raises(FramesError, match="save them, or delete some"):
        made.take(1, i + 1, jpeg(i + 1))
    kept = made.classes[1].frames
    assert made.size - kept[-1].size < 60_000 <= made.size == sum(len(f.jpeg) + len(f.small) for f in kept)
    made.remove(1, kept[0].ident)
    made.remove(1, kept[1].ident)
    assert not made.full
    monkeypatch.setattr(frames, "ALL", made.size)
    assert Frames().full  # all together have no room
    del made, kept
    gc.collect()
    assert not Frames().full


def test_names_are_those_of_folders_and_differ_by_more_than_capitals():
    made = Frames()
    made.rename(1, " Cup/1 ")
    assert made.classes[1].name == "Cup_1"
    for typed in ("cup_1", "", "..."):
        with pytest.raises(RequestError):
            made.rename(2, typed)
    made.rename(1, "CUP_1")
    assert [one.name for one in made.classes.values()] == ["CUP_1", "Class 2"]


def test_a_new_class_has_a_name_that_is_free_and_there_are_only_so_many():
    made = Frames()
    made.rename(1, "Class 3")
    made.add()
    assert [one.name for one in made.classes.values()] == ["Class 3", "Class 2", "Class 4"]
    made.drop(2)
    made.add()
    names = [one.name.casefold() for one in made.classes.values()]
    assert len(set(names)) == len(names) == 3
    while len(made.classes) < frames.CLASSES:
        made.add()
    with pytest.raises(FramesError, match="at most"):
        made.add()
    for act in (
        lambda: made.drop(2),
        lambda: made.rename(2, "x"),
        lambda: made.take(2, 0, b""),
        lambda: made.remove(2, 1),
    ):
        with pytest.raises(FramesError, match="gone"):
            act()


@pytest.mark.parametrize(
    ("lengths", "val"),
    [
        ((10, 10), {1}),
        ((40, 10), {1}),
        ((10, 40), {0}),
        ((5, 5, 5, 5, 5), {4}),
        ((8, 1, 8, 1, 2), {1, 3, 4}),
        ((3, 20, 20), {0}),
    ],
)
def test_a_burst_is_in_one_split_as_a_whole(lengths, val):
    train, held = divided(of(*lengths))
    assert {frame.burst for frame in held} == val
    assert not {frame.burst for frame in held} & {frame.burst for frame in train}
    assert sorted(train + held, key=lambda frame: frame.ident) == of(*lengths)


@pytest.mark.parametrize("seed", range(30))
def test_both_splits_have_frames_whatever_the_bursts_are(seed):
    rng = np.random.default_rng(seed)
    some = of(*rng.integers(1, 30, rng.integers(2, 9)))
    train, val = divided(some)
    assert train
    assert val
    assert not {frame.burst for frame in val} & {frame.burst for frame in train}


def test_of_a_single_burst_the_end_is_for_validation_and_that_is_said():
    train, val = divided(of(10))
    assert train + val == of(10)
    assert len(val) == 2
    made = collected(cup=[10], dog=[8, 2])
    assert "One burst only: cup." in " ".join(told(shares(made)))
    assert "20 images in 2 classes, 16 for training and 4 for validation" in " ".join(told(shares(made)))


def test_what_is_written_is_the_data_set_that_was_collected(tmp_path):
    made = collected(cup=[8, 2], Äpfel=[5, 5], test=[5])
    made.add()  # empty: no class
    place = write(tmp_path / "shelf" / "mine", made)
    data = folder.read(place)
    assert data.classes == ("cup", "test", "Äpfel")
    assert data.train.counts(3) == (8, 4, 5)
    assert data.val.counts(3) == (2, 1, 5)
    assert not data.left_out
    origin = staging.origin(place)
    assert origin is not None
    assert origin.made == "camera"
    assert origin.notes == tuple(told(shares(made)))
    sent = {frame.jpeg for one in made.classes.values() for frame in one.frames}
    assert {path.read_bytes() for path in Path(place).rglob("*.jpg")} == sent


def test_what_is_no_data_set_yet_is_not_written(tmp_path):
    for made, words in (
        (Frames(), "at least 5 frames in each of two"),
        (collected(cup=[9]), "at least 5 frames in each of two"),
        (collected(cup=[9], dog=[2]), "dog has 2 frames"),
    ):
        assert words in made.lacking()
        with pytest.raises(FramesError, match=words):
            write(tmp_path / "x", made)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_takes_nothing_is_a_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    made = collected(cup=[5], dog=[5])
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(FramesError, match="No space left"):
        write(tmp_path / "x", made)
    assert not list(tmp_path.iterdir())
