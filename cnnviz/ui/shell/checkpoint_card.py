"""What was understood of a checkpoint, where each of it is from, and a form that corrects it in the card beside it."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz.models import catalog
from cnnviz.models.labels import FILE, GUESS, TENSORS
from cnnviz.models.preprocess import RESAMPLE, Preprocess
from cnnviz.options import RequestError
from cnnviz.ui.server import capabilities, startup
from cnnviz.ui.session import current, networks, visit
from cnnviz.ui.widgets import network, show, tables

HEAD = ("What", "Value", "From")
SOME = 5  # classes that the table names
REFUSED = "_card-refused"
ORIGINAL: dict[Path, bytes | None] = {}  # by card: what it was before this server wrote it; None where there was none


def draw() -> None:
    """The card of the checkpoint that the page shows, in a popover; nothing for other networks, or on a stage."""
    engine, key = startup.START.loaded(), current.model()
    if engine is None or not key.startswith(("file/", catalog.UPLOAD)):
        return
    model = engine.loaded(key)
    if model is None or model.known is None or show.presenting():
        return
    known = model.known
    if known.unsure:
        st.caption(show.plain(f"Assumed of {model.title}: {'; '.join(known.unsure)}."))
    at, told = st.session_state.get(REFUSED, (None, ""))
    if told and at == (visit.page(), key):
        st.error(show.plain(told), icon=":material/error:")
    shown = st.popover(f"About this {_kind(known)}", icon=":material/fact_check:", width="stretch", key=f"about-{key}")
    with shown:
        tables.table(HEAD, rows(known), f"What was understood of {model.title}", words=3)
        if any(origin == GUESS for *_, origin in rows(known)):
            show.say("guess: not in the file, so what is usual for such a network is used.")
        for note in known.notes:
            show.say(f"{note[0].upper()}{note[1:]}.")
        brought = networks.mine(key)
        if startup.public() and not brought:
            return
        _form(key, model)
        path = catalog.file_of(key, engine.weights)
        if networks.corrected(key) or (path is not None and catalog.card_of(path) in ORIGINAL):
            st.button(
                "Undo corrections", key=f"card-undo-{key}", on_click=_undo, args=(key, path), icon=":material/undo:",
                width="stretch",
            )  # fmt: skip


def _kind(known: Any) -> str:
    """What a file is called: it holds all of the network, or its weights."""
    return "network" if known.architecture_from == FILE else "checkpoint"


def rows(known: Any) -> list[tuple[str, str, str]]:
    """The table's rows: what, its value, and where it is from."""
    does: Preprocess = known.preprocess
    names = ", ".join(known.labels[:SOME]) + (", ..." if len(known.labels) > SOME else "")
    return [
        ("Architecture", known.architecture, known.architecture_from),
        ("Classes", f"{len(known.labels):,}: {names}", known.labels_from),
        ("Resize", f"{_sides(does.resize)} px, {does.interpolation}", known.resize_from),
        ("Crop", f"{_sides(does.crop)} px", known.size_from),
        ("Channels", str(does.channels), TENSORS),
        ("Mean", _numbers(does.mean), known.scale_from),
        ("Deviation", _numbers(does.std), known.scale_from),
        *((one.title, one.value, "card" if one.stated else "guess") for one in known.assumed),
    ]


