"""Strokes become masks."""

from __future__ import annotations

from cnnviz.attribution.masking import masks


def test_a_stroke_is_a_thick_line():
    before, drawn = masks([((0.25, 0.5, 0.05), (0.75, 0.5, 0.05))], (100, 200))
    assert not before.any()
    assert drawn[50, 50:151].all()
    assert not drawn[:40].any()
    assert 9 <= drawn[:, 100].sum() <= 12
