"""What every question needs: networks by key, answers remembered in bounded memory, and turns at the device.

An answer's key is the model's fingerprint, the digest of the photo's pixels and the options, so nothing ever needs
invalidating. A gate bounds how many threads compute at once on the device.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from cnnviz import settings
from cnnviz.arrays import read_only
from cnnviz.attribution.forward import Forward, at_input, cached_forward
from cnnviz.inference import device as devices
from cnnviz.inference import layers as layer_table
from cnnviz.inference.activations import Activations, activations
from cnnviz.inference.cut import cut
from cnnviz.inference.layers import LayerTable
from cnnviz.inference.live import LiveNet
from cnnviz.inference.predict import Prediction, ranked, target
from cnnviz.inference.tap import LayerError, tap
from cnnviz.models import catalog, trial
from cnnviz.models.catalog import ModelInfo, UnknownNet
from cnnviz.models.load import Model, load
from cnnviz.models.outputs import of_classes
from cnnviz.options import Options, RequestError
from cnnviz.photo import Photo
from cnnviz.runtime.cache import Cache, Key
from cnnviz.runtime.gate import Gate
from cnnviz.runtime.progress import Progress, in_turns, stoppable

T = TypeVar("T")
Given = Options | Mapping[str, object] | None


class Backend:
    """Networks, memory and the device behind every answer; safe to share between threads.

    device        "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", "mps"
    cache_dir     folder for what depends on a model alone; None keeps everything in memory
    memory_limit  bytes for answers, net_limit bytes for loaded networks
    weights       a folder of weight files, or one file; None reads CNNVIZ_WEIGHTS
    runs          folder of training runs; None reads CNNVIZ_RUNS
    """

    def __init__(
        self,
        device: str = "auto",
        cache_dir: str | Path | None = None,
        memory_limit: int = 2**30,
        net_limit: int = 2 * 2**30,
        weights: str | Path | None = None,
        runs: str | Path | None = None,
    ) -> None:
        self.torch_device = devices.choose(device)
        self.weights = settings.weights(weights)
        self.runs = settings.runs(runs)
        self.cache = Cache(memory_limit, None if cache_dir is None else Path(cache_dir))
        self.nets = Cache(net_limit, dropped=self._forget_net, newest=True)
        self.live: dict[str, LiveNet] = {}  # by key: networks of the program that this engine belongs to
        self.uploads: dict[str, Model] = {}  # by key: networks in memory that people brought
        self.gate = Gate(1 if self.torch_device.type != "cpu" else max(1, (os.cpu_count() or 1) // 4))

    @property
    def device(self) -> str:
        """The device in words: "CPU, 2 threads" or the name of the GPU with its free memory."""
        if self.torch_device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.torch_device)
            return f"{devices.in_words(self.torch_device)}, {free / 2**30:.1f} GiB free"
        return devices.in_words(self.torch_device)

    def models(self) -> tuple[ModelInfo, ...]:
        """Every model that can be asked for: its key, title, parameters, bytes, and where it comes from."""
        handed = [net.row for net in reversed([*self.live.values()])]  # the newest first
        return (*handed, *catalog.rows(self.weights, self.runs))

    def model(self, key: str, progress: Callable[[int, int], None] | None = None) -> Model:
        """The network with its weights, labels and preprocessing; `progress` hears (bytes, total) of a download."""
        if not isinstance(key, str):
            raise RequestError(
                f"A network is asked by its key, not as a {type(key).__name__}; engine.add gives it one."
            )
        if key.startswith("live/"):
            return self._handed(key)
        if key.startswith(catalog.UPLOAD):
            return self._brought(key)

        def loaded(told: Callable[..., None] | None) -> Model:
            trial.require(key, self.weights, self.runs)
            with torch.inference_mode(False):  # also where the caller is in it: the net is everyone's
                found = load(key, self.weights, self.runs, told)
                with devices.within_memory():
                    found.net.to(self.torch_device).to(memory_format=torch.channels_last)
            self.nets.forget(lambda known: known[0] == key)  # what its files held before
            return found

        stamp = catalog.stamp(key, self.weights, self.runs)
        return stoppable(progress, lambda told: self.nets.get((key, stamp), lambda: loaded(told)))

    def loaded(self, key: str) -> Model | None:
        """The network of a key, where it is in memory as its files are now; nothing is loaded."""
        if key.startswith(catalog.UPLOAD):
            return self.uploads.get(key)
        known = (key, catalog.stamp(key, self.weights, self.runs))
        return self.model(key) if known in self.nets else None

    def layers(self, key: str, size: int | None = None) -> LayerTable:
        """The layers in execution order with output shape, parameters and mult-adds, at its own or another size."""
        model = self.model(key)
        channels, height, width = model.input_size
        shape = (channels, size or height, size or width)
        return self.remember((*ident_of(model), "layers", shape), lambda: layer_table.table(model.net, shape))

    def map_layers(self, key: str) -> tuple[str, ...]:
        """The layers with feature maps (C, H, W), in execution order."""
        model = self.model(key)
        return self.remember((*ident_of(model), "map_layers"), lambda: layer_table.maps(model.net, model.input_size))

    def default_layer(self, key: str) -> str:
        """The last layer with maps before they are pooled away: where a class activation map is usually taken."""
        model = self.model(key)
        return self.remember(
            (*ident_of(model), "default"), lambda: layer_table.default_layer(model.net, model.input_size)
        )

    def trunk(self, key: str) -> str:
        """The default layer for questions about pixels, which need none: "" where the network has no maps."""
        try:
            return self.default_layer(key)
        except LayerError:
            return ""

    def predict(self, key: str, photo: Photo, top: int = 5) -> tuple[Prediction, ...]:
        """The `top` most probable classes of a photo, most probable first."""
        model = self.model(key)
        require_photo(photo)
        of = (*ident_of(model), "predictions", photo.digest, top)
        return self.cache.get(of, lambda: ranked(self.logits(model, photo), model.labels, top), personal=photo.personal)

    def target(self, key: str, photo: Photo, wanted: str | int | None = None) -> int:
        """The index of a class given by name or index; of the most probable one where none is given."""
        if wanted is None:
            return self.predict(key, photo, 1)[0].index
        model = self.model(key)
        logits = self.logits(model, photo)
        return target(model.labels, max(2, len(logits)), wanted)

    def activations(self, key: str, photo: Photo, layer: str) -> Activations:
        """The feature maps (C, H, W) of one layer for a photo, with each channel's statistics."""
        return self.all_activations(key, photo, (layer,))[0]

    def all_activations(self, key: str, photo: Photo, layers: Sequence[str]) -> tuple[Activations, ...]:
        """The feature maps of several layers from one pass of the photo through the network."""
        model = self.model(key)
        require_photo(photo)
        self.require_maps(model, layers)

        def compute(missing: tuple[str, ...]) -> list[Activations]:
            seen, x = self.seen(model, photo), self.tensor(model, photo)
            with self.computing(), torch.inference_mode():
                _, maps = tap(model.net, x, missing, stop=True)
                return [activations(layer, out, seen) for layer, out in maps.items()]

        ident = (*ident_of(model), "activations", photo.digest)
        return self.cache.get_each(ident, layers, compute, personal=photo.personal)

    def purge(self) -> int:
        """Forget everything that came from people's own photos; the number of bytes given back."""
        return self.cache.purge()

    def personal_bytes(self) -> int:
        """Bytes in memory that came from people's own photos."""
        return self.cache.personal_bytes()

    def busy(self) -> tuple[int, int]:
        """How many threads compute now, and how many wait in the queue."""
        return self.gate.running(), self.gate.waiting()

    def seen(self, model: Model, photo: Photo) -> np.ndarray:
        """The pixels of the network's input, uint8 (H, W, 3)."""
        key = ("seen", model.preprocess, photo.digest)
        return self.cache.get(key, lambda: read_only(model.preprocess.see(photo)), personal=photo.personal)

    def tensor(self, model: Model, photo: Photo) -> torch.Tensor:
        """The photo as the network takes it, float32 (1, C, H, W) on the device."""
        with torch.inference_mode(False), devices.within_memory():
            return model.preprocess.input(photo, self.seen(model, photo)).to(self.place(model))

    def place(self, model: Model) -> torch.device:
        """The device of a network: this engine's, or that of the program a live network belongs to."""
        return next((p.device for p in model.net.parameters()), self.torch_device)

    def forward(self, model: Model, photo: Photo, layer: str) -> Forward:
        """The photo run through the network up to a layer, "" for none, ready to be asked about any class."""
        if layer:
            self.require_maps(model, (layer,))

        def run() -> Forward:
            x = self.tensor(model, photo)
            with self.computing():
                return cached_forward(cut(model.net, layer) if layer else at_input(model.net), x, layer)

        key = (*ident_of(model), "forward", photo.digest, layer)
        return self.cache.get(key, run, personal=photo.personal)

    def logits(self, model: Model, photo: Photo) -> np.ndarray:
        """The logits float32 (K,) of a photo; leaves the forward up to the default layer behind, for heat maps."""
        require_photo(photo)

        def compute() -> np.ndarray:
            try:
                logits = self.forward(model, photo, self.trunk(model.key)).logits.detach()
            except LayerError:  # a net whose maps cannot be taken apart can still predict
                with self.computing(), torch.inference_mode():
                    logits = model.net(self.tensor(model, photo))
            return read_only(of_classes(model.title, logits)[0].float().cpu().numpy())

        key = (*ident_of(model), "logits", photo.digest)
        return self.cache.get(key, compute, personal=photo.personal)

    def remember(self, key: Key, make: Callable[[], T]) -> T:
        """What depends on a model alone, computed once, behind the gate."""

        def compute() -> T:
            with self.computing():
                return make()

        return self.cache.get(key, compute)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """A place at the device, at full precision; running out of its memory becomes one clear sentence.

        Where the process is somebody's own program (`live`), torch computes as that program has set it.
        """
        exactly = nullcontext() if self.live else devices.exactly(self.torch_device)
        with self.gate.entered(), exactly, devices.within_memory():
            yield

    def require_maps(self, model: Model, layers: Sequence[str]) -> None:
        """Raises `LayerError` for a layer whose rows would be taken for channels, as inside a block of ConvNeXt."""
        behind = self.remember(
            (*ident_of(model), "channels last"), lambda: layer_table.channels_last(model.net, model.input_size)
        )
        if odd := next((layer for layer in layers if layer in behind), None):
            near = next((name for name in self.map_layers(model.key) if odd.startswith(f"{name}.")), None)
            other = near or self.default_layer(model.key)
            raise LayerError(f"Layer {odd!r} computes with channels last and has no maps; choose {other}.")

    def run_steps(self, steps: Generator[float, None, T], progress: Progress | None) -> T:
        """What a computation returns; others get their turn at the device between its steps."""
        return in_turns(self.computing, steps, progress)

    def _handed(self, key: str) -> Model:
        """The model of a network that `Engine.add` was given."""
        if (net := self.live.get(key)) is None:
            known = ", ".join(self.live) or "none"
            raise UnknownNet(f"There is no network {key!r} in this process (there are: {known}); hand it over anew.")
        return net.model()

    def _brought(self, key: str) -> Model:
        """The model of a network that somebody uploaded."""
        if (model := self.uploads.get(key)) is None:
            raise UnknownNet(f"The network {key} is not here any more; upload its file (.pt2 or .onnx) again.")
        return model

    def _forget_net(self, model: Model) -> None:
        """Let go of what an evicted net left behind."""
        self.cache.forget(lambda key: model.fingerprint in key, computing=True)
        if self.torch_device.type == "cuda":
            torch.cuda.empty_cache()


def require_photo(photo: object) -> None:
    """Raises `RequestError` for a path or an array in place of a photo."""
    if not isinstance(photo, Photo):
        raise RequestError(
            f"A photo is a cnnviz.Photo, not a {type(photo).__name__}; make it by Photo.open(path) or Photo.of(pixels)."
        )


def ident_of(model: Model) -> Key:
    """What of a model determines an answer."""
    return model.key, model.fingerprint, model.preprocess
