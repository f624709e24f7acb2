"""What files to download are called."""

from __future__ import annotations

import re

LONGEST = 60  # characters of one word
KEYS = ".@"  # what keys of networks and names of layers may have besides


def file_name(*words: str, keep: str = "") -> str:
    """Words as the name of a file, without its ending: letters, digits, "+" and what is to `keep`; the rest is "-"."""
    odd = rf"[^\w+{re.escape(keep)}]+"
    return "_".join(re.sub(odd, "-", word).strip("-")[:LONGEST] for word in words if word)
