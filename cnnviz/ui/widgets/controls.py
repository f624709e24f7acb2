"""Widgets whose value stands in the link: lists, switches, sliders, and those of a whole set of options."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import streamlit as st

from cnnviz.options import Knob, Options, knobs
from cnnviz.ui.session import link

T = TypeVar("T")
N = TypeVar("N", int, float)
Chosen = TypeVar("Chosen", bound=Options)
STEPS = 1000  # the most that a slider may have


def pick(
    label: str,
    key: str,
    options: Sequence[T],
    default: T,
    *,
    parse: Callable[[str], T] = str,  # type: ignore[assignment]  # for words, where T is str
    words: Callable[[T], str] = str,
    always: bool = False,
    of: Hashable = None,
    **how: Any,
) -> T:
    """A searchable list whose value stands in the link under `key`; returns the value picked.

    The default stands in the link too where it `always` has to: where tomorrow's default is another one. A value picked
    is one `of` something, such as a network's labels: of another it is another, and a new default is followed.
    """
    if of is None:
        link.linked(key, default, lambda value: value in options, parse)
    else:
        link.linked_of(key, of, default, lambda value: value in options, parse)
    link.called(key, words(st.session_state[key]))
    st.selectbox(label, options, key=key, format_func=words, **how)
    link.note(key, None if always else default)
    picked: T = st.session_state[key]
    return picked


def switch(
    label: str,
    key: str,
    options: Sequence[str],
    default: str,
    *,
    words: Callable[[str], str] = str,
    parse: Callable[[str], str] = str,
    of: Hashable = None,
    **how: Any,
) -> str:
    """A few alternatives side by side, called by their `words`, linked; returns the one chosen. `of`: see `pick`.

    `parse` gives the alternative that a word of a link means, where it had another name.
    """
    if of is None:
        link.linked(key, default, lambda value: value in options, parse)
    else:
        link.linked_of(key, of, default, lambda value: value in options, parse)
    link.called(key, "")  # no name: the browser knows the place of its choice
    st.segmented_control(label, options, key=key, required=True, format_func=words, **how)
    link.note(key, default)
    chosen: str = st.session_state[key]
    return chosen


def slide(label: str, key: str, low: N, high: N, default: N, step: N | None = None, **how: Any) -> N:
    """A slider, linked; returns its value."""
    link.linked(key, default, lambda value: low <= value <= high, type(default))
    st.slider(label, low, high, step=step, key=key, **how)
    link.note(key, default)
    value: N = st.session_state[key]
    return value


def linked_tick(key: str, default: bool = False) -> bool:
    """Whether the switch `key` will be on, before it is drawn."""
    link.linked(key, default, lambda value: True, lambda text: text.lower() in ("true", "1", "yes"))
    on: bool = st.session_state[key]
    return on


def tick(label: str, key: str, default: bool = False, **how: Any) -> bool:
    """A switch, linked; returns whether it is on."""
    linked_tick(key, default)
    st.toggle(label, key=key, **how)
    link.note(key, default)
    on: bool = st.session_state[key]
    return on


def options(kind: type[Chosen], prefix: str, begin: Chosen | None = None, columns: int = 1) -> Chosen:
    """One linked widget for each knob of an options class, in rows of so many columns; returns the options set.

    The knobs begin at the values of `begin`, or at their own defaults.
    """
    values: dict[str, Any] = {}
    places: Sequence[Any] = [contextlib.nullcontext()]
    for i, known in enumerate(knobs(kind)):
        if columns > 1 and not i % columns:
            places = st.columns(columns, gap="medium")
        k = known if begin is None else dataclasses.replace(known, default=known.kind(getattr(begin, known.name)))
        key, label = f"{prefix}-{k.name}", k.label
        with places[i % columns]:
            if k.kind is bool:
                values[k.name] = tick(label, key, k.default, help=k.help)
            elif k.choices:
                values[k.name] = pick(label, key, list(k.choices), k.default, parse=k.kind, help=k.help)
            else:
                values[k.name] = _number(label, key, k)
    return kind(**values)


def _number(label: str, key: str, k: Knob) -> Any:
    """A number between bounds as a slider; one without them, or with more steps than a hand can find, as a field."""
    low, high, step = (None if n is None else k.kind(n) for n in (k.low, k.high, k.step))
    if low is not None and high is not None and k.default is not None and (high - low) / (step or 1) <= STEPS:
        how = {"format": "%g"} if k.kind is float else {}
        return slide(label, key, low, high, k.default, step, help=k.help, **how)
    return number(label, key, low, high, k.default, k.kind, k.optional, step=step, help=k.help)


def number(
    label: str, key: str, low: Any, high: Any, default: Any, kind: Any = int, optional: bool = False, **how: Any
) -> Any:
    """A number in a field, linked; of one that is not allowed it says what is, and the last that was is returned."""

    def fits(value: Any) -> bool:
        return (low is None or value >= low) and (high is None or value <= high)

    def typed(value: Any) -> bool:
        """Also what does not fit stays in the field: with bounds of its own, it would go back to the old number."""
        return fits(value) or value == st.session_state.get(key)

    link.linked(key, default, typed, kind)
    step = how.pop("step", None) or (1 if kind is int else None)  # which tells whole numbers from others
    st.number_input(label, value=None, key=key, placeholder="none", step=step, **how)
    value = st.session_state[key]
    if value is None and not optional:
        st.session_state["_notes"].pop(key, None)
        return default
    if value is not None and not fits(value):
        last = st.session_state.get(f"_fits-{key}", default)
        st.error(f"{label}: {_range(low, high)}. {'None' if last is None else f'{last:g}'} is used.")
        return last
    st.session_state[f"_fits-{key}"] = value
    link.note(key, default)
    return value


def _range(low: Any, high: Any) -> str:
    """Which numbers are allowed, in words."""
    if low is None or high is None:
        return f"at least {low:g}" if high is None else f"at most {high:g}"
    return f"from {low:g} to {high:g}"
