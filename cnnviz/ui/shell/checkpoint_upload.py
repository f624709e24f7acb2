"""A checkpoint of the visitor's own, brought along in the browser: read, kept in the weights folder, and chosen."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz.models import catalog, weights
from cnnviz.options import RequestError
from cnnviz.ui.server import capabilities, startup
from cnnviz.ui.session import uploads
from cnnviz.ui.widgets import network, show

ARRIVING = ".arriving-"  # how the folder begins in which an upload lies while it is read
STALE = 3600.0  # seconds after which nobody reads it any more
UPLOADED: dict[str, Path] = {}  # by key: what came in since the server started, and may be replaced or removed here


def draw() -> None:
    """A popover with an uploader, and what became of the last file; strangers do not get this one."""
    turn = uploads.turn("checkpoint")  # another popover after each upload is a closed one
    # never `on_change="rerun"`: the click on a link that closes it would ask for this page once more, and stay here
    shown = st.popover("Load a network", icon=":material/upload_file:", width="stretch", key=f"checkpoints-{turn}")
    with shown, show.refusals():
        show.say(
            "A checkpoint as PyTorch or safetensors write it (a state dict, alone or in what a training script saved), "
            "whose architecture is recognised from its tensors, or a whole network, saved with torch.export.save "
            f"(.pt2) or as ONNX (.onnx). No code in it is run. It stays in the folder {place()} of this machine."
        )
        key = f"checkpoint-{turn}"
        st.file_uploader(
            "Checkpoint or network", key=key, max_upload_size=uploads.limit("checkpoint"), on_change=uploads.take,
            args=("checkpoint", "checkpoint", key, _keep), help=", ".join(weights.SUFFIXES),
        )  # fmt: skip
    show.refused(uploads.refused("checkpoint"))
    key = st.session_state["model"]
    if (path := UPLOADED.get(key)) is not None:
        st.success(show.plain(f"{weights.stem(path)} is loaded. {_described(key)}"), icon=":material/check:")
        st.button(
            f"Remove {show.plain(weights.stem(path))}", key="checkpoint-remove", on_click=_remove, args=(key,),
            icon=":material/delete:", width="stretch",
        )  # fmt: skip


def place() -> Path:
    """The weights folder, be it there yet or not. Raises `RequestError` where a single file was named instead."""
    found = weights.folder(None) or Path(weights.FOLDER)
    if found.is_file():
        raise RequestError(f"The server was given one file of weights, {found.name}; start it with a folder instead.")
    return found


def keep(name: str, data: bytes, folder: Path) -> str:
    """Puts a checkpoint's bytes into the weights folder and returns the key of its net, which has been loaded.

    It takes the place of an upload of the same name. Raises `RequestError`, with the folder as it was, for another
    file's name, for what is no checkpoint, and on a public server.
    """
    capabilities.require("checkpoints")
    path = folder / (re.sub(r"[^\w.=-]+", "_", Path(name).name).lstrip(".") or "checkpoint")
    if not weights.ending(path):
        path = path.with_name(
            f"{path.name}.{'safetensors' if weights.kind(data, len(data)) == 'safetensors' else 'pth'}"
        )
    stem, known = weights.stem(path), weights.checkpoints(folder if folder.is_dir() else None)
    taken = [other for other in known if weights.stem(other) == stem]
    if any(other not in UPLOADED.values() for other in taken):
        raise RequestError(f"The weights folder has a {stem} already; rename your file.")
    cards = [card for other in taken if (card := catalog.card_of(other)).is_file()]  # what they say is of other weights
    from cnnviz.models import trial  # which brings torch: not before a page is painted

    aside: dict[Path, Path] = {}
    placed = False
    _sweep(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=ARRIVING) as arriving:
            draft = Path(arriving) / path.name
            draft.write_bytes(data)
            os.chmod(draft, 0o644)
            if refusal := trial.refused(_key(draft, draft.parent), arriving):
                raise RequestError(refusal)
            for other in (*taken, *cards):
                aside[other] = other.with_name(f".{other.name}.before")
                os.replace(other, aside[other])
            os.replace(draft, path)
            placed = True
        key = _key(path, folder)
        startup.START.engine().model(key)
    except (RequestError, OSError) as error:
        if placed:
            path.unlink(missing_ok=True)
        for other, before in aside.items():
            if before.exists():
                os.replace(before, other)
        if isinstance(error, OSError):
            raise RequestError(f"The checkpoint could not be kept in {folder} ({error.strerror}).") from None
        raise
    for before in aside.values():
        before.unlink()
    UPLOADED[key] = path
    return key


def _sweep(folder: Path) -> None:
    """Removes what a server left that was ended while it read an upload; another server may read one now."""
    capabilities.require("checkpoints")
    for left in folder.glob(f"{ARRIVING}*") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)


def _key(path: Path, folder: Path) -> str:
    found = weights.checkpoints(folder)
    own = next((f"file/{key}" for key, known in catalog.own_checkpoints(found).items() if known == path), "")
    if not own:
        raise RequestError(f"{path.name} is not a checkpoint of PyTorch or safetensors; save the network's state dict.")
    torchvision = (net.name for net in catalog.TORCHVISION if weights.pick(net.name, net.file, found) == path)
    return next(torchvision, own)


def _described(key: str) -> str:
    """How many classes it has, and the first of them."""
    with contextlib.suppress(RequestError):
        names = startup.START.engine().model(key).labels
        return f"{len(names)} classes: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
    return ""


def _keep(file: Any) -> None:
    key = keep(file.name, file.getvalue(), place())
    network.expected(key)
    st.session_state["model"] = key


def _remove(key: str) -> None:
    capabilities.require("checkpoints")
    if (path := UPLOADED.pop(key, None)) is not None:
        path.unlink(missing_ok=True)
        catalog.card_of(path).unlink(missing_ok=True)
    st.session_state["model"] = startup.first(startup.rows())
