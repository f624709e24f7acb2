"""How the canvas looks travels in a link."""

import numpy as np

from cnnviz.ui.components.camcanvas.look import Look, from_link, to_link, too_long


def test_long_strokes_fit_a_link_and_come_back_exactly(rng):
    walk = np.cumsum(rng.normal(0, 0.012, (700, 2)), 0).clip(-0.5, 1.5)
    walk[300] = (1.5, -0.5)  # a leap
    stroke = tuple((round(x, 3), round(y, 3), 0.08) for x, y in walk.tolist())
    look = Look(strokes=(stroke, ((0.0, 1.0, 0.3),)))
    assert from_link(to_link(look)) == look
    assert len(to_link(look)) < 1600
    assert not too_long(look)
