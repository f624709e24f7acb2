"""The event loop of the server, through which all that pages say goes to browsers: what it must do otherwise."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio import base_events, selector_events
from typing import Any

TURN = 0.0005  # seconds that a thread computes while others wait


def set_up(loop: asyncio.AbstractEventLoop) -> None:
    """Have a loop send at once what there is to send, and wake up once for all that threads hand to it meanwhile.

    Its thread has to get its turn among those of the pages that are computed: each of its many short steps waits as
    long as the interpreter lets another thread go on, by default 5 ms.
    """
    sys.setswitchinterval(TURN)
    base_events._set_nodelay = _at_once  # type: ignore[attr-defined]
    if isinstance(loop, selector_events.BaseSelectorEventLoop) and not hasattr(loop, "_cnnviz_wakes"):
        _wake_once(loop)


def _at_once(sock: socket.socket) -> None:
    """Turn Nagle's algorithm off, which holds back the last piece of an answer until the browser has confirmed others.

    asyncio does so itself, but not for sockets that were accepted from one without a protocol number, as Streamlit's.
    """
    if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _wake_once(loop: asyncio.AbstractEventLoop) -> None:
    """Have `call_soon_threadsafe` write to the loop's socket only where no earlier call has, that it did not read yet.

    A page is about a hundred messages, each of them two calls; each write is a system call that gives up the GIL.
    """
    inner: Any = loop
    write, read = inner._write_to_self, inner._read_from_self
    told = False

    def wake() -> None:
        nonlocal told
        if not told:
            told = True
            write()

    def heard() -> None:
        nonlocal told
        read()
        told = False  # only now: who finds it set has laid down its call before, and the loop has yet to look

    inner._write_to_self, inner._cnnviz_wakes = wake, True
    inner._add_reader(inner._ssock.fileno(), heard)
