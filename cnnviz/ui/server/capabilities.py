"""What the visitors of this server may have it do, asked by the functions that do it and not by the pages alone.

A page that forgot to hide a control, a link and a message that no page has sent are refused all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from cnnviz.options import RequestError
from cnnviz.ui.server import startup


@dataclass(frozen=True)
class Capabilities:
    """What may be done here."""

    folders: bool  # data sets and runs of this machine listed and opened
    training: bool  # processes started, runs changed
    checkpoints: bool  # files and cards kept in the weights folder
    writing: bool  # data sets made
    deleting: bool  # data sets moved to the trash, brought back and removed


NAMES = tuple(field.name for field in fields(Capabilities))
OWN = Capabilities(**dict.fromkeys(NAMES, True))  # of whoever started the server on their machine
STRANGERS = Capabilities(**dict.fromkeys(NAMES, False))
REFUSALS = {
    "folders": "This public server shows none of its folders.",
    "training": "This public server trains nothing.",
    "checkpoints": "A public server keeps no checkpoints and changes no cards; load a network as .pt2 or .onnx.",
    "writing": "This public server writes no data sets.",
    "deleting": "This public server deletes nothing.",
}


def granted() -> Capabilities:
    """What may be done on this server."""
    return STRANGERS if startup.public() else OWN


def require(name: str) -> None:
    """Raises `RequestError` where the capability of that name is not granted; what needs it begins so."""
    if not getattr(granted(), name):
        raise RequestError(REFUSALS[name])
