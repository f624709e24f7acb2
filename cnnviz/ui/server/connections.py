"""Connections to a public server: so many of one address, and none that begins a request and does not go on.

uvicorn waits for the head of a request as long as its sender likes, and each such wait holds a file of the process.
"""

from __future__ import annotations

import contextlib
import importlib
import ipaddress
from typing import Any

from cnnviz import settings

PROTOCOLS = ("h11_impl.H11Protocol", "httptools_impl.HttpToolsProtocol")
PATIENCE = 15.0  # seconds for the head of a request
SHARE = 2  # of the files that this process may open, one address gets one in so many
LOOK, KNOWN = 32, 1000  # connections of an address, and addresses, after which closed ones are let go of


def bound() -> None:
    """From now on connections to servers here are bounded, and this process may open as many files as it can."""
    files = _more_files()
    for name in PROTOCOLS:
        module, _, protocol = name.partition(".")
        with contextlib.suppress(ImportError, AttributeError):
            found = getattr(importlib.import_module(f"uvicorn.protocols.http.{module}"), protocol)
            if not hasattr(found, "_bounded"):
                found._bounded = True
                _watch(found, files)


def _more_files() -> int:
    """How many files this process may have open, after asking for as many as it may ask for."""
    try:
        import resource
    except ImportError:  # Windows
        return 8192
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _watch(protocol: type, files: int) -> None:
    """Has a class of uvicorn's count its connections by address, and close those that make no request."""
    made: Any = protocol.connection_made  # type: ignore[attr-defined]
    held: dict[str, list[Any]] = {}

    def connection_made(self: Any, transport: Any) -> None:
        made(self, transport)
        if not _public():
            return
        host = network(str((transport.get_extra_info("peername") or ("",))[0]))
        own = held.setdefault(host, [])
        if len(own) >= _most(files) or len(own) % LOOK == 0:
            own[:] = [other for other in own if not other.is_closing()]
        if len(own) >= _most(files):
            transport.abort()
            return
        own.append(transport)
        if len(held) > KNOWN:
            for other in [other for other, theirs in held.items() if all(one.is_closing() for one in theirs)]:
                del held[other]
        self.loop.call_later(PATIENCE, _check, self, transport, None)

    protocol.connection_made = connection_made  # type: ignore[attr-defined]


def network(host: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, as whoever has one of such a network has all of it."""
    try:
        known = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(known, ipaddress.IPv6Address):
        return host
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))


def _most(files: int) -> int:
    """How many connections one address may have; of a proxy all that there can be, as all are its own."""
    return files if settings.proxy() else max(1, min(int(settings.connections()), files // SHARE))


def _public() -> bool:
    try:
        return settings.public()
    except settings.SettingError:
        return True


def _check(protocol: Any, transport: Any, answered: Any) -> None:
    """Closes a connection that has made no request, or none since the last look, when all were `answered` already."""
    if transport.is_closing() or transport.get_protocol() is not protocol:  # gone, or a websocket by now
        return
    cycle = protocol.cycle
    if cycle is None or cycle is answered:
        transport.abort()
    else:
        protocol.loop.call_later(PATIENCE, _check, protocol, transport, cycle if cycle.response_complete else None)
