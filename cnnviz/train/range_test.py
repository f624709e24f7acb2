"""The learning rate range test of a plan: its loss while the rate grows, and the rate that a run without one takes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from cnnviz.data.loader import Batches, parts
from cnnviz.train import learning_rate
from cnnviz.train.evaluate import rest
from cnnviz.train.learning_rate import RateCurve
from cnnviz.train.plan import RATE, PlanError
from cnnviz.train.setup import Training

STEPS, LOW = 60, 1e-5  # of a test that a run makes of its own accord
BELOW = 10.0  # times below the rate of the lowest loss is the rate taken: at that rate itself training is unstable
LEAST = 1e-4  # taken where the loss never falls: the solved head is as good as it gets
# Adam and RMSprop move each weight by about the rate at each step, however small its gradient is: on a tiny folder,
# which a solved head fits already, the loss stays low at rates that ruin what was pretrained.
HIGHEST = {"adam": RATE, "rmsprop": RATE}
EARLY = 5  # steps whose losses are too few to be smooth


def curve(task: Training, heard: Callable[[float, float], bool], *, steps: int = 100, low: float = 1e-6) -> RateCurve:
    """The loss of a plan's network after a step at each rate; its weights are changed.

    `heard` gets (rate, smoothed loss) after each step; True ends it. Raises `PlanError` where the loss never falls.
    """
    net, plan, loss = task.learner, task.plan, task.loss()
    torch.manual_seed(plan.seed)
    rest(net, task.resting)

    def loss_of(pixels: Tensor, labels: Tensor, step: int) -> Tensor:
        return loss(net(task.input(pixels.to(task.device), step)), labels.to(task.device))

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng(plan.seed)
        while True:
            order = torch.from_numpy(rng.permutation(len(task.train)))
            for pixels, labels, _ in Batches(task.train, parts(order, plan.batch, task.least)):
                if len(labels) >= task.least:
                    yield pixels, labels

    groups = learning_rate.parameters(net, task.groups, low)
    opt = learning_rate.optimizer(plan.optimizer, groups, low, plan.weight_decay)
    shares = [share for _, share in task.groups]
    return learning_rate.find(loss_of, batches(), opt, shares, steps=steps, low=low, heard=heard)


def found(task: Training, log: Callable[..., None], waiting: Callable[[], None]) -> float:
    """The rate for a network that begins with a solved head, by a test on its weights, which are as before afterwards.

    `waiting` is called after each step, and may raise.
    """
    kept = copy.deepcopy(task.learner.state_dict())
    rates, losses = list[float](), list[float]()

    def heard(rate: float, loss: float) -> bool:
        rates.append(rate)
        losses.append(loss)
        log("prepare", stage="learning rate", done=len(rates), of=STEPS)
        waiting()
        return False

    try:
        curve(task, heard, steps=STEPS, low=LOW)
    except PlanError:  # the loss never falls, which is no reason not to train
        pass
    finally:
        task.learner.load_state_dict(kept)
    rate = gentle(rates, losses, HIGHEST.get(task.plan.optimizer, np.inf))
    log("found", rate=rate)
    return rate


def gentle(rates: Sequence[float], losses: Sequence[float], highest: float = np.inf) -> float:
    """A tenth of the rate at which the smoothed loss is lowest, to two digits; LEAST where it never falls.

    It is never above `highest`.
    """
    if len(losses) <= 2 * EARLY:
        return LEAST
    bottom = EARLY + int(np.argmin(losses[EARLY:]))
    return float(f"{min(highest, max(LEAST, rates[bottom] / BELOW)):.1e}")
