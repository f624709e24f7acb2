"""What is asked of a network that came in, each answer held against plain PyTorch on the original."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from cnnviz.feature_vis.recipes import Ascent
from cnnviz.options import RequestError
from tests.zoo import reference
from tests.zoo.case import Case, Wrong
from tests.zoo.screens import screens

CLOSE = 1e-5  # of the largest logit
SAME = 0.999  # the correlation of two maps
OTHER = (0.75, 1.25)  # other sizes of the input, of its own


def logits(case: Case) -> str:
    """The largest difference of logits, as a share of the largest."""
    return _same_logits(case, case.x(), case.engine.logits(case.model, case.photo))


def grad_cam(case: Case) -> str:
    """The correlation of Grad-CAM at the layer the engine chooses."""
    layer = case.engine.default_layer(case.key)
    found = case.engine.heatmap(case.key, case.photo)
    raw = np.asarray(found.raw)
    wanted = reference.grad_cam(case.net, case.x(), layer, found.target)
    if raw.shape != wanted.shape:
        raise Wrong(f"{raw.shape} for {wanted.shape} at {layer}")
    scale = float(np.abs(wanted).max())
    if np.ptp(wanted) <= 1e-6 * scale or wanted.size == 1:  # flat: there is nothing to correlate
        return "flat" if np.allclose(np.maximum(raw, 0), wanted, atol=1e-4 * scale) else _wrong("a flat map differs")
    r = float(np.corrcoef(np.maximum(raw, 0).ravel(), wanted.ravel())[0, 1])
    return f"{r:.4f}" if r > SAME else _wrong(f"r = {r:.4f} at {layer}")


def layers(case: Case) -> str:
    """Every layer offered has maps (C, H, W): of a square input they are square."""
    shapes = {row.name: row.shape for row in case.engine.layers(case.key).layers}
    names = case.engine.map_layers(case.key)
    odd = [name for name in names if name in shapes and shapes[name][1] != shapes[name][2]]
    last = case.engine.activations(case.key, case.photo, case.engine.default_layer(case.key)).maps.shape
    if last[1] != last[2]:
        odd.append(case.engine.default_layer(case.key))
    return str(len(names)) if not odd else _wrong(f"not (C, H, W): {', '.join(odd[:3])}, {len(odd)} in all")


def receptive(case: Case) -> str:
    """The field of the middle of that layer's maps holds every pixel on which a gradient falls.

    Where the engine says that these maps are scaled by a number of the whole photo, gradients fall on all of it, and
    the field has to lie inside.
    """
    layer = case.engine.default_layer(case.key)
    height, width = case.engine.activations(case.key, case.photo, layer).maps.shape[1:]
    place = (height // 2, width // 2)
    said, seen = case.engine.field(case.key, layer, place), reference.reach(case.net, case.x(), layer, place)
    if case.engine.receptive(case.key, layer).gated and _within(said, seen):
        return f"{said[2] - said[0]} px*"
    return f"{said[2] - said[0]} px" if _within(seen, said) else _wrong(f"{seen} is outside {said} at {layer}")


def drill(case: Case) -> str:
    """From the class down to products: the contributions add up, the steps end in the number shown."""
    found = case.engine.drill(case.key, case.photo)
    total = sum(one.contribution for one in found.witnesses) + found.rest
    if abs(total - found.score) > 1e-3 * max(1.0, abs(found.score)):
        raise Wrong(f"{total} for {found.score}")
    made = found.arithmetic
    size = max(1.0, abs(made.shown), float(np.abs(made.products).sum()))
    first = float(made.products.sum()) + made.bias
    if abs(made.steps[-1].value - made.shown) > 1e-4 * size or abs(first - made.steps[0].value) > 1e-4 * size:
        raise Wrong(f"steps end in {made.steps[-1].value}, shown is {made.shown}")
    return f"{len(made.steps)} steps"


def guided(case: Case) -> str:
    """Guided backpropagation answers."""
    raw = np.asarray(case.engine.heatmap(case.key, case.photo, method="guided").raw)
    return "yes" if np.isfinite(raw).all() else _wrong("not finite")


def sizes(case: Case) -> str:
    """Other sizes of the input, wherever the original takes them."""
    channels, height, width = case.model.input_size
    done = []
    for share in OTHER:
        shape = (1, channels, round(height * share / 16) * 16, round(width * share / 16) * 16)
        x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(case.device)
        with torch.no_grad():
            try:
                reference.logits(case.net, x)
            except Exception:  # the original does not take this size
                continue
            found = reference.logits(case.model.net, x)[0].cpu().numpy()
        _same_logits(case, x, found)
        done.append(str(shape[2]))
    return "+".join(done) or "none taken"


def batch(case: Case) -> str:
    """Two images at once give what each gives alone, wherever the original takes two."""
    x = case.x()
    both = torch.cat([x, x.flip(3).roll(9, 2)])
    with torch.no_grad():
        try:
            wanted = reference.logits(case.net, both)
        except Exception:  # the original takes one image alone
            return "one alone"
        found = reference.logits(case.model.net, both)
    return _near(found.cpu().numpy(), wanted.cpu().numpy(), 10 * CLOSE)  # sums in another order


def pages(case: Case) -> str:
    """What the pages ask besides: an answer, or a sentence why not."""
    engine, key, photo = case.engine, case.key, case.photo
    last = engine.default_layer(key)
    asks: tuple[Callable[[], object], ...] = (
        lambda: engine.predict(key, photo),
        lambda: engine.all_activations(key, photo, engine.stages(key)),
        lambda: engine.ladder(key, photo),
        lambda: engine.every_class(key, photo),
        lambda: engine.heatmap(key, photo, method="saliency"),
        lambda: engine.heatmap(key, photo, method="hirescam", versus=0, target=1),
        lambda: engine.diagnose(key, photo, engine.heatmap(key, photo)),
        lambda: engine.erase(key, photo, (((0.5, 0.5, 0.1),),)),
        lambda: engine.filter_layers(key),
        lambda: [*engine.filters(key, last, (0,), Ascent(steps=1))],
        lambda: engine.patches(key, last, (photo,)),
        lambda: engine.skip_connection(key, photo, engine.skip_layers(key)[0]) if engine.skip_layers(key) else None,
        lambda: engine.pooled_head(key, photo),
        lambda: engine.translation(key, photo, last),
    )
    answered = 0
    for ask in asks:
        try:
            ask()
            answered += 1
        except RequestError as error:
            if "\n" in str(error):
                raise Wrong(f"more than a sentence: {error}") from None
    return f"{answered}/{len(asks)}"


def question(case: Case) -> str:
    """Seconds for the heat map of another class, once the network is loaded."""
    began = time.perf_counter()
    case.engine.heatmap(case.key, case.photo, target=1, method="layercam")
    return f"{time.perf_counter() - began:.2f} s"


CHECKS: dict[str, Callable[[Case], str]] = {
    "logits": logits,
    "layers": layers,
    "Grad-CAM": grad_cam,
    "field": receptive,
    "drill": drill,
    "guided": guided,
    "sizes": sizes,
    "batch": batch,
    "pages": pages,
    "screens": screens,
    "question": question,
}


def answer(check: Callable[[Case], str], case: Case) -> tuple[str, str]:
    """A cell of the table: what the check found and "", or "refused", "WRONG" or "ERROR" and the reason."""
    try:
        return check(case), ""
    except RequestError as error:
        return "refused", str(error)
    except Wrong as error:
        return "WRONG", str(error)
    except Exception as error:  # a fault of ours, to be listed with the others
        return "ERROR", f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"


def _same_logits(case: Case, x: Tensor, found: np.ndarray) -> str:
    """The difference to the original's logits; it has to be below 1e-5.

    Where float32 itself is less exact, it has to be as close to the same network in float64 as the original is.
    """
    with torch.no_grad():
        wanted = reference.logits(case.net, x)[0].cpu().numpy()
        try:
            return _near(found, wanted, CLOSE)
        except Wrong:
            exact = reference.logits(copy.deepcopy(case.net).double(), x.double())[0].cpu().numpy()
            own = float(np.abs(wanted - exact).max()) / max(1.0, float(np.abs(exact).max()))
            return _near(found, exact, 2 * own)


def _within(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether a box (left, top, right, bottom) lies in another and has an area."""
    left, top, right, bottom = box
    return other[0] <= left < right <= other[2] and other[1] <= top < bottom <= other[3]


def _near(found: np.ndarray, wanted: np.ndarray, close: float) -> str:
    if found.shape != wanted.shape:
        raise Wrong(f"{found.shape} for {wanted.shape}")
    apart = float(np.abs(found - wanted).max()) / max(1.0, float(np.abs(wanted).max()))
    return f"{apart:.0e}" if apart <= close else _wrong(f"logits differ by {apart:.1e}")


def _wrong(why: str) -> str:
    raise Wrong(why)
