"""A checkpoint of the visitor's own, brought along in the browser: read, kept in the weights folder, and chosen."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz.models import catalog, weights
from cnnviz.options import RequestError
from cnnviz.ui.server import startup
from cnnviz.ui.session import photos
from cnnviz.ui.widgets import show

LARGEST = 1024  # MB


def draw() -> None:
    """A popover with an uploader; strangers do not get one."""
    if startup.public():
        return
    turn = st.session_state.setdefault("_checkpoints", 0)  # a fresh uploader after each file
    shown = st.popover(
        "Load a checkpoint", icon=":material/upload_file:", width="stretch", key="checkpoints", on_change="rerun"
    )
    if shown.open:
        with shown, show.refusals():
            show.say(
                "A state dict as PyTorch or safetensors write it. Its architecture is recognised from its tensors; "
                f"code in it is never run. It stays in the folder {place()} of this machine."
            )
            key = f"checkpoint-{turn}"
            st.file_uploader(
                "Checkpoint", type=[suffix[1:] for suffix in weights.SUFFIXES], key=key, max_upload_size=LARGEST,
                on_change=_brought, args=(key,),
            )  # fmt: skip
    if told := st.session_state.get("_checkpoint_refused"):
        st.error(show.plain(told), icon=":material/error:")


def place() -> Path:
    """The weights folder, be it there yet or not. Raises `RequestError` where a single file was named instead."""
    found = weights.folder(None) or Path(weights.FOLDER)
    if found.is_file():
        raise RequestError(f"The server was given one file of weights, {found.name}; start it with a folder instead.")
    return found


def keep(name: str, data: Any, folder: Path) -> str:
    """Puts a checkpoint's bytes into the weights folder and returns the key of its net, which has been loaded.

    Raises `RequestError`, with the folder as it was, for a name that is taken and for what is no checkpoint.
    """
    path = folder / (re.sub(r"[^\w.-]+", "_", Path(name).name).lstrip(".") or "checkpoint")
    if path.suffix.lower() not in weights.SUFFIXES:
        raise RequestError(
            f"{name} is none of {', '.join(weights.SUFFIXES)}; save the net's state dict as one of them."
        )
    if any(path.stem == known.stem for known in weights.checkpoints(folder if folder.is_dir() else None)):
        raise RequestError(f"The weights folder has a {path.stem} already; rename your file.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".draft", delete=False) as draft:
            draft.write(data)
        os.chmod(draft.name, 0o644)
        os.replace(draft.name, path)
    except OSError as error:
        raise RequestError(f"The checkpoint could not be kept in {folder} ({error.strerror}).") from None
    found = weights.checkpoints(folder)
    own = next(f"file/{key}" for key, known in catalog.own_checkpoints(found).items() if known == path)
    torchvision = (net.name for net in catalog.TORCHVISION if weights.pick(net.name, net.file, found) == path)
    key = next(torchvision, own)
    try:
        startup.START.engine().model(key)
    except RequestError:
        path.unlink()
        raise
    return key


def _brought(key: str) -> None:
    if (file := st.session_state[key]) is None:
        return
    st.session_state["_checkpoint_refused"] = None
    try:
        st.session_state["model"] = keep(file.name, file.getbuffer(), place())
    except RequestError as error:
        st.session_state["_checkpoint_refused"] = str(error)
    finally:
        photos.let_go(file)
        st.session_state["_checkpoints"] += 1
