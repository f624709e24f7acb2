"""Networks that give probabilities, and what is held against them: the same networks without their end."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Body(nn.Module):
    """Logits (N, K) of small images."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
        self.fc = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).mean((2, 3)))


class Ended(nn.Module):
    """A body and whatever stands behind it."""

    def __init__(self, classes: int, end) -> None:
        super().__init__()
        self.body, self.end = Body(classes), end

    def forward(self, x: Tensor):
        return self.end(self.body(x))


class Wrapped(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor):
        return self.net(x)


class Branching(Wrapped):
    """Its operations depend on the numbers of the image."""

    def forward(self, x: Tensor):
        return self.net(x) if x.mean() < 100 else self.net(-x)


class Gated(Wrapped):
    """One sigmoid as a gate and at the end."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.act = nn.Sigmoid()

    def forward(self, x: Tensor):
        return self.act(self.net(x * self.act(x.mean((2, 3), keepdim=True))))


class Mean(nn.Module):
    """The average of several networks' probabilities."""

    def __init__(self, *nets: nn.Module) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, x: Tensor):
        return torch.stack([net(x) for net in self.nets]).mean(0)


class Tiled(nn.Module):
    """Softmax over maps of one position, which are flattened behind it."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.flatten(F.softmax(z[:, :, None, None], 1), 1).float()


class Both(nn.Module):
    """Two classes of one logit."""

    def forward(self, z: Tensor) -> Tensor:
        p = torch.sigmoid(z)
        return torch.cat([1 - p, p], 1)


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, z: Tensor):
        return self.function(z)


# name: the network, the kind of its end, and whether that is taken off rather than turned back
MADE = {
    "softmax module": (lambda: Ended(3, nn.Softmax(1)), "softmax", True),
    "softmax module, last dimension": (lambda: Ended(3, nn.Softmax(-1)), "softmax", True),
    "log-softmax module": (lambda: Ended(3, nn.LogSoftmax(1)), "log_softmax", True),
    "sigmoid module": (lambda: Ended(1, nn.Sigmoid()), "sigmoid", True),
    "sigmoid gate and end": (lambda: Gated(Body(1)), "sigmoid", True),
    "function": (lambda: Ended(3, Function(lambda z: F.softmax(z, dim=1))), "softmax", True),
    "keywords": (lambda: Ended(3, Function(lambda z: torch.softmax(input=z, dim=1))), "softmax", True),
    "method": (lambda: Ended(3, Function(lambda z: z.softmax(1))), "softmax", True),
    "log-softmax function": (lambda: Ended(3, Function(lambda z: F.log_softmax(z, 1))), "log_softmax", True),
    "expit": (lambda: Ended(1, Function(torch.special.expit)), "sigmoid", True),
    "sigmoid method": (lambda: Ended(1, Function(lambda z: z.sigmoid())), "sigmoid", True),
    "a module inside": (lambda: Wrapped(Ended(3, nn.Softmax(1))), "softmax", True),
    "a function inside": (lambda: Wrapped(Ended(3, Function(lambda z: z.softmax(1)))), "softmax", True),
    "flattened": (lambda: Ended(3, Tiled()), "softmax", True),
    "branching": (lambda: Branching(Ended(3, Function(lambda z: z.softmax(1)))), "softmax", True),
    "average": (lambda: Mean(Ended(3, nn.Softmax(1)), Ended(3, nn.Softmax(1))), "softmax", False),
    "average of sigmoids": (lambda: Mean(Ended(1, nn.Sigmoid()), Ended(1, nn.Sigmoid())), "sigmoid", False),
    "two classes of one": (lambda: Ended(1, Both()), "softmax", False),
}


def made(name: str) -> nn.Module:
    """The network of that name, in evaluation mode, with classes that differ."""
    torch.manual_seed(len(name))
    net = MADE[name][0]().eval()
    for part in net.modules():
        if isinstance(part, nn.Linear):
            part.bias.data = torch.tensor([-2.0, 1.0, 0.0][: len(part.bias)])
            part.weight.data *= 5
    return net


def chances(name: str, out: Tensor) -> Tensor:
    """The probabilities (N, K) that a network's own outputs stand for."""
    if MADE[name][1] == "log_softmax":
        return out.exp()
    return torch.cat([1 - out, out], 1) if out.shape[1] == 1 else out


def grad_cam(name: str, net: nn.Module, x: Tensor, layer: str, target: int) -> Tensor:
    """Grad-CAM (h, w) by plain hooks, signed, from the logit before its end or what a mixture is turned into."""
    kept: dict[str, Tensor] = {}

    def keep(_, __, out):
        out.retain_grad()
        kept["maps"] = out

    body = next(part for part in net.modules() if isinstance(part, Body))
    hooks = [
        net.get_submodule(layer).register_forward_hook(keep),
        body.register_forward_hook(lambda _, __, out: kept.__setitem__("logits", out)),
    ]
    out = net(x.clone().requires_grad_())
    _, kind, taken = MADE[name]
    rows = kept["logits"] if taken else out.log() if kind == "softmax" else out.logit()
    score = (rows[0, 0] if target else -rows[0, 0]) if rows.shape[1] == 1 else rows[0, target]
    score.backward()
    for hook in hooks:
        hook.remove()
    maps = kept["maps"]
    return (maps.grad.mean((2, 3), keepdim=True) * maps).sum(1)[0].detach()
