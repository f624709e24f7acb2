"""A camera that collects images class by class: hold a button, and frames are taken until it is let go."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz import picture
from cnnviz.data.frames import LARGEST, SIDE, Frames, FramesError
from cnnviz.options import RequestError
from cnnviz.ui.components.shared import joiner

HERE = Path(__file__).parent
SHOWN = 12  # frames of a class, the last ones
ACTS = 16  # of a message, one of them a frame or a change of a class
LETTERS = 200  # of a typed name
UNREAD = "The camera's message cannot be read; reload the page."
_camera = st.components.v2.component(
    "cnnviz_camera", js=joiner.script(HERE / "index.js"), css=joiner.sheet(joiner.SHEET, HERE / "style.css")
)


@dataclass
class Heard:
    """The last message that was heard: from which mount of the component, its number, and what was refused of it."""

    mount: str = ""
    number: int = 0
    refused: str = ""


def camera(key: str, frames: Frames, heard: Heard, on_change: Callable[[], None]) -> None:
    """The camera, and the classes of `frames` with the last frames of each; `on_change` runs after a message."""
    classes = [
        {
            "id": one.ident,
            "name": one.name,
            "count": len(one.frames),
            "bursts": len({frame.burst for frame in one.frames}),
            "last": [
                {"id": frame.ident, "source": picture.data_url(frame.small)} for frame in reversed(one.frames[-SHOWN:])
            ],
        }
        for one in frames.classes.values()
    ]
    data = {
        "side": SIDE,
        "classes": classes,
        "full": frames.full,
        "mount": heard.mount,
        "number": heard.number,
        "refused": heard.refused,
    }
    _camera(key=key, data=data, on_told_change=on_change)


def take(frames: Frames, heard: Heard, message: object) -> None:
    """Does to the frames what a message says, once; what is refused of it is noted in a sentence.

    A browser sends a message again that it has had no answer to, so one of the same number is not heard again.
    """
    try:
        mount, number, acts = _opened(message)
    except RequestError as error:
        heard.refused = str(error)
        return
    if mount == heard.mount and number <= heard.number:
        return
    heard.mount, heard.number, heard.refused = mount, number, ""
    for act in acts:
        try:
            _do(frames, act)
        except RequestError as error:
            heard.refused = str(error)


def _opened(message: object) -> tuple[str, int, list[Mapping[str, Any]]]:
    """Mount, number and acts of a message. Raises `FramesError` for what no camera of ours sends."""
    if not isinstance(message, Mapping):
        raise FramesError(UNREAD)
    mount, number, acts = (message.get(name) for name in ("mount", "number", "acts"))
    whole = isinstance(number, int) and not isinstance(number, bool)
    if not isinstance(mount, str) or not 0 < len(mount) <= 40 or not whole or not isinstance(acts, list):
        raise FramesError(UNREAD)
    if len(acts) > ACTS or not all(isinstance(act, Mapping) for act in acts):
        raise FramesError(UNREAD)
    return mount, int(number or 0), acts


def _do(frames: Frames, act: Mapping[str, Any]) -> None:
    """One act. Raises `RequestError`."""
    kind = act.get("do")
    if kind == "add":
        frames.add()
    elif kind == "rename":
        frames.rename(_whole(act, "class"), _text(act, "name", LETTERS))
    elif kind == "drop":
        frames.drop(_whole(act, "class"))
    elif kind == "remove":
        frames.remove(_whole(act, "class"), _whole(act, "frame"))
    elif kind == "frame":
        frames.take(_whole(act, "class"), _seconds(act), _image(act))
    else:
        raise FramesError(UNREAD)


def _whole(act: Mapping[str, Any], name: str) -> int:
    value = act.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise FramesError(UNREAD)
    return value


def _text(act: Mapping[str, Any], name: str, longest: int) -> str:
    value = act.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise FramesError(UNREAD)
    return value


def _seconds(act: Mapping[str, Any]) -> float:
    value = act.get("at")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e12 or math.isnan(value):
        raise FramesError(UNREAD)
    return float(value)


def _image(act: Mapping[str, Any]) -> bytes:
    text = act.get("image")
    if not isinstance(text, str):
        raise FramesError(UNREAD)
    if len(text) > LARGEST * 4 // 3 + 4:
        raise FramesError(f"A frame has more than {LARGEST >> 20} MiB; it is refused.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FramesError(UNREAD) from None
