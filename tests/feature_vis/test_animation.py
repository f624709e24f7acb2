"""How filters grew, as files that other programs open again."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from cnnviz.feature_vis.animation import animation, enlarged, film, together
from cnnviz.options import RequestError


def fading(count: int, side: int = 64) -> list[np.ndarray]:
    """Pictures that go from dark to bright, a red spot wandering through them."""
    frames = []
    for value in np.linspace(40, 200, count):
        frame = np.full((side, side, 3), value, np.uint8)
        frame[8:24, int(value) // 5 : int(value) // 5 + 16] = (220, 30, 30)
        frames.append(frame)
    return frames


def test_a_gif_decodes_to_its_frames_and_rests_on_the_last():
    frames = fading(9)
    gif = Image.open(io.BytesIO(animation(frames, seconds=2, rest=1.5)))
    times = []
    for i, frame in enumerate(frames):
        gif.seek(i)
        times.append(gif.info["duration"])
        assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - frame).mean() < 4
    assert (gif.n_frames, gif.info["loop"]) == (9, 0)
    assert sum(times[:-1]) == pytest.approx(8 * 160)  # two seconds would be slower than it ever is
    assert times[-1] == 1500


def test_a_long_way_is_a_gif_of_at_most_32_frames_with_the_first_and_the_last():
    gif = Image.open(io.BytesIO(animation(fading(100), seconds=4)))
    assert gif.n_frames == 32
    assert 30 < np.asarray(gif.convert("RGB")).mean() < 60
    gif.seek(31)
    assert np.asarray(gif.convert("RGB")).mean() > 180


def test_an_mp4_decodes_to_its_frames_and_rests_on_the_last(tmp_path):
    frames = fading(13, side=65)  # an odd side has to lose a line
    (tmp_path / "film.mp4").write_bytes(data := film(iter(frames), 13, seconds=3, rest=1))
    assert data[4:8] == b"ftyp"
    video, seen = cv2.VideoCapture(str(tmp_path / "film.mp4")), []
    while (read := video.read())[0]:
        seen.append(read[1][..., ::-1])
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(4)
    assert len(seen) == 13 + 4
    for shown, frame in zip([*seen, seen[-1]], [*frames, *[frames[-1]] * 5], strict=True):
        assert np.abs(shown.astype(int) - frame[:64, :64]).mean() < 4


def test_where_opencv_has_no_codec_the_sentence_names_the_gif(monkeypatch):
    class Deaf:
        fourcc = staticmethod(lambda *letters: 0)
        isOpened = open = lambda *given: False
        release = lambda self: None  # noqa: E731

    monkeypatch.setattr(cv2, "VideoWriter", Deaf)
    with pytest.raises(RequestError, match="GIF"):
        film(fading(2), 2)


def test_ways_of_unlike_length_grow_together_and_only_one_moment_is_open():
    opened = []

    def picture(value):
        opened.append(value)
        return np.full((4, 4, 3), value, np.uint8)

    sheets = together([[0, 100], [0, 50, 100, 150, 200]], 2, 4, 5, picture)
    first = next(sheets)
    assert opened == [0, 0]
    assert first.shape == (8, 14, 3)
    sheets = [first, *sheets]
    assert [int(s[3, 3, 0]) for s in sheets] == [0, 0, 0, 100, 100]
    assert [int(s[3, 9, 0]) for s in sheets] == [0, 50, 100, 150, 200]
    assert len(list(together([[7]], 1, 4, 1, picture))) == 1


def test_small_pictures_are_enlarged_to_one_side():
    assert {len(p) for p in enlarged([np.zeros((16, 16, 3), np.uint8), np.zeros((32, 32, 3), np.uint8)], 48)} == {48}
    assert {len(p) for p in enlarged([np.zeros((16, 16, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)], 48)} == {64}
