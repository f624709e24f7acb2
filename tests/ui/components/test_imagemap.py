"""What a browser says of the map of the images is read strictly: an index and a time, of this very map."""

from types import SimpleNamespace

import numpy as np
import pytest

from cnnviz.ui.components import imagemap

SHOWN = SimpleNamespace(subject="this", order=np.array([4, 2, 0]))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"subject": "this", "index": 1, "turn": 12.5}, (2, 12.5)),
        ({"subject": "another", "index": 1, "turn": 12.5}, (None, 0.0)),
        ({"subject": "this", "index": 3, "turn": 1}, (None, 0.0)),
        ({"subject": "this", "index": -1, "turn": 1}, (None, 0.0)),
        ({"subject": "this", "index": "1", "turn": 1}, (None, 0.0)),
        ({"subject": "this", "index": 1, "turn": "soon"}, (None, 0.0)),
        ({"subject": "this", "index": 1, "turn": 10**400}, (None, 0.0)),
        ({"subject": "this", "index": 1, "turn": [1]}, (None, 0.0)),
        ({"subject": "this"}, (None, 0.0)),
        (["this"], (None, 0.0)),
        (3, (None, 0.0)),
    ],
)
def test_an_opened_image_is_one_of_this_map_or_none(said, wanted, monkeypatch):
    monkeypatch.setattr(imagemap.st, "session_state", {"map": {"opened": said}})
    assert imagemap.opened("map", SHOWN) == wanted
