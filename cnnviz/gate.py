"""The gate before a device: few compute at once, the others wait in line and can see their place."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Lets `width` threads through at once, first come first served; the thread that is inside may enter again."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._inside: dict[int, int] = {}  # thread id -> how often it entered
        self._line: deque[int] = deque()
        self._turn = threading.Condition()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Wait for a free place, hold it for the block, give it back."""
        me = threading.get_ident()
        with self._turn:
            if me not in self._inside:
                self._line.append(me)
                try:
                    self._turn.wait_for(lambda: self._line[0] == me and len(self._inside) < self.width)
                finally:
                    self._line.remove(me)
                    self._turn.notify_all()
            self._inside[me] = self._inside.get(me, 0) + 1
        try:
            yield
        finally:
            with self._turn:
                self._inside[me] -= 1
                if not self._inside[me]:
                    del self._inside[me]
                self._turn.notify_all()

    def waiting(self) -> int:
        """How many threads stand in line."""
        return len(self._line)

    def running(self) -> int:
        """How many threads are inside."""
        return len(self._inside)
