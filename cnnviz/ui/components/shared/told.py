"""What a browser tells, as far as it is what it should be: a hostile one tells anything that JSON can hold."""

from __future__ import annotations

import math
from typing import Any

UNFIT = (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError)  # of reading a message


def whole(said: Any, low: int, high: int) -> int | None:
    """A whole number from `low` to `high`, both included; None for anything else."""
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not low <= said <= high or said != int(said):
        return None
    return int(said)


def share(said: Any, low: float, high: float) -> float:
    """A number from `low` to `high`, both included. Raises `ValueError` for another, and as `float` does."""
    number = float(said)
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"not from {low:g} to {high:g}")
    return number
