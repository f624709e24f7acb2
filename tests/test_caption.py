"""Images with title, colour bar, legend and caption below, to take away."""

import numpy as np
import pytest
from PIL import Image

from cnnviz import caption, picture

BLUE = np.full((80, 300, 3), (20, 60, 200), np.uint8)


def test_the_picture_is_as_it_was_and_what_is_written_stands_below():
    made = caption.captioned(BLUE, "A title", words="and a caption " * 12)
    assert np.array_equal(np.asarray(made)[:80], BLUE)
    assert made.height > 80 + 4 * caption.LEAST
    assert (np.asarray(made)[80:] != 255).any()


def test_a_bar_of_a_diverging_map_keeps_zero_in_its_middle():
    assert caption.bar(-2, 2).ends == (0, 1)
    assert caption.bar(0, 6).ends == (0.5, 1)
    assert caption.bar(-6, 0).ends == (0, 0.5)
    assert (caption.bar(-6, 2e-5).low, caption.bar(-6, 2e-5, note=" a-b").high) == ("−6", "2e−5 a-b")
    assert caption.bar(0, 6, picture.HEAT).ends == (0, 1)
    made = np.asarray(caption.captioned(BLUE, "", caption.bar(0, 6)))[80:].reshape(-1, 3)
    assert (made == picture.colourise(np.ones((1, 1)), picture.ACTIVATION)[0, 0]).all(-1).any()


def test_a_legend_has_a_line_for_each_colour():
    made = np.asarray(caption.captioned(BLUE, "", legend=[((255, 0, 0), "one"), ((0, 255, 0), "two")]))[80:]
    assert [(made == colour).all(-1).any() for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))] == [True, True, False]


def test_pictures_side_by_side_stand_apart():
    parts = [Image.new("RGB", (100, high), "black") for high in (40, 60)]
    made = np.asarray(caption.beside(parts))
    assert made.shape == (60, 202, 3)
    assert (made[:, 100:102] == 255).all()
    assert (made[40:, :100] == 255).all()


@pytest.mark.parametrize("width", [60, 150, 300, 800])
def test_nothing_that_is_written_leaves_the_picture(width, monkeypatch):
    ends, write = [], caption.write

    def wrote(*given):
        ends.append(write(*given))
        return ends[-1]

    monkeypatch.setattr(caption, "write", wrote)
    scale = caption.Bar("≤ 0", "1.12, scaled to the map's own maximum")
    legend = [((255, 0, 0), "one that the sum of all the channels has")]
    made = caption.captioned(np.zeros((40, width, 3), np.uint8), "golden retriever, Grad-CAM", scale, "Words", legend)
    assert len(ends) > 3
    assert max(ends) <= made.width