def save(path: Path, said: dict[str, Any], key: str) -> None:
    """Writes the card of a checkpoint. Raises `RequestError`, with the card as it was, where the network refuses it."""
    capabilities.require("checkpoints")
    card = catalog.card_of(path)
    before = card.read_bytes() if card.is_file() else None
    with contextlib.suppress(ValueError, TypeError, RecursionError):  # no card at all: it is written anew
        said = {**(json.loads(before) if before else {}), **said}
    try:
        _write(card, (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())
        startup.START.engine().model(key)
    except RequestError:
        _write(card, before)
        raise
    except OSError as error:
        raise RequestError(f"The card could not be written beside {path.name} ({error.strerror}).") from None
    ORIGINAL.setdefault(card, before)


def undo(path: Path) -> None:
    """Puts back the card that lay beside a checkpoint before it was corrected here, or none."""
    if capabilities.granted().checkpoints:
        card = catalog.card_of(path)
        _write(card, ORIGINAL.pop(card, None))


def _undo(key: str, path: Path | None) -> None:
    st.session_state.pop(REFUSED, None)
    if path is None:
        networks.correct(key, None)
    else:
        undo(path)
        network.expected(key)


def _write(card: Path, content: bytes | None) -> None:
    capabilities.require("checkpoints")
    if content is None:
        return card.unlink(missing_ok=True)
    draft = card.with_name(f".{card.name}.draft")
    draft.write_bytes(content)
    return os.replace(draft, card)


def _form(key: str, model: Any) -> None:
    """Everything that a card can say, as it is understood now; the keys are new with each correction."""
    known, of = model.known, f"{key}-{model.fingerprint[:12]}"
    does: Preprocess = known.preprocess
    with st.form(f"card-{of}", border=False):
        st.text_area("Classes, one a line", "\n".join(known.labels), key=f"labels-{of}", height=120)
        st.text_input("Resize (shorter side, or height, width), px", _sides(does.resize), key=f"resize-{of}")
        st.text_input("Crop (side, or height, width), px", _sides(does.crop), key=f"crop-{of}")
        st.selectbox(
            "Interpolation", list(RESAMPLE), list(RESAMPLE).index(does.interpolation), key=f"interpolation-{of}"
        )
        st.text_input("Mean", _numbers(does.mean), key=f"mean-{of}")
        st.text_input("Deviation", _numbers(does.std), key=f"std-{of}")
        for one in known.assumed:
            st.selectbox(one.title, one.choices, one.choices.index(one.value), key=f"{one.name}-{of}")
        st.form_submit_button(
            "Use for this visit" if networks.mine(key) else f"Save beside the {_kind(known)}",
            on_click=_take,
            args=(key, of, known),
            icon=":material/save:",
            width="stretch",
        )


def _take(key: str, of: str, known: Any) -> None:
    """Saves what the form says; a refusal is one sentence until the next correction."""
    given = {
        name: st.session_state[f"{name}-{of}"] for name in ("labels", "resize", "crop", "interpolation", "mean", "std")
    }
    st.session_state.pop(REFUSED, None)
    try:
        preprocess = {
            **known.preprocess.card(),
            "resize": _whole(given["resize"]),
            "crop": _whole(given["crop"]),
            "interpolation": given["interpolation"],
            "mean": _reals(given["mean"]),
            "std": _reals(given["std"]),
        }
        whole = known.architecture_from == FILE  # the file holds the network itself
        said: dict[str, Any] = {
            **({} if whole else {"net": known.architecture}),
            "labels": [line.strip() for line in given["labels"].splitlines() if line.strip()],
            "preprocess": preprocess,
        }
        if known.assumed:
            said["assumed"] = {one.name: st.session_state[f"{one.name}-{of}"] for one in known.assumed}
        if networks.mine(key):
            return networks.correct(key, said)
        if (path := catalog.file_of(key, startup.START.engine().weights)) is None:
            raise RequestError("Its file is no longer in the weights folder; load it again.")
        save(path, said, key)
        network.expected(key)
    except RequestError as error:
        st.session_state[REFUSED] = (visit.page(), key), str(error)


def _sides(size: int | tuple[int, int]) -> str:
    return ", ".join(map(str, size)) if isinstance(size, tuple) else str(size)


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _whole(text: str) -> int | list[int]:
    try:
        sides = [int(part) for part in text.split(",")]
    except ValueError:
        raise RequestError(f"{text!r} is no size; write one whole number, or height, width.") from None
    return sides[0] if len(sides) == 1 else sides


def _reals(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise RequestError(f"{text!r} is no list of numbers; write one for each channel, with commas.") from None
