"""Grad-CAM: the first question about a photo, another class of a seen photo, and the top 5 classes together.

All contenders start from the photo's pixels and end with a map; peers use the nets as their documentation does.
Weights are random: time does not depend on them.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from cnnviz.inference.tap import module
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

LAYERS = {"vgg16": "features.29", "resnet18": "layer4", "squeezenet1_1": "features.12"}
Peer = Callable[[Photo, tuple[int, ...]], list[np.ndarray]]


@functools.cache
def weights(name: str) -> Path:
    """A folder with random weights for one net."""
    import torchvision

    torch.manual_seed(0)
    holder = tempfile.TemporaryDirectory(prefix="cnnviz-benchmark-")
    atexit.register(holder.cleanup)
    folder = Path(holder.name)
    net = getattr(torchvision.models, name)(weights=None)
    last = [part for part in net.modules() if isinstance(part, (nn.Linear, nn.Conv2d))][-1]
    nn.init.normal_(last.weight, std=0.1)
    torch.save(net.state_dict(), folder / f"{name}.pth")
    return folder


def _photos() -> Iterator[Photo]:
    """The sample cat, each time with another first pixel: as new to a cache as any photo."""
    pixels = Photo.sample("cat").pixels.copy()
    for i in itertools.count():
        pixels[0, 0] = (i % 256, i // 256 % 256, 7)
        yield Photo.open(Image.fromarray(pixels))


def _peers(name: str, engine: Engine) -> dict[str, Peer]:
    import torchvision

    net = getattr(torchvision.models, name)(weights=None).eval()
    net.load_state_dict(engine.model(name).net.state_dict())
    place, preprocess = module(net, LAYERS[name]), engine.model(name).preprocess
    found: dict[str, Peer] = {}

    def tensor(photo: Photo) -> torch.Tensor:
        return preprocess.tensor(preprocess.see(photo)).contiguous()

    if importlib.util.find_spec("pytorch_grad_cam"):
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        grad_cam = GradCAM(model=net, target_layers=[place])

        def by_grad_cam(photo: Photo, targets: tuple[int, ...]) -> list[np.ndarray]:
            x = tensor(photo)
            return [grad_cam(input_tensor=x, targets=[ClassifierOutputTarget(t)])[0] for t in targets]

        found["grad-cam"] = _alone(by_grad_cam, grad_cam.activations_and_grads)
    if importlib.util.find_spec("torchcam"):
        from torchcam.methods import GradCAM as TorchCam

        def by_torchcam(photo: Photo, targets: tuple[int, ...]) -> list[np.ndarray]:
            with TorchCam(net, target_layer=LAYERS[name]) as extractor:
                logits = net(tensor(photo).requires_grad_())
                return [extractor(t, logits, retain_graph=t != targets[-1])[0][0].numpy() for t in targets]

        found["torchcam"] = by_torchcam
    if importlib.util.find_spec("captum"):
        from captum.attr import LayerGradCam

        layer_grad_cam = LayerGradCam(net, place)

        def by_captum(photo: Photo, targets: tuple[int, ...]) -> list[np.ndarray]:
            x = tensor(photo)
            return [layer_grad_cam.attribute(x, target=t)[0, 0].detach().numpy() for t in targets]

        found["captum"] = by_captum
    return found


def _alone(run: Peer, hooks: object) -> Peer:
    """The package leaves its hooks on the net for good; they must not slow the others down."""
    placed = list(hooks.handles)  # type: ignore[attr-defined]
    stored = [(handle, handle.hooks_dict_ref()[handle.id]) for handle in placed]
    for handle in placed:
        handle.remove()

    def with_hooks(photo: Photo, targets: tuple[int, ...]) -> list[np.ndarray]:
        for handle, hook in stored:
            handle.hooks_dict_ref()[handle.id] = hook
        try:
            return run(photo, targets)
        finally:
            for handle, _ in stored:
                handle.remove()

    return with_hooks


def _agree(name: str, engine: Engine, peers: dict[str, Peer]) -> None:
    """Raises where a peer's map is another one."""
    photo = next(_photos())
    targets = tuple(p.index for p in engine.predict(name, photo, top=5))
    maps = [heat.raw for heat in engine.heatmaps(name, photo, targets, LAYERS[name])]
    for who, peer in peers.items():
        for raw, theirs in zip(maps, peer(photo, targets), strict=True):
            ours = raw if theirs.min() < 0 else np.maximum(raw, 0)
            if theirs.shape != raw.shape:
                ours = np.asarray(Image.fromarray(ours).resize(theirs.shape[::-1], Image.Resampling.BILINEAR))
            agreement = np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]
            if not agreement > 0.99:
                raise RuntimeError(f"{who} sees another map than cnnviz on {name}: correlation {agreement:.3f}")


def _contest(name: str, kind: str) -> dict[str, Callable[[], object]]:
    engine = Engine(device="cpu", weights=weights(name))
    peers = _peers(name, engine)
    _agree(name, engine, peers)
    photos, seen, classes = _photos(), next(_photos()), itertools.cycle(range(1000))
    layer = LAYERS[name]
    engine.heatmap(name, seen, 0, layer)

    def another() -> object:
        target = next(classes)
        if target == 0:  # once round: an answer that is remembered would be no race
            engine.cache.forget(lambda key: "heatmap" in key)
        return engine.heatmap(name, seen, target, layer)

    ours: dict[str, Callable[[], object]] = {
        "first": lambda: engine.heatmap(name, next(photos), 281, layer),
        "seen": another,
        "top5": lambda: engine.heatmaps(name, next(photos), (281, 282, 283, 284, 285), layer),
    }
    targets = {"first": (281,), "seen": (281,), "top5": (281, 282, 283, 284, 285)}[kind]

    def asking(peer: Peer) -> Callable[[], object]:
        return lambda: peer(next(photos), targets)

    return {"cnnviz": ours[kind], **{who: asking(peer) for who, peer in peers.items()}}


BENCHMARKS = {
    f"gradcam/{name}/{kind}": functools.partial(_contest, name, kind)
    for name in LAYERS
    for kind in ("first", "seen", "top5")
}
