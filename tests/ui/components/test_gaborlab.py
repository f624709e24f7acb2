"""What the Gabor lab takes from the browser."""

from __future__ import annotations

from cnnviz.ui.components.gaborlab import read


def test_nothing_from_outside_is_believed():
    assert read(None, 3) is None
    assert read({"frequency": 7, "theta": 0, "sigma": 1, "gamma": 1, "phase": 0, "picture": 0, "view": ""}, 3) is None
    good = read({"frequency": 0.1, "theta": 0, "sigma": 1, "gamma": 1, "phase": 0, "picture": 99, "view": "x"}, 3)
    assert good is not None
    assert good[1:3] == (2, "response")
    assert good[3] == 0
    view = {"frequency": 0.1, "theta": 0, "sigma": 1, "gamma": 1, "phase": 0, "picture": 0, "view": "response"}
    assert [read(view | {"locked": most}, 3)[3] for most in (0.75, -1, float("nan"), float("inf"))] == [0.75, 0, 0, 0]  # type: ignore[index]
    assert read(view | {"locked": "x"}, 3) is None
