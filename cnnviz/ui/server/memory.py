"""What the server does so that memory that is free goes back to the system, where the C library is glibc.

Each run of a page is a thread of its own. glibc gives threads memory from up to eight places a core, and what was freed
in one of them stays there: after some minutes of many visitors that is more than all caches hold.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

ARENA_MAX, PLACES = -8, 2  # glibc's name for how many places there are, and how many there shall be
PAUSE = 20.0  # seconds
GIVER = "cnnviz-memory"  # the thread that gives back


def set_up() -> bool:
    """Have few places, and give back what is free in them every `PAUSE` seconds; whether the C library can do so."""
    library = _glibc()
    if library is None:
        return False
    library.mallopt(ARENA_MAX, PLACES)
    if any(thread.name == GIVER for thread in threading.enumerate()):  # of a server of this process before
        return True
    threading.Thread(target=_give_back, args=(library, threading.Event()), name=GIVER, daemon=True).start()
    return True


def give_back() -> bool:
    """Give back what is free now; whether there was any."""
    library = _glibc()
    return library is not None and bool(library.malloc_trim(0))


def _give_back(library: Any, stopped: threading.Event) -> None:
    while not stopped.wait(PAUSE):
        library.malloc_trim(0)  # ctypes lets other threads go on meanwhile


def _glibc() -> Any:
    try:
        library = ctypes.CDLL(None)
        return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
    except (OSError, TypeError):  # no such library, as on Windows
        return None
