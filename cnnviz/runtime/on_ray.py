"""Batches on Ray, which nothing else imports: an actor for each GPU, or the cores of a cluster shared among actors.

Ray starts actors and tasks again that were killed; a batch that is done twice counts once. Each actor has one batch to
work on and one waiting, so that a driver never hands out more than it can keep track of. Photos, weights and results
lie in folders that all machines share under the same paths.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cnnviz import settings
from cnnviz.options import RequestError
from cnnviz.runtime.backend import Backend
from cnnviz.runtime.cache import PASSING
from cnnviz.runtime.folder_questions import Question
from cnnviz.runtime.folder_work import Batch, Worker

HERE = "local"  # the address of a cluster that is started on this machine, and ends with the command
RETRIES = 3  # how often a batch is tried anew whose worker was killed
WAITING = 2  # batches that an actor has at once: one at work, one that waits
CORES = 4  # of an actor without a GPU, on a machine with many


@dataclass(frozen=True)
class Place:
    """What a worker makes its networks from."""

    device: str
    weights: Path | None
    runs: Path


class Actor:
    """A worker in a process of its own."""

    def __init__(self, place: Place, question: Question, out: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        backend = Backend(place.device, weights=place.weights, runs=place.runs)
        self.worker = Worker(backend, question, out, threads)

    def work(self, batch: Batch) -> int:
        """How many files a batch has, once its results are on disk."""
        return self.worker(batch)


class OnRay:
    """Batches worked on by the actors of a Ray cluster: one at an address, or one that is started here.

    `workers` is the number of actors; 0 stands for one for each GPU, else for one for a few cores each. `started` hears
    their process ids. Raises `RequestError` where Ray is not there, or has no room for so many.
    """

    def __init__(
        self,
        backend: Backend,
        address: str = HERE,
        workers: int = 0,
        started: Callable[[list[int]], None] | None = None,
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise RequestError("Ray is not installed; add it with: pip install cnnviz[ray]")
        if address not in (HERE, "auto") and ":" not in address:
            raise RequestError(f"{address!r} is no address of a Ray cluster; give HOST:PORT, auto, or --ray alone.")
        if (device := backend.torch_device).type == "cuda" and device.index is not None:
            raise RequestError(
                f"{device} is one GPU of this machine, and Ray shares out GPUs itself; give --device {device.type}, "
                "and name the GPUs it may use by CUDA_VISIBLE_DEVICES."
            )
        self.backend, self.address, self.workers, self.started = backend, address, workers, started
        self.threads = 0  # of each worker; 0 stands for all cores shared among them

    def __call__(self, question: Question, out: Path, batches: Sequence[Batch]) -> Iterator[int]:
        """How many files each batch has, as it is done, in any order."""
        if not batches:
            return
        if question.key.startswith(PASSING):
            raise RequestError(f"The network {question.key} is in this process alone; save it as a file for Ray.")
        with _cluster(self.address) as ray:
            actors = self._actors(ray, question, out.absolute(), len(batches))
            if self.started:
                self.started(ray.get([actor.__ray_call__.remote(lambda _: os.getpid()) for actor in actors]))
            yield from _worked(ray, actors, batches)

    def _actors(self, ray: Any, question: Question, out: Path, most: int) -> list[Any]:
        """The actors, no more than there are batches."""
        held = ray.cluster_resources()
        cores, gpus = int(held.get("CPU", 1)), int(held.get("GPU", 0))
        on_gpu = gpus > 0 and self.backend.torch_device.type != "cpu"
        room = gpus if on_gpu else cores
        count = self.workers or (gpus if on_gpu else max(min(cores, 2), cores // CORES))
        if count > room:
            what = "GPUs" if on_gpu else "cores"
            raise RequestError(f"This Ray cluster has {room} {what}, too few for {count} workers; ask for fewer.")
        threads = self.threads or max(1, cores // count)
        place = Place("cuda" if on_gpu else "cpu", self.backend.weights, self.backend.runs)
        kind = ray.remote(Actor).options(
            num_cpus=threads, num_gpus=1 if on_gpu else 0, max_restarts=-1, max_task_retries=RETRIES
        )
        return [kind.remote(place, question, out, threads) for _ in range(min(count, most))]


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster; it is left as it was found."""
    settings.quiet_ray()
    import ray

    ours = not ray.is_initialized()
    if ours:
        try:
            more: dict[str, Any] = {"include_dashboard": False} if address == HERE else {}
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **more)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            raise RequestError(f"There is no Ray cluster at {address} ({error}); check the address.") from error
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def _worked(ray: Any, actors: Sequence[Any], batches: Sequence[Batch]) -> Iterator[int]:
    """How many files each batch has, as it is done by one of the actors."""
    running: dict[Any, tuple[Any, Batch]] = {}
    coming = iter(batches)

    def hand(actor: Any) -> None:
        if (batch := next(coming, None)) is not None:
            running[actor.work.remote(batch)] = actor, batch

    for _ in range(WAITING):
        for actor in actors:
            hand(actor)
    while running:
        (done,), _ = ray.wait([*running])
        actor, batch = running.pop(done)
        try:
            yield ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None  # what went wrong there, as if it had been here
        except ray.exceptions.RayActorError as error:
            names = f"{batch[0].title} to {batch[-1].title}"
            raise RequestError(
                f"A worker was killed {RETRIES + 1} times, last at the batch {names}; perhaps it has too little memory."
            ) from error
        hand(actor)
