"""What is sound, changed at random: bytes, text, values of JSON."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    *(0, -1, 1, 2**31, 2**63, 10**30, -(10**400), 0.5, 1e308, float("inf"), float("nan"), True, False, None),
    *("", "x", "../../x", "/etc/passwd", "\x00", "\ud800", "\u202e", "é" * 300, "9" * 5000, "nan", "1e999", "{}"),
    *([], {}, [0], [[]], {"": 0}, [None] * 3, ["a", 1], {"event": "start"}),
)
CHARACTERS = "0123456789{}[]\",:;abcxyz.-_/\\~!%&=+ \t\n\r\x00é\u202e\ufeff'<>"


def of_bytes(data: bytes, rng: Random) -> bytes:
    """Some bytes of it different, missing, doubled, or put elsewhere."""
    kind = rng.randrange(6)
    found = bytearray(data)
    if kind < 3 and found:
        for _ in range(rng.choice((1, 1, 3, 30))):
            place = rng.randrange(len(found) if kind else min(len(found), 400))
            found[place] = rng.choice((0, 255, 127, rng.randrange(256)))
        return bytes(found)
    at, to = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    if kind == 3:
        return data[:at]
    if kind == 4:
        return data[:at] + data[to:]
    return data[:to] + data[at:]


def of_text(text: str, rng: Random) -> str:
    """Some characters of it different, missing, doubled or new."""
    for _ in range(rng.choice((1, 1, 2, 8))):
        at, to = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        to = min(to, at + 12)
        some = "".join(rng.choice(CHARACTERS) for _ in range(rng.choice((1, 1, 3))))
        odd = rng.choice(ODD)
        text = rng.choice(
            (
                text[:at] + some + text[to:],
                text[:at] + text[to:],
                text[:to] + text[at:],
                text[:at] + str(odd)[:40] + text[to:],
            )
        )
    return text


def of_values(values: Any, rng: Random) -> Any:
    """Plain values of which some are of another type, missing, doubled, or nested."""
    root = [copy.deepcopy(values)]
    for _ in range(rng.choice((1, 1, 2, 5))):
        holder, place = rng.choice(list(_places(root)))
        kind = rng.randrange(8)
        if kind == 0 and holder is not root:
            del holder[place]
        elif kind == 1:
            for _ in range(rng.choice((1, 30, 900))):
                holder[place] = [holder[place]]
        elif kind == 2 and isinstance(holder[place], str):
            holder[place] = of_text(holder[place], rng)
        elif kind == 3 and isinstance(holder[place], list):
            holder[place] = holder[place] * rng.choice((0, 2, 50))
        elif kind == 4 and isinstance(holder, dict):
            holder[rng.choice(("", "x", "\u202e", "__class__", str(rng.random())))] = copy.deepcopy(rng.choice(ODD))
        else:
            holder[place] = copy.deepcopy(rng.choice(ODD))
    return root[0]


def json_of(values: Any, rng: Random) -> bytes:
    """A JSON document of such values, now and then no JSON any more, or nested ten thousand times."""
    try:
        data = json.dumps(of_values(values, rng)).encode("utf-8", "surrogatepass")
    except RecursionError:
        data = b"[" * 10_000 + b"]" * 10_000
    if rng.random() < 0.02:
        data = b'{"a":' * 10_000
    return of_bytes(data, rng) if rng.random() < 0.2 else data


def _places(root: Any) -> list[tuple[Any, Any]]:
    """Every place of a value inside: what holds it, and under which key."""
    found, waiting = [], [root]
    while waiting and len(found) < 3000:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], (dict, list)):
                waiting.append(holder[key])
    return found
