"""Messages of the camera: what they say is done once, and what no camera of ours sends is refused."""

from __future__ import annotations

import base64
import math

import pytest

from cnnviz.data.frames import LARGEST, Frames
from cnnviz.ui.components.camera import ACTS, Heard, take
from tests.data.test_frames import jpeg


def message(number: int, *acts: object, mount: str = "a") -> dict[str, object]:
    return {"mount": mount, "number": number, "acts": list(acts)}


def frame(seed: int, ident: object = 1, at: object = 0.0) -> dict[str, object]:
    return {"do": "frame", "class": ident, "at": at, "image": base64.b64encode(jpeg(seed)).decode()}


def test_acts_are_done_in_their_order():
    frames, heard = Frames(), Heard()
    take(frames, heard, message(1, frame(1), frame(2, at=0.2), {"do": "rename", "class": 1, "name": "cup"}))
    first = frames.classes[1].frames[0].ident
    take(
        frames,
        heard,
        message(2, {"do": "remove", "class": 1, "frame": first}, {"do": "add"}, {"do": "drop", "class": 2}),
    )
    assert [(one.name, len(one.frames)) for one in frames.classes.values()] == [("cup", 1), ("Class 3", 0)]
    assert heard == Heard("a", 2)


def test_a_message_that_is_sent_again_is_heard_once_and_one_of_another_mount_is_new():
    frames, heard = Frames(), Heard()
    for _ in range(3):
        take(frames, heard, message(1, {"do": "add"}))
    assert len(frames.classes) == 3
    take(frames, heard, message(1, {"do": "add"}, mount="b"))
    assert len(frames.classes) == 4


def test_one_act_that_is_refused_does_not_hold_up_the_others_and_is_told_until_the_next_message():
    frames, heard = Frames(), Heard()
    take(frames, heard, message(1, {"do": "rename", "class": 1, "name": "Class 2"}, frame(1)))
    assert "already a class" in heard.refused
    assert len(frames.classes[1].frames) == 1
    take(frames, heard, message(2, frame(2)))
    assert heard.refused == ""


HOSTILE = {
    "nothing": None,
    "text": "frames",
    "list": [1],
    "no mount": {"number": 1, "acts": []},
    "long mount": message(1, mount="a" * 41),
    "number": message("1"),  # type: ignore[arg-type]
    "truth": message(True),
    "no acts": {"mount": "a", "number": 1},
    "many": message(1, *[{"do": "add"}] * (ACTS + 1)),
    "no act": message(1, "add"),
    "unknown": message(1, {"do": "rm"}),
    "list of acts": message(1, {"do": ["add"]}),
    "class": message(1, frame(1, ident="1")),
    "no class": message(1, frame(1, ident=None)),
    "other class": message(1, frame(1, ident=10**30)),
    "true class": message(1, frame(1, ident=True)),
    "never": message(1, frame(1, at=math.nan)),
    "late": message(1, frame(1, at=1e300)),
    "when": message(1, frame(1, at="0")),
    "no image": message(1, {"do": "frame", "class": 1, "at": 0}),
    "bytes": message(1, {"do": "frame", "class": 1, "at": 0, "image": [1, 2]}),
    "no base64": message(1, {"do": "frame", "class": 1, "at": 0, "image": "%%%é"}),
    "not an image": message(1, {"do": "frame", "class": 1, "at": 0, "image": "aGVsbG8="}),
    "huge": message(1, {"do": "frame", "class": 1, "at": 0, "image": "A" * (2 * LARGEST)}),
    "name": message(1, {"do": "rename", "class": 1, "name": 7}),
    "long name": message(1, {"do": "rename", "class": 1, "name": "x" * 10_000}),
    "surrogate": message(1, {"do": "rename", "class": 1, "name": "\ud800"}),
    "no name": message(1, {"do": "rename", "class": 1, "name": "/.."}),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_message_is_a_sentence_and_changes_nothing(hostile):
    frames, heard = Frames(), Heard()
    take(frames, heard, hostile)
    assert heard.refused.endswith(".")
    assert frames == Frames()
