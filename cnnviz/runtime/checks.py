"""May a heat map be believed: faithful, sane and sound, and from which products its numbers come.

`progress` is as in `attribution`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from cnnviz.arrays import read_only
from cnnviz.attribution import methods
from cnnviz.attribution.arithmetic import Arithmetic, Drill, channel_contributions, seen_from
from cnnviz.attribution.arithmetic import arithmetic as arithmetic_at
from cnnviz.attribution.diagnosis import Case, Finding, sureness
from cnnviz.attribution.diagnosis import diagnose as findings_of
from cnnviz.attribution.faithfulness import Faithfulness, Probing, centred
from cnnviz.attribution.faithfulness import faithfulness as curves_of
from cnnviz.attribution.forward import evidence
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.attribution.masking import Erasure, answers, checked, curve, masks
from cnnviz.attribution.sanity import Randomisation, Sanity
from cnnviz.attribution.sanity import sanity as randomised
from cnnviz.inference.predict import Target, label, ranked
from cnnviz.inference.receptive_field import of_net
from cnnviz.models.load import Model
from cnnviz.options import flat
from cnnviz.photo import Photo
from cnnviz.runtime.attribution import stages
from cnnviz.runtime.backend import Backend, Given, ident_of
from cnnviz.runtime.progress import Progress, stoppable
from cnnviz.signal.receptive import Field, ReceptiveError


def faithfulness(
    backend: Backend,
    key: str,
    photo: Photo,
    heat: Heatmap,
    probing: Probing | None = None,
    progress: Progress | None = None,
) -> Faithfulness:
    """The deletion and insertion curves of a heat map: is what it is evidence for lost with the pixels it names?

    They follow the probability of the map's own target: `inference.predict.Target.chance`.
    """
    return _curves(backend, key, photo, heat.goal, heat.raw, probing, progress)


def chance(
    backend: Backend,
    key: str,
    photo: Photo,
    target: str | int | None = None,
    probing: Probing | None = None,
    progress: Progress | None = None,
    *,
    versus: str | int | None = None,
    against: bool = False,
) -> Faithfulness:
    """The curves of a centred Gaussian, which no photo had a part in: what a map of the same question has to beat."""
    height, width = backend.model(key).input_size[1:]
    goal = _goal(backend, key, photo, target, versus, against)
    return _curves(backend, key, photo, goal, centred((height, width)), probing, progress)


def _curves(
    backend: Backend,
    key: str,
    photo: Photo,
    goal: Target,
    raw: np.ndarray,
    probing: Probing | None,
    progress: Progress | None,
) -> Faithfulness:
    model, chosen = backend.model(key), probing or Probing()

    def compute(told: Progress | None) -> Faithfulness:
        forward = backend.forward(model, photo, backend.trunk(key))
        return backend.run_steps(curves_of(forward.logits_of, forward.x, goal, raw, chosen), told)

    mark = hashlib.blake2b(raw.tobytes(), digest_size=16).hexdigest()
    ident = (*ident_of(model), "faithfulness", photo.digest, goal, raw.shape, mark, flat(chosen))
    return stoppable(progress, lambda told: backend.cache.get(ident, lambda: compute(told), personal=photo.personal))


def sanity(
    backend: Backend,
    key: str,
    photo: Photo,
    target: str | int | None = None,
    layer: str | None = None,
    method: str = methods.DEFAULT,
    options: Given = None,
    dial: Randomisation | None = None,
    progress: Progress | None = None,
    *,
    versus: str | int | None = None,
    against: bool = False,
) -> Sanity:
    """The heat map while weights are randomised layer by layer, from the top; a map that explains the network changes.

    `versus` and `against` are as in `heatmap`.
    """
    model, given, turns = backend.model(key), methods.options(method, options), dial or Randomisation()
    place, goal = layer or backend.default_layer(key), _goal(backend, key, photo, target, versus, against)
    backend.require_maps(model, (place,))
    order = _with_weights(model.net, [row.name for row in backend.layers(key).layers if row.parameters])

    def compute(told: Progress | None) -> Sanity:
        x = backend.tensor(model, photo)
        return backend.run_steps(randomised(model.net, order, x, place, goal, method, given, turns), told)

    ident = (*ident_of(model), "sanity", photo.digest, goal, place, method, flat(given), flat(turns))
    return stoppable(progress, lambda told: backend.cache.get(ident, lambda: compute(told), personal=photo.personal))


def _with_weights(net: nn.Module, ran: list[str]) -> list[str]:
    """The layers with weights in the order they run; one that never runs follows what it is defined after."""
    order, last = list(ran), 0
    for name, part in net.named_modules():
        if name in ran:
            last = order.index(name) + 1
        elif any(True for _ in part.parameters(recurse=False)):
            order.insert(last, name)
            last += 1
    return order


def diagnose(backend: Backend, key: str, photo: Photo, heat: Heatmap) -> tuple[Finding, ...]:
    """What is wrong with a heat map, with cause and cure, the gravest first; nothing where it is sound."""
    model = backend.model(key)
    layer = backend.default_layer(key) if heat.layer == methods.INPUT else heat.layer
    forward, maps = backend.forward(model, photo, layer), backend.activations(key, photo, layer).maps
    better, trained = stages(backend, key)[-1], not model.source.startswith("untrained")

    def sure() -> tuple[float, ...]:
        with backend.computing():
            return sureness(forward.logits_of, forward.x, backend.seen(model, photo))

    def found() -> tuple[Finding, ...]:
        ident = (*ident_of(model), "sureness", photo.digest)
        usual = backend.cache.get(ident, sure, personal=photo.personal) if trained else ()
        return findings_of(Case(heat, backend.logits(model, photo), maps, forward.x, usual, better, trained))

    key_of_map = (*ident_of(model), "diagnosis", photo.digest, heat.question)
    return backend.cache.get(key_of_map, found, personal=photo.personal)


def drill(
    backend: Backend,
    key: str,
    photo: Photo,
    target: str | int | None = None,
    layer: str | None = None,
    channel: int | None = None,
    place: tuple[int, int] | None = None,
    *,
    versus: str | int | None = None,
    against: bool = False,
) -> Drill:
    """From a class score to the channels that add to it, to a number in a map, to the products it is the sum of.

    `versus` and `against` are as in `heatmap`.
    Without a channel the one that contributed most; without a place (y, x) where it contributed most.
    """
    model, at = backend.model(key), layer or backend.default_layer(key)
    goal = _goal(backend, key, photo, target, versus, against)

    def compute() -> Drill:
        forward = backend.forward(model, photo, at)
        with backend.computing():
            (e,) = evidence(forward, (goal,))
            ranked = channel_contributions(e)
        first = next((w for w in ranked if w.channel == channel), ranked[0])
        spot = first.place if place is None else place
        made = arithmetic(backend, key, photo, at, first.channel if channel is None else channel, spot)
        rest = e.score - sum(w.contribution for w in ranked)
        named = label(model.labels, goal.target)
        return Drill(goal.target, named, e.score, ranked, rest, made, _reached(backend, key, at, spot))

    ident = (*ident_of(model), "drill", photo.digest, goal, at, channel, place)
    return backend.cache.get(ident, compute, personal=photo.personal)


def _goal(
    backend: Backend, key: str, photo: Photo, target: str | int | None, versus: str | int | None, against: bool
) -> Target:
    """What is asked, its classes as numbers."""
    second = None if versus is None else backend.target(key, photo, versus)
    return Target(backend.target(key, photo, target), second, against)


def arithmetic(
    backend: Backend, key: str, photo: Photo, layer: str, channel: int, place: tuple[int, int]
) -> Arithmetic:
    """How one number of a layer's maps is computed: patch times weights, and what happened to the sum."""
    model = backend.model(key)

    def compute() -> Arithmetic:
        x = backend.tensor(model, photo)
        with backend.computing():
            return arithmetic_at(model.net, x, layer, channel, place)

    ident = (*ident_of(model), "arithmetic", photo.digest, layer, channel, place)
    return backend.cache.get(ident, compute, personal=photo.personal)


