"""How far a share that was counted may lie from the true one: Wilson's interval."""

from __future__ import annotations

import math

NORMAL = 1.959963984540054  # of a standard normal variable, 95 % lie between minus this and this


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share, as two numbers in 0..1, when `right` of `of` were; (0, 1) for none.

    Wilson, 1927, Probable inference, the law of succession, and statistical inference.
    """
    if not of:
        return 0.0, 1.0
    share, z = right / of, NORMAL**2 / of
    middle = (share + z / 2) / (1 + z)
    reach = math.sqrt(z * share * (1 - share) + z * z / 4) / (1 + z)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def around(accuracy: float, of: int) -> tuple[float, float]:
    """The interval of an accuracy in 0..1 that was counted over so many images."""
    return wilson(round(accuracy * of), of)


def words(accuracy: float, of: int) -> str:
    """The same to be read: 93.5–96.2%; nothing without images."""
    low, high = around(accuracy, of)
    return f"{100 * low:.1f}–{100 * high:.1f}%" if of else ""
