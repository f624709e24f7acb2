"""How filters grew, as files that other programs open again."""

from __future__ import annotations

import io
import tempfile

import av
import numpy as np
import pytest
from PIL import Image

from cnnviz.feature_vis.animation import animation, enlarged, film, together


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


def test_an_mp4_is_h264_and_decodes_to_its_frames_in_their_colours_and_rests_on_the_last():
    frames = fading(13, side=65)  # an odd side has to lose a line
    data = film(iter(frames), 13, seconds=3, rest=1)
    with av.open(io.BytesIO(data)) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", 4)
        assert stream.codec_context.colorspace == 1  # BT.709 by name: no player has to guess
        seen = [frame.to_ndarray(format="rgb24").astype(int) for frame in video.decode(stream)]
    assert len(seen) == 13 + 4
    for shown, frame in zip([*seen, seen[-1]], [*frames, *[frames[-1]] * 5], strict=True):
        assert np.abs(shown - frame[:64, :64]).mean() < 3
        assert np.abs(shown - frame[:64, :64])[40:].max() <= 3  # where nothing moves


def test_an_mp4_has_its_table_of_contents_first_however_long_it_is():
    for count in (1, 2000):
        tiny = [np.full((16, 18, 3), value % 256, np.uint8) for value in range(count)]
        data = film(iter(tiny), count)
        assert data[4:8] == b"ftyp"
        assert data.index(b"moov") < data.index(b"mdat")
        with av.open(io.BytesIO(data)) as video:  # every encoder may choose other bytes; what is played is the same
            seen = [frame.to_ndarray(format="rgb24").astype(int) for frame in video.decode(video=0)]
        assert len(seen) > count
        assert max(np.abs(one - frame).max() for one, frame in zip(seen, tiny, strict=False)) <= 3


def test_an_mp4_is_made_in_memory_so_no_photo_is_left_on_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    monkeypatch.chdir(tmp_path)
    assert film(fading(2), 2)
    assert list(tmp_path.iterdir()) == []


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
