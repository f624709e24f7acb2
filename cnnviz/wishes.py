"""What channels wish to see: everything the engine answers about the layers of a net alone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path

import torch

from cnnviz.explain import filters as grown
from cnnviz.explain.ascent import Aim, Ascent, recipe
from cnnviz.explain.maximize import FilterEvent
from cnnviz.explain.patches import Patches
from cnnviz.explain.tuning import Tuning
from cnnviz.inquiry import ident_of
from cnnviz.photo import Photo
from cnnviz.proof import Proof


class Wishes(Proof):
    """What can be asked about a layer's channels, with no photo or with very many."""

    _device: torch.device

    def recipe(self, key: str, name: str = "auto") -> Ascent:
        """The knobs of a filter recipe by name; "auto" is the one of the net's family."""
        return recipe(name, key, min(self.model(key).input_size[1:]))

    def filters(
        self,
        key: str,
        layer: str | None = None,
        channels: Iterable[int | Aim] = (0,),
        ascent: Ascent | None = None,
        photo: Photo | None = None,
    ) -> Generator[FilterEvent]:
        """The pictures that channels of a layer answer most to, step by step; what is remembered comes first and whole.

        No layer means the classes ("logits"). `photo` is where the ascent begins if its start is "photo". The generator
        may be closed at any step. Raises `RequestError` where the layer or a channel cannot be maximised.
        """
        model = self.model(key)
        seen = None if photo is None else self._seen(model, photo)
        wanted = grown.Wanted(model, ident_of(model), layer or grown.LOGITS, ascent or self.recipe(key), photo, seen)
        return grown.events(wanted, channels, self._store, self._device, self._computing)

    def tuning(self, key: str, layer: str) -> Tuning:
        """What each channel of a layer is tuned to: orientation, frequency, colour, size, place."""
        model = self.model(key)
        return grown.tuned(grown.Wanted(model, ident_of(model), layer), self._store, self._device, self._computing)

    def patches(
        self, key: str, layer: str, photos: Sequence[Path | Photo], told: Callable[[float], None] = lambda _: None
    ) -> Patches:
        """The places in photos that each channel of a layer answers most to; `told` hears the share done."""
        wanted = grown.Wanted(self.model(key), ident_of(self.model(key)), layer)
        return grown.outstanding(wanted, photos, self._store, self._device, self._computing, told)

    def filter_layers(self, key: str) -> Mapping[str, int]:
        """How many channels each layer has that can be grown, in execution order; the classes, "logits", come last."""
        model, kinds = self.model(key), {row.name: row.kind for row in self.layers(key).layers}
        names = self.map_layers(key)
        return self._store.get((*ident_of(model), "widths"), lambda: grown.widths(model, names, kinds, self._device))
