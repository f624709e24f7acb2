"""What can be taken away from a page: a picture as PNG, its numbers as .npy, Python lines and a link that show it."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.script import opened
from cnnviz.ui.components.copier import copier
from cnnviz.ui.session import current, networks
from cnnviz.ui.widgets.feedback import say

if TYPE_CHECKING:
    from PIL import Image

    from cnnviz.photo import Photo


def take_away(
    name: str,
    *,
    picture: Callable[[], np.ndarray | Image.Image | Photo] | None = None,
    array: Callable[[], np.ndarray] | Mapping[str, Callable[[], np.ndarray]] | None = None,
    python: str = "",
    link: str = "",
    file: str = "",
    of: str = "",
) -> None:
    """A row to leave with: the picture as PNG, its numbers as .npy, the lines of Python and the link that show it.

    `picture` and `array` (or several by what they are) are asked only when somebody downloads; the row belongs in the
    fragment that made them. Files are called `file`, or `name`. Where the picture is a part of what is shown, its
    button says `of` what.
    """
    if current.presenting():
        return
    with st.container(horizontal=True, key=f"take-{name}", gap="small"):
        if picture is not None:
            draw, label = picture, f"PNG of {of}" if of else "PNG"
            st.download_button(
                label, lambda: encoded(draw()), f"{file or name}.png", "image/png", key=f"png-{name}",
                icon=":material/download:", on_click="ignore", help="Download this image",
            )  # fmt: skip
        arrays = array if isinstance(array, Mapping) else {"": array} if array is not None else {}
        for what, read in arrays.items():
            tail = f"-{what.replace(' ', '-')}" if what else ""
            st.download_button(
                f"NPY, {what}" if what else "NPY", functools.partial(_npy_of, read), f"{file or name}{tail}.npy",
                "application/octet-stream", key=f"npy-{name}{tail}", icon=":material/download:", on_click="ignore",
                help=f"Download the array, {what or 'for numpy'}",
            )  # fmt: skip
        if python:
            with st.popover("Copy as Python", icon=":material/code:"):
                copied(f"copy-python-{name}", networks.at_home(python), language="python")
        if link:
            with st.popover("Copy link", icon=":material/link:"):
                copied(f"copy-link-{name}", link, wrap_lines=True)
                if current.photo().personal:
                    say("Your own photo is never part of a link; whoever opens it sees the first sample.")
                if networks.mine(current.model()):
                    say("Your own network is not part of it: whoever opens it is asked to load its file.")


def copied(key: str, text: str, language: str | None = None, wrap_lines: bool = False) -> None:
    """What a popover that says "Copy" holds: the text goes to the clipboard at the click that opens it."""
    copier(key, text)
    st.code(text, language=language, wrap_lines=wrap_lines)


def opening(photo: Photo) -> str:
    """The line of Python that opens a photo as this visit has it."""
    return f"photo = cnnviz.{opened(photo)}"


def encoded(shown: np.ndarray | Image.Image | Photo) -> bytes:
    """A picture as PNG, as it is downloaded."""
    return picture.encode(shown, "png")


def _npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def _npy_of(read: Callable[[], np.ndarray]) -> bytes:
    return _npy(read())
