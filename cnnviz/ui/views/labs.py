"""What a visit keeps of the labs: how each was begun, how it was left, and what was taken from one view to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from cnnviz.signal.gabor import FIRST, Gabor
from cnnviz.signal.receptive import Window
from cnnviz.ui.components.convlab.field import FIRST as STACK
from cnnviz.ui.components.convlab.field import STACKS
from cnnviz.ui.components.gaborlab import VIEWS
from cnnviz.ui.views.first_layer import LearnedFilter
from cnnviz.ui.widgets import controls, show


def heading(key: str, views: Sequence[str], view: str) -> None:
    """The views of a lab, on the line that its fragment goes on with; `view` is the one the page was drawn with."""
    if show.presenting():
        controls.pick("Lab", key, views, views[0], label_visibility="collapsed", width=300)
    else:
        controls.switch("Lab", key, views, views[0], label_visibility="collapsed")
    if st.session_state[key] != view:
        st.rerun()


@dataclass
class GaborLab:
    """The filter in the hand, its picture and its view; what it is matched to, and what was put into a net."""

    begin: tuple[Gabor, int, str, int] | None = None  # the last number tells one beginning from another
    last: tuple[Gabor, int, str] = (FIRST, 0, VIEWS[0])
    target: LearnedFilter | None = None
    view: str | None = None  # of the page, to be opened by its next run
    grafts: dict[tuple[str, int], Gabor] = field(default_factory=dict)  # by a net's fingerprint and a filter's number

    def hold(self, target: LearnedFilter | None, view: str) -> None:
        """Begin anew beside a learned filter, or none, in a view of the page."""
        self.begin, self.target, self.view = None, target, view

    def put_away(self) -> None:
        """Match no learned filter any more."""
        self.target = None


@dataclass
class ConvolutionLab:
    """The layer whose window slides, as the component has it."""

    begin: Mapping[str, Any] | None = None
    last: Mapping[str, Any] | None = None


@dataclass
class FieldLab:
    """The stack whose receptive field is shown, and what tells one beginning from another."""

    begin: tuple[tuple[Window, ...], str] | None = None
    last: tuple[Window, ...] = STACKS[STACK][0]
