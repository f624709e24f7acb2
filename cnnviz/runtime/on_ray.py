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
PATIENCE = 300.0  # seconds until the first actor has begun: a machine is found, torch imported, a network loaded


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
    the process ids of those that have begun, each time another has. Raises `RequestError` where Ray is not there, or
    has no room for so many.
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
            yield from _worked(ray, self._actors(ray, question, out.absolute(), len(batches)), batches, self.started)

    def _actors(self, ray: Any, question: Question, out: Path, most: int) -> list[Any]:
        """The actors, no more than there are batches."""
        held = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        nodes = [(int(one.get("CPU", 0)), int(one.get("GPU", 0))) for one in held]
        on_gpu = any(gpus for _, gpus in nodes) and self.backend.torch_device.type != "cpu"
        count, cores = shares(nodes, on_gpu, self.workers, most, self.threads)
        place = Place("cuda" if on_gpu else "cpu", self.backend.weights, self.backend.runs)
        kind = ray.remote(Actor).options(
            num_cpus=cores, num_gpus=1 if on_gpu else 0, max_restarts=-1, max_task_retries=RETRIES
        )
        return [kind.remote(place, question, out, cores) for _ in range(count)]


def shares(nodes: Sequence[tuple[int, int]], on_gpu: bool, workers: int, most: int, cores: int = 0) -> tuple[int, int]:
    """The number of workers, at most `most`, and the cores of each, as many as let each worker fit one node.

    `nodes` are their cores and GPUs; `workers` and `cores` of each are as asked for, 0 as many as there is room for.
    Raises `RequestError` where there is too little room.
    """

    def room(each: int) -> int:
        return sum(min(has // each, gpus) if on_gpu else has // each for has, gpus in nodes)

    count = workers or (room(1) if on_gpu else sum(max(min(has, 2), has // CORES) for has, _ in nodes))
    if not 0 < count <= room(cores or 1):
        what = "GPUs with a core each" if on_gpu else "cores"
        each = f" of {cores} cores" if cores else ""
        raise RequestError(
            f"This Ray cluster has {room(1)} {what}, too few for {count or 1} workers{each}; ask for fewer."
        )
    count = min(count, most)
    return count, cores or next(n for n in range(max(nodes)[0], 0, -1) if room(n) >= count)


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


def _worked(
    ray: Any,
    actors: Sequence[Any],
    batches: Sequence[Batch],
    started: Callable[[list[int]], None] | None = None,
    patience: float = PATIENCE,
) -> Iterator[int]:
    """How many files each batch has, as it is done by one of the actors that have begun; others may still begin."""
    starting = {actor.__ray_call__.remote(lambda _: os.getpid()): actor for actor in actors}
    running: dict[Any, tuple[Any, Batch]] = {}
    begun: list[int] = []
    coming = iter(batches)

    def hand(actor: Any) -> None:
        if (batch := next(coming, None)) is not None:
            running[actor.work.remote(batch)] = actor, batch

    left = len(batches)
    while left:
        done, _ = ray.wait([*starting, *running], timeout=None if running else patience)
        if not done:
            raise RequestError(
                f"No worker has begun on this Ray cluster within {patience:.0f} s; perhaps its cores or GPUs are taken "
                "by other work: wait for that, or ask for more workers, which are smaller, with --workers."
            )
        if (actor := starting.pop(done[0], None)) is not None:
            begun.append(_begun(ray, done[0]))
            if started:
                started([*begun])
            for _ in range(WAITING):
                hand(actor)
            continue
        actor, batch = running.pop(done[0])
        try:
            count = ray.get(done[0])
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None  # what went wrong there, as if it had been here
        except ray.exceptions.RayActorError as error:
            names = f"{batch[0].title} to {batch[-1].title}"
            raise RequestError(
                f"A worker was killed {RETRIES + 1} times, last at the batch {names}; perhaps it has too little memory."
            ) from error
        left -= 1
        yield count
        hand(actor)


def _begun(ray: Any, pid: Any) -> int:
    """The process id of a worker that has begun. Raises `RequestError` where it ended before."""
    try:
        found: int = ray.get(pid)
    except ray.exceptions.RayActorError as error:
        why = str(error).strip().rpartition("\n")[2]
        raise RequestError(f"A worker could not begin on this Ray cluster: {why}") from error
    return found
