"""A probability in words."""


def percent(probability: float, digits: int = 1) -> str:
    """A probability in words: 96.6%; never 0 or 100%, which a softmax cannot reach, but < 0.1% and > 99.9%."""
    edge = 10.0**-digits
    if probability < edge / 200:
        return f"< {edge:.{digits}f}%" if digits else "< 1%"
    if probability >= 1 - edge / 200:
        return f"> {100 - edge:.{digits}f}%" if digits else "> 99%"
    return f"{probability:.{digits}%}"
