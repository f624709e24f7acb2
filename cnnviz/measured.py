"""A measured value in words: an activation, an objective, the end of a colour scale.

`ui/components/shared/number.js` has the same for what is drawn in the browser.
"""

import math


def measured(value: float, figures: int = 3, sign: bool = False) -> str:
    """A value at so many figures: 16.1, 0.888, −3.5; the whole part is never rounded: 1081; 8.88e−5 and 1.08e6.

    With `sign`, a positive one has its sign, too.
    """
    number = float(value)
    if math.isnan(number):
        return "NaN"
    before = "−" if number < 0 else "+" if sign and number > 0 else ""
    if math.isinf(number):
        return before + "∞"
    if number == 0:
        return "0"
    size = math.nextafter(abs(number), math.inf)  # a tie goes up, as in the browser
    first, power = f"{size:.{figures - 1}e}".split("e")
    places = figures - 1 - int(power)
    if size < 1e6 and places <= figures + 3:  # 0.0001 and more
        return before + _bare(f"{size:.{max(0, places)}f}")
    return f"{before}{_bare(first)}e{power.lstrip('+').replace('-0', '-').replace('-', '−').lstrip('0')}"


def _bare(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
