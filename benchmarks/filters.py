"""Seconds per filter image, against the loop of the tutorials and lucent, at equal steps and canvas.

The tutorials' loop (Graetz, 2019; Chollet, 2016): a net as it comes, weights trainable, hooked at the layer, the whole
forward for every step, Adam at 0.1 on the pixels. lucent is used as its readme says. Weights are random: time does not
depend on them. What is timed is one filter from noise; what a net needs once (folding, tracing) is done before.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable

import torch
from torch import nn

from cnnviz.feature_vis.maximize import maximize
from cnnviz.feature_vis.recipes import Aim, Ascent
from cnnviz.feature_vis.setup import Setup
from cnnviz.inference.cut import cut
from cnnviz.inference.tap import module

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STEPS, CHANNEL, LOOP_STEPS = 30, 7, 100
PLACES = {  # the name in the benchmarks -> net, layer, canvas in px
    "vgg16/block3_conv1": ("vgg16", "features.10", 128),
    "vgg16/block3_conv1/224": ("vgg16", "features.10", 224),
    "vgg16/block5_conv1": ("vgg16", "features.24", 224),
    "vgg16/block5_conv1/128": ("vgg16", "features.24", 128),
    "resnet50/layer2": ("resnet50", "layer2", 224),
    "resnet50/layer2/128": ("resnet50", "layer2", 128),
}


def net_of(name: str) -> nn.Module:
    """An untrained net, weights trainable, as the tutorials have it."""
    from torchvision import models

    torch.manual_seed(0)
    return getattr(models, name)(weights=None).eval()


def loop(net: nn.Module, layer: str, side: int, steps: int) -> torch.Tensor:
    """The tutorials' loop: the input it ends with, (1, 3, side, side), normalised."""
    kept: list[torch.Tensor] = []
    handle = module(net, layer).register_forward_hook(lambda _, __, out: kept.append(out) or out.clone())
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)) * 30 / 255 + 150 / 255
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    x = ((noise - mean) / std).requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.1, weight_decay=1e-6)
    for _ in range(steps):
        optimizer.zero_grad()
        kept.clear()
        net(x)
        (-kept[0][0, CHANNEL].mean()).backward()
        optimizer.step()
    handle.remove()
    return x.detach()


def climb(net: nn.Module, layer: str, side: int) -> Setup:
    """Where cnnviz climbs."""
    end = cut(net, layer)
    cpu = torch.device("cpu")
    return Setup(lambda x: end.trunk(x)[0], layer, MEAN, STD, side, cpu, lambda: torch.ones(1), some=end.some)


def equal(where: Setup, steps: int = STEPS) -> torch.Tensor:
    """The lecture's own objective, canvas full size in every step: the picture, uint8."""
    ascent = Ascent(steps=steps, coarse=0, focus=0.0, jitter=0, canvas="pixel", rate=0.1, noise=30 / 255, clip=False)
    *_, last = maximize(where, [Aim.of(CHANNEL)], ascent)
    return last.image.picture


def contenders(name: str, layer: str, side: int) -> dict[str, Callable[[], object]]:
    """Each contender as a call that grows one filter image in 30 steps."""
    ours = net_of(name).requires_grad_(False)
    where, trainable = climb(ours, layer, side), net_of(name)
    found: dict[str, Callable[[], object]] = {
        "cnnviz": lambda: equal(where),
        "tutorial loop": lambda: loop(trainable, layer, side, STEPS),
    }
    if importlib.util.find_spec("lucent"):
        found["lucent"] = _lucent(name, layer, side)
    return found


def _lucent(name: str, layer: str, side: int) -> Callable[[], object]:
    from lucent.optvis import render

    net = net_of(name)
    goal = f"{layer.replace('.', '_')}:{CHANNEL}"
    return lambda: render.render_vis(
        net, goal, thresholds=(STEPS,), fixed_image_size=side, show_image=False, show_inline=False, progress=False
    )


def to_the_same_height(name: str, layer: str, side: int) -> dict[str, Callable[[], object]]:
    """Until the picture one sees excites the channel as much as the one the loop has after 100 steps."""
    ours, trainable = net_of(name).requires_grad_(False), net_of(name)
    where = climb(ours, layer, side)
    goal = seen_value(where, loop(trainable, layer, side, LOOP_STEPS))
    small = climb(ours, layer, 96)

    def reach() -> float:
        ascent = Ascent(steps=LOOP_STEPS, coarse=0, focus=0.0, rate=1.0, jitter=0, canvas="pixel")  # as the loop has it
        for event in maximize(small, [Aim.of(CHANNEL)], ascent):
            if event.value >= goal:
                return event.value
        raise AssertionError(f"cnnviz did not reach {goal} on {name} {layer}")

    return {"cnnviz": reach, "tutorial loop": lambda: loop(trainable, layer, side, LOOP_STEPS)}


def seen_value(where: Setup, x: torch.Tensor) -> float:
    """The mean activation for the picture that is shown of a normalised input: cut off at 0 and 255."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    shown = ((x * std + mean).clamp(0, 1) * 255).round() / 255
    with torch.no_grad():
        return float(where.trunk((shown - mean) / std)[0, CHANNEL].mean())


def first_coarse() -> dict[str, Callable[[], object]]:
    """From asking for 16 filters of SqueezeNet to the first picture, net loaded, nothing remembered."""
    import cnnviz

    engine = cnnviz.Engine(device="cpu")
    model = "lecture/cats_gap"
    seeds = iter(range(10**6))
    engine.model(model)

    def first() -> object:
        ascent = Ascent(seed=next(seeds))
        return next(iter(engine.filters(model, "conv4", range(16), ascent)))

    return {"cnnviz": first}


BENCHMARKS: dict[str, Callable[[], dict[str, Callable[[], object]]]] = {
    **{f"filters/{name}": (lambda place=place: contenders(*place)) for name, place in PLACES.items()},
    **{
        f"filters/{name}/height": (lambda place=PLACES[name]: to_the_same_height(*place))
        for name in ("vgg16/block3_conv1", "resnet50/layer2")
    },
    "filters/first": first_coarse,
}


def main() -> None:
    """Time one benchmark quickly: each contender once to warm up, then twice in turn."""
    import sys

    for name in sys.argv[1:] or ["filters/vgg16/block3_conv1"]:
        made = BENCHMARKS[name]()
        times: dict[str, list[float]] = {who: [] for who in made}
        for turn in range(2):
            for who, call in made.items():
                began, cpu = time.perf_counter(), time.process_time()
                call()
                times[who].append(time.perf_counter() - began)
                print(name, turn, who, f"{times[who][-1]:.2f} s, {time.process_time() - cpu:.2f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
