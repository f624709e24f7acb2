"""Curves to take away: axes, ticks, legend and words are on the picture."""

import numpy as np
import pytest

from cnnviz.attribution import chart
from cnnviz.attribution.chart import Plot

XS = np.linspace(0, 1, 9)
LINES = {"this map, area under the curve 0.250": (XS, 1 - XS), "baseline": (XS, XS)}


@pytest.fixture
def written(monkeypatch):
    """What is written, and where."""
    found = {}

    def write(pen, at, text, size, ink=(0, 0, 0)):
        found[text] = at
        return at[0]

    monkeypatch.setattr(chart, "write", write)
    return found


def test_axes_have_ticks_and_names_curves_a_legend_and_all_a_title_and_a_caption(written):
    made = chart.chart("Faithfulness of cat", [Plot("Deletion", "pixels deleted", "probability", LINES)], "A caption.")
    named = {"Faithfulness of cat", "Deletion", "pixels deleted", "probability", *LINES, "A caption."}
    assert set(written) == named | {"0%", "25%", "50%", "75%", "100%", "0", "0.25", "0.5", "0.75", "1"}
    assert all(0 <= x < made.width and 0 <= y < made.height - 10 for x, y in written.values())
    assert written["0"][1] > written["1"][1]
    assert written["100%"][0] > written["0%"][0]


def test_a_curve_lies_where_its_numbers_are():
    made = np.asarray(chart.chart("", [Plot("", "", "", {"one": (XS, np.full(9, 0.5))})], "")).astype(int)
    rows = np.flatnonzero((np.abs(made - chart.INKS[0]).max(2) < 30).sum(1) > 300)
    high = chart.HEIGHT - chart.TOP - chart.BELOW
    assert rows.mean() == pytest.approx(20 + chart.TOP + high / 2, abs=2)


def test_two_plots_stand_side_by_side():
    one = Plot("Deletion", "x", "y", LINES)
    assert chart.chart("t", [one, one], "c").width == 2 * chart.chart("t", [one], "c").width
