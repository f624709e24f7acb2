"""The gate before a device: few compute at once, the others wait in line and can see their place."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Who waits in this context hears its place in line, 1 for the next one, about three times a second.
WAITING: ContextVar[Callable[[int], None] | None] = ContextVar("waiting", default=None)
TICK = 0.3  # seconds


class Gate:
    """Lets `width` threads through at once, first come first served; the thread that is inside may enter again."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._inside: dict[int, int] = {}  # thread id -> how often it entered
        self._line: deque[int] = deque()
        self._turn = threading.Condition()
        self._waited = (0, 0.0)  # turns that were given, and seconds that were waited for them

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Wait for a free place, hold it for the block, give it back."""
        me = threading.get_ident()
        if me not in self._inside:
            self._wait(me)
        self._inside[me] += 1
        try:
            yield
        finally:
            with self._turn:
                self._inside[me] -= 1
                if not self._inside[me]:
                    del self._inside[me]
                self._turn.notify_all()

    def _wait(self, me: int) -> None:
        told, since = WAITING.get(), time.monotonic()
        with self._turn:
            self._line.append(me)
        try:
            while True:
                with self._turn:
                    if self._turn.wait_for(lambda: self._line[0] == me and len(self._inside) < self.width, TICK):
                        self._inside[me] = 0
                        self._waited = self._waited[0] + 1, self._waited[1] + time.monotonic() - since
                        return
                    place = self._line.index(me) + 1
                if told is not None:
                    told(place)  # may raise, where the visitor has left: the place in line is given up
        finally:
            with self._turn:
                self._line.remove(me)
                self._turn.notify_all()

    def waited(self) -> tuple[int, float]:
        """How many turns were given, and how many seconds were waited for them in all."""
        return self._waited

    def waiting(self) -> int:
        """How many threads stand in line."""
        return len(self._line)

    def running(self) -> int:
        """How many threads are inside."""
        return len(self._inside)