def field(backend: Backend, key: str, layer: str, place: tuple[int, int]) -> tuple[int, int, int, int]:
    """What a place (y, x) of a layer's maps can see: left, top, right, bottom in pixels of the network's input."""
    return seen_from(receptive(backend, key, layer), place, backend.model(key).input_size[1:])


def _reached(backend: Backend, key: str, layer: str, place: tuple[int, int]) -> tuple[int, int, int, int]:
    """As `field`; the whole image where the operations depend on the photo."""
    try:
        return field(backend, key, layer, place)
    except ReceptiveError:
        return 0, 0, *backend.model(key).input_size[:0:-1]


def receptive(backend: Backend, key: str, layer: str) -> Field:
    """The receptive field of a layer's numbers: its size, the jump between neighbours, the first one's middle."""
    found = _fields(backend, backend.model(key))
    if layer not in found:
        raise ReceptiveError(f"{layer} gives no tensor whose receptive field could be known; choose another layer.")
    return found[layer]


def _fields(backend: Backend, model: Model) -> Mapping[str, Field]:
    def compute() -> Mapping[str, Field]:
        with backend.computing():
            return of_net(model.net, model.input_size)

    return backend.cache.get((*ident_of(model), "receptive"), compute)


def erase(
    backend: Backend,
    key: str,
    photo: Photo,
    strokes: Sequence[Sequence[Sequence[float]]],
    target: str | int | None = None,
    fill: str = "blurred",
    top: int = 5,
) -> Erasure:
    """What the network still says after each stroke of (x, y, radius) dabs, as shares of the image it sees."""
    model, wanted, drawn = backend.model(key), backend.target(key, photo, target), checked(strokes)

    def compute() -> Erasure:
        forward = backend.forward(model, photo, backend.trunk(key))
        gone = masks(drawn, (forward.x.shape[2], forward.x.shape[3]))
        with backend.computing():
            chances, logits = answers(forward.logits_of, forward.x, gone, fill)
        shares, line = curve(gone, chances[:, wanted])
        said = ranked(logits[-1].float().cpu().numpy(), model.labels, top)
        return Erasure(wanted, label(model.labels, wanted), shares, line, said, read_only(gone[-1]))

    ident = (*ident_of(model), "erase", photo.digest, wanted, drawn, fill, top)
    return backend.cache.get(ident, compute, personal=photo.personal)
