"""Which checks belong to which page, and what the frame around every page must say."""

from __future__ import annotations

from collections import Counter

from cnnviz.runtime.engine import Engine
from tests.walk import answers, evidence, labs
from tests.walk.shown import Shown
from tests.walk.tab import Fault, Tab

CHECKS = {
    "": answers.home,
    "activations": answers.activations,
    "class_activation": evidence.class_activation,
    "convolution": labs.convolution,
    "gabor": labs.gabor,
    "data": labs.data,
    "train": labs.train,
    "filters": labs.filters,
}


class Pages:
    """Holds what the pages show against an engine of its own. It learns what networks are called as it goes."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts, self.engine = counts, Engine(device="cpu")
        self.called: dict[str, str] = {}  # what a network is called -> its key
        self.photo = ""  # what the photo was called when its button was last to be seen

    def check(self, tab: Tab) -> None:
        """Raises `Fault` where something shown is not the engine's answer."""
        shown = Shown(tab)
        self._frame(shown)
        photo = shown.photo(self.photo)
        self.photo = shown.value("photo") or self.photo
        if photo is None:
            raise Fault(f"the photo {self.photo!r} is none that anybody brought")
        checked = CHECKS[shown.page](shown, self.engine, photo)
        self.counts[f"{'checked' if checked else 'passed over'} {shown.page or 'home'}"] += 1

    def _frame(self, shown: Shown) -> None:
        called = shown.value("model")
        if called is None:
            return
        if self.called.setdefault(called, shown.net) != shown.net:
            raise Fault(f"network is called {called!r}, the address says {shown.net}")
        others = [name for name, net in self.called.items() if net == shown.net]
        if others != [called]:
            raise Fault(f"network {shown.net} is called {others}")
        own, says = shown.params.get("photo") == "own", shown.value("photo")
        if says is None:
            raise Fault("photo: no button is pressed")
        photo = shown.photo()
        if photo is not None and not photo.personal and own:
            raise Fault(f"photo: {says} is shown, the address speaks of one's own")
        if photo is not None and not photo.personal and shown.params.get("photo", "cat") != photo.name:
            raise Fault(f"photo: {says} is shown, the address says {shown.params.get('photo')}")
