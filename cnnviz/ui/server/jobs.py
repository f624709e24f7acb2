"""Work that outlives a page: a thread drains a generator of events, anybody may look, anybody may stop it.

A job's name is what was asked for. Who asks for the same finds the same job: after a reload, on another page, in
another browser. It is stopped only when no visit is left that waits for it. Where more are asked for than run at once,
visits have their turns. Streamlit is not needed here.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Mapping
from typing import Any, Protocol

from cnnviz.options import RequestError
from cnnviz.runtime.gate import VISIT, WAITING, Gate

KEPT = 12  # finished jobs that can still be looked at
AT_ONCE = 2  # jobs that run; the others wait
UNWATCHED = 600.0  # seconds after which a job that nobody looks at is stopped


def remaining(seconds: float | None) -> str:
    """The time left as it is put behind what is done: ", 40 s left"; empty where it cannot be told."""
    if not seconds or seconds < 0:  # a clock that was set back tells nothing
        return ""
    if seconds < 100:
        return f", {seconds:.0f} s left"
    return f", {seconds / 60:.0f} min left" if seconds < 6000 else f", {seconds / 3600:,.0f} h left"


class Shelf(Protocol):
    """Where a job lays its events, made to be read by other threads at any time."""

    def lay(self, event: Any) -> None:
        """Keep what matters of an event."""

    def share(self) -> float:
        """How much of the work is done, 0..1."""

    def pace(self) -> tuple[int, int]:
        """How many steps were worked, not merely remembered, and how many are to come."""


class Dropped(BaseException):
    """A job was stopped before its turn."""


class Job:
    """One piece of work. `state` is queued, running, finished, stopped or failed; `error` says why it failed.

    `owner` is the visit whose own photo it was made of; empty for all others. `number` tells it from all other jobs,
    `view` is what a link to it holds, `waiting` are the visits that asked for it and did not leave it, `queue` is its
    place and of how many, while it waits for its turn.
    """

    def __init__(
        self,
        name: Hashable,
        title: str,
        shelf: Any,
        make: Callable[[], Generator[object]],
        owner: str = "",
        view: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.title, self.shelf, self.owner, self.view = name, title, shelf, owner, dict(view or {})
        self.number, self.waiting = next(_NUMBERS), set[str]()
        self.queue: tuple[int, int] | None = None
        self.state, self.error = "queued", ""
        self.began, self.ended, self.seen = time.monotonic(), 0.0, time.monotonic()
        self._make, self._stop = make, threading.Event()
        self._thread = threading.Thread(target=self._drain, name=f"cnnviz-job {title}", daemon=True)

    @property
    def busy(self) -> bool:
        """Whether it still works, or waits to."""
        return self.state in ("queued", "running")

    def look(self) -> Any:
        """The shelf; a job that is looked at is not stopped for want of an audience."""
        self.seen = time.monotonic()
        return self.shelf

    def left(self) -> float | None:
        """Seconds that are left, as far as can be told."""
        worked, rest = self.shelf.pace()
        spent = time.monotonic() - self.began
        return spent / worked * rest if worked >= 8 and self.state == "running" else None

    def stop(self) -> None:
        """Stop after the step it is in; for everyone who looks it has stopped now."""
        self._stop.set()
        if self.busy:
            self.state, self.ended = "stopped", time.monotonic()

    def _drain(self) -> None:
        VISIT.set(self.owner or next(iter(self.waiting), None))
        WAITING.set(self._wait)
        with contextlib.suppress(Dropped), _PLACES.entered():
            WAITING.set(None)
            VISIT.set(("job", self.number))  # at the device it has its turns beside the questions of who asked for it
            self.queue = None
            if self._stop.is_set():
                return
            self.state, self.began = "running", time.monotonic()
            events = None
            try:
                events = self._make()
                for event in events:
                    if self._stop.is_set() or time.monotonic() - self.seen > UNWATCHED:
                        break
                    self.shelf.lay(event)
                self._end("stopped" if self.shelf.share() < 1 else "finished")
            except RequestError as error:
                self.error = str(error)
                self._end("failed")
            except Exception as error:  # told to whoever looks, not lost in a thread
                self.error = f"It failed ({type(error).__name__}: {error}); try other settings."
                self._end("failed")
            finally:
                if events is not None:
                    events.close()  # also what a generator holds back in its finally
                if not self.ended:
                    self.ended = time.monotonic()

    def _wait(self, place: int, count: int) -> None:
        self.queue = place, count
        if self._stop.is_set():
            raise Dropped

    def _end(self, state: str) -> None:
        if not self._stop.is_set():
            self.state = state


class Jobs:
    """All jobs of this server."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()
        self._lock = threading.Lock()
        atexit.register(self.close)

    def ask(
        self,
        name: Hashable,
        title: str,
        shelf: Callable[[], Shelf],
        make: Callable[[], Generator[object]],
        owner: str = "",
        view: Mapping[str, str] | None = None,
        visit: str = "",
    ) -> Job:
        """The job of that name, which `visit` waits for from now on; started where there is none.

        One that was stopped stays so until it is dropped.
        """
        with self._lock:
            if (job := self._jobs.get(name)) is None:
                job = self._jobs[name] = Job(name, title, shelf(), make, owner, view)
                job.waiting |= {visit} - {""}
                job._thread.start()
                for old in [n for n, j in self._jobs.items() if not j.busy][:-KEPT]:
                    del self._jobs[old]
            self._jobs.move_to_end(name)
            job.seen = time.monotonic()
            if visit:
                job.waiting.add(visit)
            return job

    def get(self, name: Hashable) -> Job | None:
        """The job of that name, if there is one."""
        return self._jobs.get(name)

    def running(self) -> list[Job]:
        """Jobs that work or wait, oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if job.busy]

    def drop(self, name: Hashable) -> None:
        """Stop and forget a job; asked for again it starts anew."""
        with self._lock:
            job = self._jobs.pop(name, None)
        if job is not None:
            job.stop()

    def clear(self, name: Hashable) -> None:
        """Forget a job that has ended; asked for again it starts anew, unless somebody was quicker."""
        with self._lock:
            if (job := self._jobs.get(name)) is not None and not job.busy:
                del self._jobs[name]

    def leave(self, name: Hashable, visit: str, here: Callable[[str], bool], keep: bool = False) -> bool:
        """Whether a job that works ends with this visit's leaving it: no other that is still `here` waits for it.

        It is forgotten, too, unless it is to be kept as one that was stopped.
        """
        with self._lock:
            job = self._jobs.get(name)
            if job is None or not job.busy:
                return False
            job.waiting.discard(visit)
            if any(here(other) for other in job.waiting):
                return False
            if not keep:
                del self._jobs[name]
        job.stop()
        return True

    def forget_personal(self, owner: str) -> None:
        """Stop and forget what was made of one visitor's own photos."""
        for job in [job for job in self._jobs.values() if owner and job.owner == owner]:
            self.drop(job.name)

    def close(self, patience: float = 3.0) -> None:
        """Stop everything and wait a moment for the threads: one inside torch at exit would end in an abort."""
        jobs = [*self._jobs.values()]
        for job in jobs:
            job.stop()
        end = time.monotonic() + patience
        for job in jobs:
            if job._thread.ident is not None:
                job._thread.join(max(0.0, end - time.monotonic()))


_NUMBERS = itertools.count(1)
_PLACES = Gate(AT_ONCE)
JOBS = Jobs()
