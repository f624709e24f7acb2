"""Proof beside the picture: is a heat map faithful, sane and sound, and from which multiplications does it come?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from cnnviz.explain import cam, methods
from cnnviz.explain.cam import Heatmap
from cnnviz.explain.doctor import Finding, Patient, diagnose, sureness
from cnnviz.explain.drill import Arithmetic, Drill, arithmetic, seen_from, witnesses
from cnnviz.explain.erasing import Erasure, answers, checked, curve, masks
from cnnviz.explain.faithfulness import Faithfulness, Probing, centred, faithfulness
from cnnviz.explain.predict import Goal, label, ranked
from cnnviz.explain.sanity import Dial, Sanity, sanity
from cnnviz.inquiry import Given, Inquiry, Progress, ident_of, stoppable
from cnnviz.nets.zoo import Model
from cnnviz.options import flat
from cnnviz.photo import Photo
from cnnviz.signal.receptive import Field, of_net
from cnnviz.store import read_only


class Proof(Inquiry):
    """What can be asked about an answer; `progress` is as in `Inquiry`."""

    def faithfulness(
        self,
        key: str,
        photo: Photo,
        heat: Heatmap,
        probing: Probing | None = None,
        progress: Progress | None = None,
    ) -> Faithfulness:
        """The deletion and insertion curves of a heat map: does the net lose its answer with the pixels it names?"""
        return self._curves(key, photo, heat.target, heat.raw, probing, progress)

    def chance(
        self, key: str, photo: Photo, target: int, probing: Probing | None = None, progress: Progress | None = None
    ) -> Faithfulness:
        """The curves of a map that never saw the photo, a Gaussian in its middle: what a map has to beat."""
        height, width = self.model(key).input_size[1:]
        return self._curves(key, photo, target, centred((height, width)), probing, progress)

    def _curves(
        self, key: str, photo: Photo, target: int, raw: Any, probing: Probing | None, progress: Progress | None
    ) -> Faithfulness:
        model, chosen = self.model(key), probing or Probing()

        def compute(told: Progress | None) -> Faithfulness:
            asked = self._question(model, photo, self.default_layer(key))
            return self._follow(faithfulness(asked.forward, asked.x, target, raw, chosen), told)

        mark = hashlib.blake2b(raw.tobytes(), digest_size=16).hexdigest()
        ident = (*ident_of(model), "faithfulness", photo.digest, target, raw.shape, mark, flat(chosen))
        return stoppable(progress, lambda told: self._store.get(ident, lambda: compute(told), personal=photo.personal))

    def sanity(
        self,
        key: str,
        photo: Photo,
        target: str | int | None = None,
        layer: str | None = None,
        method: str = "gradcam",
        options: Given = None,
        dial: Dial | None = None,
        progress: Progress | None = None,
    ) -> Sanity:
        """The heat map while the net forgets layer by layer, from the top; a map that explains the net falls apart."""
        model, given, turns = self.model(key), methods.options(method, options), dial or Dial()
        place, goal = layer or self.default_layer(key), Goal(self.target(key, photo, target))
        order = [row.name for row in self.layers(key).layers if row.parameters]

        def compute(told: Progress | None) -> Sanity:
            x = self._tensor(model, photo)
            return self._follow(sanity(model.net, order, x, place, goal, method, given, turns), told)

        ident = (*ident_of(model), "sanity", photo.digest, goal, place, method, flat(given), flat(turns))
        return stoppable(progress, lambda told: self._store.get(ident, lambda: compute(told), personal=photo.personal))

    def diagnose(self, key: str, photo: Photo, heat: Heatmap) -> tuple[Finding, ...]:
        """What is wrong with a heat map, with cause and cure, the gravest first; nothing where it is sound."""
        model = self.model(key)
        layer = self.default_layer(key) if heat.layer == methods.INPUT else heat.layer
        asked, maps = self._question(model, photo, layer), self.activations(key, photo, layer).maps
        better, trained = self.stages(key)[-1], not model.source.startswith("untrained")

        def sure() -> tuple[float, ...]:
            with self._computing():
                return sureness(asked.forward, asked.x, self._seen(model, photo))

        ident = (*ident_of(model), "sureness", photo.digest)
        usual = self._store.get(ident, sure, personal=photo.personal) if trained else ()
        return diagnose(Patient(heat, self._logits(model, photo), maps, asked.x, usual, better, trained))

    def drill(
        self,
        key: str,
        photo: Photo,
        target: str | int | None = None,
        layer: str | None = None,
        channel: int | None = None,
        place: tuple[int, int] | None = None,
    ) -> Drill:
        """From a class to the channels that spoke for it, to a number in a map, to the products it is the sum of.

        Without a channel the one that contributed most; without a place (y, x) where it contributed most.
        """
        model, at, wanted = self.model(key), layer or self.default_layer(key), self.target(key, photo, target)

        def compute() -> Drill:
            asked = self._question(model, photo, at)
            with self._computing():
                (e,) = cam.evidence(asked, (Goal(wanted),))
                ranked = witnesses(e)
            first = next((w for w in ranked if w.channel == channel), ranked[0])
            spot = first.place if place is None else place
            made = self.arithmetic(key, photo, at, first.channel if channel is None else channel, spot)
            rest = e.score - sum(w.contribution for w in ranked)
            named = label(model.labels, wanted)
            return Drill(wanted, named, e.score, ranked, rest, made, self.field(key, at, spot))

        ident = (*ident_of(model), "drill", photo.digest, wanted, at, channel, place)
        return self._store.get(ident, compute, personal=photo.personal)

    def arithmetic(self, key: str, photo: Photo, layer: str, channel: int, place: tuple[int, int]) -> Arithmetic:
        """How one number of a layer's maps came about: patch times weights, and what happened to the sum."""
        model = self.model(key)

        def compute() -> Arithmetic:
            x = self._tensor(model, photo)
            with self._computing():
                return arithmetic(model.net, x, layer, channel, place)

        ident = (*ident_of(model), "arithmetic", photo.digest, layer, channel, place)
        return self._store.get(ident, compute, personal=photo.personal)

    def field(self, key: str, layer: str, place: tuple[int, int]) -> tuple[int, int, int, int]:
        """What a place (y, x) of a layer's maps can see: left, top, right, bottom in pixels of the net's input."""
        return seen_from(self.receptive(key, layer), place, self.model(key).input_size[1:])

    def receptive(self, key: str, layer: str) -> Field:
        """The receptive field of a layer's numbers: its size, the jump between neighbours, the first one's middle."""
        return self._fields(self.model(key))[layer]

    def _fields(self, model: Model) -> Mapping[str, Field]:
        return self._store.get((*ident_of(model), "receptive"), lambda: of_net(model.net))

    def erase(
        self,
        key: str,
        photo: Photo,
        strokes: Sequence[Sequence[Sequence[float]]],
        target: str | int | None = None,
        fill: str = "blurred",
        top: int = 5,
    ) -> Erasure:
        """What the net still says after each stroke of (x, y, radius) dabs, as shares of the picture it sees."""
        model, wanted, drawn = self.model(key), self.target(key, photo, target), checked(strokes)

        def compute() -> Erasure:
            asked = self._question(model, photo, self.default_layer(key))
            gone = masks(drawn, (asked.x.shape[2], asked.x.shape[3]))
            with self._computing():
                chances, logits = answers(asked.forward, asked.x, gone, fill)
            shares, line = curve(gone, chances[:, wanted])
            said = ranked(logits[-1].float().cpu().numpy(), model.labels, top)
            return Erasure(wanted, label(model.labels, wanted), shares, line, said, read_only(gone[-1]))

        ident = (*ident_of(model), "erase", photo.digest, wanted, drawn, fill, top)
        return self._store.get(ident, compute, personal=photo.personal)
