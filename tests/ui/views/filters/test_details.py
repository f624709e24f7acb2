"""Bars beside a filter image."""

from __future__ import annotations

import re

from cnnviz.ui.views.filters import details


def test_bars_are_as_tall_as_their_answers_and_hang_below_zero():
    drawn = details.bars(
        details.Curve("Letters", "name", [1.0, -1.0, 3.0], ["a", "<b>", "c"], ["#ff0000", "#00ff00", "#0000ff"])
    )
    found = re.findall(r"bottom:([\d.]+)%;height:([\d.]+)%;background:(#\w+)", drawn)
    assert [(float(foot), float(tall), paint) for foot, tall, paint in found] == [
        (25, 25, "#ff0000"), (0, 25, "#00ff00"), (25, 75, "#0000ff")
    ]  # fmt: skip
    assert "maximum at c, 3" in drawn
    assert "<b>" not in drawn
    assert "height:1.00%" in details.bars(details.Curve("Nothing", "name", [0.0, 0.0], ["a", "b"]))


def test_what_answers_to_nothing_says_so_and_a_long_list_says_how_much_longer_it_is():
    silent = details.bars(details.Curve("Letters", "name", [0.0, -0.0], ["a", "b"]))
    assert "no response" in silent
    assert "maximum" not in silent
    assert details.listed([1, 2, 3]) == "1, 2, 3"
    assert details.listed([*range(51)]).endswith("14, 15 and 35 more")


def test_a_response_that_is_small_beside_the_filter_image_counts_as_none():
    weak = details.bars(details.Curve("Gratings", "orientation", [0.0, 0.00671], ["0°", "90°"], least=2.65))
    assert "no response (at most 0.00671)" in weak
    assert "height:100" not in weak
    assert "maximum at 90°" in details.bars(
        details.Curve("Gratings", "orientation", [0.0, 3.0], ["0°", "90°"], least=2.65)
    )
