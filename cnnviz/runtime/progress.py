"""Progress of long work, and stopping it: what a caller's progress raises reaches that caller alone."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[float], None]


class Cancelled(Exception):
    """Somebody's progress raised; everybody else who waited for the same answer starts anew."""

    def __init__(self, who: object) -> None:
        super().__init__("stopped")
        self.who = who


def stoppable(progress: Callable[..., None] | None, ask: Callable[[Callable[..., None] | None], T]) -> T:
    """What `ask` returns; what `progress` raises reaches its own caller and nobody else."""
    me = object()

    def told(*news: float) -> None:
        try:
            if progress is not None:
                progress(*news)
        except BaseException as stop:
            raise Cancelled(me) from stop

    while True:
        try:
            return ask(told if progress else None)
        except Cancelled as stopped:
            if stopped.who is me and stopped.__cause__ is not None:
                raise stopped.__cause__ from None


def part(progress: Progress, place: int, count: int) -> Progress:
    """The progress of one of several jobs that run one after another."""
    return lambda share: progress((place + share) / count)


def in_turns(
    place: Callable[[], AbstractContextManager[None]], steps: Generator[float, None, T], progress: Progress | None
) -> T:
    """What a computation returns, each of its steps in a place of its own; `progress` hears the share done."""
    try:
        while True:
            with place():
                share = next(steps)
            if progress is not None:
                progress(share)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        steps.close()
