"""Options that know themselves: a dataclass field with a range, a unit and a sentence of help.

Widgets, command-line flags, validation and test sweeps are all read from here.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from cnnviz.printable import sentence


class RequestError(ValueError):
    """What was asked for cannot be done; the message says why and what to do next, in one sentence.

    Names of files in it are made printable.
    """

    def __init__(self, *said: object) -> None:
        super().__init__(*(sentence(one) if isinstance(one, str) else one for one in said))


class OptionError(RequestError):
    """An option lies outside of its range."""


@dataclass(frozen=True)
class Knob:
    """What one option may be: its name, type, default, range (inclusive), step, unit, choices, help and title."""

    name: str
    kind: type
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[Any, ...] = ()
    title: str = ""
    optional: bool = False

    @property
    def label(self) -> str:
        """What stands at its widget: its title, or its name in words, and its unit."""
        title = self.title or self.name.replace("_", " ").capitalize()
        return f"{title}, {self.unit}" if self.unit else title


def knob(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    unit: str = "",
    choices: tuple[Any, ...] = (),
    title: str = "",
) -> Any:
    """A dataclass field that carries its range, step, unit, choices, help and title; read with `knobs`."""
    detail = {"help": help, "low": low, "high": high, "step": step, "unit": unit, "choices": choices, "title": title}
    return dataclasses.field(default=default, metadata={"knob": detail})


@dataclass(frozen=True)
class Options:
    """Base of every options class: values outside their range raise `OptionError` at once."""

    def __post_init__(self) -> None:
        for k in knobs(type(self)):
            _check(k, getattr(self, k.name))


def knobs(options: type[Options]) -> tuple[Knob, ...]:
    """The fields of an options class, in the order they were written."""
    hints = typing.get_type_hints(options)
    found = []
    for field in dataclasses.fields(options):
        if detail := field.metadata.get("knob"):
            kind, optional = _plain(hints[field.name])
            found.append(Knob(field.name, kind, field.default, optional=optional, **detail))
    return tuple(found)


def flat(options: Options | None) -> tuple[tuple[str, Hashable], ...]:
    """The options as sorted (name, value) pairs: an exact, hashable part of a cache key."""
    if options is None:
        return ()
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    return (("", type(options).__qualname__), *sorted(values.items()))


def _plain(hint: Any) -> tuple[type, bool]:
    """The type inside `T | None` and whether None is allowed."""
    arms = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    plain = [arm for arm in arms if arm is not type(None)]
    return (typing.get_origin(plain[0]) or plain[0]), len(plain) < len(arms)


def _check(k: Knob, value: Any) -> None:
    if value is None and k.optional:
        return
    if k.choices:
        if value not in k.choices:
            raise OptionError(f"{k.name} is {value!r}; choose one of {', '.join(map(str, k.choices))}.")
        return
    if k.kind in (bool, str) and not isinstance(value, k.kind):
        raise OptionError(f"{k.name} is {value!r}; it has to be {'true or false' if k.kind is bool else 'text'}.")
    number = k.kind in (int, float)
    if number and (isinstance(value, bool) or not isinstance(value, (int, float) if k.kind is float else int)):
        raise OptionError(f"{k.name} is {value!r}; it has to be {'a whole number' if k.kind is int else 'a number'}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise OptionError(f"{k.name} is {value}; it has to be a finite number.")
    if (k.low is not None and value < k.low) or (k.high is not None and value > k.high):
        raise OptionError(f"{k.name} is {value}; it has to {_range(k)}.")


def _range(k: Knob) -> str:
    if k.low is not None and k.high is not None:
        return f"lie in the range {k.low} to {k.high} {k.unit}".strip()
    return f"be {k.low} or more" if k.high is None else f"be {k.high} or less"
