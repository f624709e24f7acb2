"""The engine: a model key, a photo and options in, a frozen result out, each computed once.

    engine = cnnviz.engine()
    engine.predict("squeezenet1_1", photo, top=3)

An answer's key is the model's fingerprint, the digest of the photo's pixels and the options, so nothing ever needs
invalidating. Memory is bounded in bytes. A gate bounds how many threads compute at once on the device.
"""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from cnnviz.explain import cam
from cnnviz.explain.activations import Activations, activations
from cnnviz.explain.cam import Question
from cnnviz.explain.predict import Prediction, ranked, target
from cnnviz.gate import Gate
from cnnviz.inquiry import ident_of, stoppable
from cnnviz.nets import layers as layer_table
from cnnviz.nets import zoo
from cnnviz.nets.cut import cut
from cnnviz.nets.layers import LayerTable
from cnnviz.nets.tap import LayerError, tap
from cnnviz.nets.zoo import Model, Row
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.store import Key, Store, read_only
from cnnviz.wishes import Wishes


class DeviceError(RequestError):
    """The device is not there, or its memory does not suffice."""


class Engine(Wishes):
    """Answers questions about nets and photos; safe to share between threads.

    device        "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", "mps"
    cache_dir     folder for what depends on a model alone; None keeps everything in memory
    memory_limit  bytes for answers, net_limit bytes for loaded nets
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
        self._device = _device(device)
        self.weights = _folder(weights, "CNNVIZ_WEIGHTS")
        self.runs = _folder(runs, "CNNVIZ_RUNS", "runs")
        self._store = Store(memory_limit, None if cache_dir is None else Path(cache_dir))
        self._nets = Store(net_limit, dropped=self._forget_net, newest=True)
        self._gate = Gate(1 if self._device.type != "cpu" else max(1, (os.cpu_count() or 1) // 4))

    @property
    def device(self) -> str:
        """The device in words: "CPU, 2 threads" or the name of the GPU with its free memory."""
        if self._device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self._device)
            return f"{torch.cuda.get_device_name(self._device)}, {free / 2**30:.1f} GiB free"
        if self._device.type == "mps":
            return "Apple GPU"
        threads = torch.get_num_threads()
        return f"CPU, {threads} thread{'s' if threads > 1 else ''}"

    def models(self) -> tuple[Row, ...]:
        """Every model that can be asked for: its key, title, parameters, bytes, and where it comes from."""
        return zoo.rows(self.weights, self.runs)

    def model(self, key: str, progress: Callable[[int, int], None] | None = None) -> Model:
        """The loaded net with its weights, labels and preprocessing; `progress` hears (bytes, total) of a download."""

        def load(told: Callable[..., None] | None) -> Model:
            with torch.inference_mode(False):  # also where the caller is in it: the net is everyone's
                found = zoo.load(key, self.weights, self.runs, told)
                found.net.to(self._device).to(memory_format=torch.channels_last)
            self._nets.forget(lambda known: known[0] == key)  # what its files held before
            return found

        stamp = zoo.stamp(key, self.weights, self.runs)
        return stoppable(progress, lambda told: self._nets.get((key, stamp), lambda: load(told)))

    def layers(self, key: str, size: int | None = None) -> LayerTable:
        """The layers in execution order with output shape, parameters and mult-adds, at the net's or another size."""
        model = self.model(key)
        channels, height, width = model.input_size
        shape = (channels, size or height, size or width)
        return self._get((*ident_of(model), "layers", shape), lambda: layer_table.table(model.net, shape))

    def map_layers(self, key: str) -> tuple[str, ...]:
        """The layers that put out maps (C, H, W), in execution order."""
        model = self.model(key)
        return self._get((*ident_of(model), "map_layers"), lambda: layer_table.maps(model.net, model.input_size))

    def default_layer(self, key: str) -> str:
        """The last layer with maps before they are pooled away: where a class activation map is usually taken."""
        model = self.model(key)
        return self._get((*ident_of(model), "default"), lambda: layer_table.default_layer(model.net, model.input_size))

    def predict(self, key: str, photo: Photo, top: int = 5) -> tuple[Prediction, ...]:
        """The `top` most probable classes of a photo, most probable first."""
        model = self.model(key)
        return ranked(self._logits(model, photo), model.labels, top)

    def target(self, key: str, photo: Photo, wanted: str | int | None = None) -> int:
        """The index of a class given by name or index; of the most probable one where none is given."""
        model = self.model(key)
        logits = self._logits(model, photo)
        if wanted is None:
            return ranked(logits, model.labels, 1)[0].index
        return target(model.labels, max(2, len(logits)), wanted)

    def activations(self, key: str, photo: Photo, layer: str) -> Activations:
        """The feature maps (C, H, W) of one layer for a photo, with each channel's statistics."""
        return self.all_activations(key, photo, (layer,))[0]

    def all_activations(self, key: str, photo: Photo, layers: Sequence[str]) -> tuple[Activations, ...]:
        """The feature maps of several layers from one pass of the photo through the net."""
        model = self.model(key)

        def compute(missing: tuple[str, ...]) -> list[Activations]:
            seen, x = self._seen(model, photo), self._tensor(model, photo)
            with self._computing(), torch.inference_mode():
                _, maps = tap(model.net, x, missing, stop=True)
                return [activations(layer, out, seen) for layer, out in maps.items()]

        ident = (*ident_of(model), "activations", photo.digest)
        return self._store.get_each(ident, layers, compute, personal=photo.personal)

    def purge(self) -> int:
        """Forget everything that came from people's own photos; the number of bytes given back."""
        return self._store.purge()

    def personal_bytes(self) -> int:
        """Bytes in memory that came from people's own photos."""
        return self._store.personal_bytes()

    def busy(self) -> tuple[int, int]:
        """How many threads compute now, and how many wait in line."""
        return self._gate.running(), self._gate.waiting()

    def _seen(self, model: Model, photo: Photo) -> Any:
        """The pixels the net sees, uint8 (H, W, 3)."""
        key = ("seen", model.preprocess, photo.digest)
        return self._store.get(key, lambda: read_only(model.preprocess.see(photo)), personal=photo.personal)

    def _tensor(self, model: Model, photo: Photo) -> torch.Tensor:
        """The photo as the net wants it, float32 (1, C, H, W) on the device."""
        with torch.inference_mode(False):
            return model.preprocess.tensor(self._seen(model, photo)).to(self._device)

    def _question(self, model: Model, photo: Photo, layer: str) -> Question:
        """The photo run through the net up to a layer, ready to be asked about any class."""

        def ask() -> Question:
            x = self._tensor(model, photo)
            with self._computing():
                return cam.question(cut(model.net, layer), x, layer)

        key = (*ident_of(model), "question", photo.digest, layer)
        return self._store.get(key, ask, personal=photo.personal)

    def _logits(self, model: Model, photo: Photo) -> Any:
        """The logits float32 (K,) of a photo; leaves the question at the default layer behind, for heat maps."""

        def compute() -> Any:
            try:
                layer = self.default_layer(model.key)
            except LayerError:  # a net without maps can still predict
                with self._computing(), torch.inference_mode():
                    logits = model.net(self._tensor(model, photo))
            else:
                logits = self._question(model, photo, layer).logits.detach()
            if logits.ndim != 2:
                raise RequestError(f"{model.title} puts out maps and no classes; choose a net with a head.")
            return read_only(logits[0].float().cpu().numpy())

        key = (*ident_of(model), "logits", photo.digest)
        return self._store.get(key, compute, personal=photo.personal)

    def _get(self, key: Key, make: Callable[[], Any]) -> Any:
        """What depends on a model alone, computed once, behind the gate."""

        def compute() -> Any:
            with self._computing():
                return make()

        return self._store.get(key, compute)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """A place at the device; running out of its memory becomes one clear sentence."""
        with self._gate.entered():
            try:
                yield
            except torch.OutOfMemoryError as error:
                torch.cuda.empty_cache()
                raise DeviceError(
                    "The GPU has too little free memory for this; choose a smaller net, or start with device cpu."
                ) from error

    def _forget_net(self, model: Model) -> None:
        """Let go of what an evicted net left behind."""
        self._store.forget(lambda key: model.fingerprint in key)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        found = torch.device(wanted)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(f"There is no device {wanted!r} here; use auto or cpu.") from error
    return found


def _folder(given: str | Path | None, variable: str, otherwise: str | None = None) -> Path | None:
    chosen = given or os.environ.get(variable) or otherwise
    return None if chosen is None else Path(chosen).expanduser()


_shared: list[Engine] = []
_lock = threading.Lock()


def shared() -> Engine:
    """The engine that everyone in this process shares; made at the first call."""
    with _lock:
        if not _shared:
            cache = os.environ.get("CNNVIZ_CACHE") or Path.home() / ".cache" / "cnnviz"
            _shared.append(Engine(device=os.environ.get("CNNVIZ_DEVICE", "auto"), cache_dir=cache))
        return _shared[0]


class _Callable(types.ModuleType):
    """`cnnviz.engine` is this module and, called, the shared engine: importing the one must not hide the other."""

    def __call__(self) -> Engine:
        return shared()


sys.modules[__name__].__class__ = _Callable
