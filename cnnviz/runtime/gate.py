"""The gate before a device: few compute at once, the others queue for it, by turns between visits, and see their place.

A visit that asks much, or whose work is long, has one turn where each other visit that waits has one: whoever waits,
waits for one turn of each other visit at most. Long work takes a turn for each of its steps.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Who waits in this context hears about three times a second its place in the queue, 1 for the next one, and how many
# are in it.
WAITING: ContextVar[Callable[[int, int], None] | None] = ContextVar("waiting", default=None)
VISIT: ContextVar[Hashable] = ContextVar("visit", default=None)  # for whom this context computes
TICK = 0.3  # seconds
KNOWN = 4096  # visits whose last turn is remembered


class Gate:
    """Lets `width` threads through at once, by turns between visits; the thread that is inside may enter again.

    `asker` names the visit of a context that says nothing by `VISIT`; where it does not either, each thread is one.
    """

    def __init__(self, width: int, asker: Callable[[], Hashable] = lambda: None) -> None:
        self.width, self.asker = width, asker
        self._inside: dict[int, int] = {}  # thread id -> how often it entered
        self._queue: dict[int, Hashable] = {}  # thread id -> its visit, who came first before others
        self._served: OrderedDict[Hashable, float] = OrderedDict()  # visit -> number of its last turn, the oldest first
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
        visit = next((name for name in (VISIT.get(), self.asker()) if name is not None), me)
        with self._turn:
            self._queue[me] = visit
            # a new one goes before who had the last turn, behind all others that wait: they do not wait for its like
            self._served.setdefault(visit, self._waited[0] - 0.5)
        try:
            while True:
                with self._turn:
                    if self._turn.wait_for(lambda: len(self._inside) < self.width and self._order()[0] == me, TICK):
                        self._inside[me] = 0
                        self._waited = self._waited[0] + 1, self._waited[1] + time.monotonic() - since
                        self._serve(visit)
                        return
                    order = self._order()
                if told is not None:
                    told(order.index(me) + 1, len(order))  # may raise, where the visitor has left
        finally:
            with self._turn:
                del self._queue[me]
                self._turn.notify_all()

    def _order(self) -> list[int]:
        """Those who wait, the next one first: of each visit one, whose last turn is longest ago first, then again."""
        behind: dict[Hashable, int] = {}  # visit -> how many of its threads have come before

        def place(thread: int) -> tuple[int, float]:
            visit = self._queue[thread]
            behind[visit] = round_ = behind.get(visit, -1) + 1
            return round_, self._served.get(visit, -1)

        places = {thread: place(thread) for thread in self._queue}
        return sorted(self._queue, key=places.__getitem__)  # who came first, where these are equal

    def _serve(self, visit: Hashable) -> None:
        self._served[visit] = self._waited[0]
        self._served.move_to_end(visit)
        while len(self._served) > KNOWN:
            self._served.popitem(last=False)

    def waited(self) -> tuple[int, float]:
        """How many turns were given, and how many seconds were waited for them in all."""
        return self._waited

    def waiting(self) -> int:
        """How many threads are in the queue."""
        return len(self._queue)

    def running(self) -> int:
        """How many threads are inside."""
        return len(self._inside)
