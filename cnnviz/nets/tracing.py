"""One trace at a time: torch.fx patches torch for the whole process while it traces a net."""

from __future__ import annotations

import threading

LOCK = threading.Lock()
