"""How far down networks can be explained: receptive field, arithmetic and guided backprop of one net of each family.

`python -m tests.drilled` runs all of them, one after the other, and prints a table; names run some. Needs timm.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from collections.abc import Iterator
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from cnnviz.attribution import saliency
from cnnviz.attribution.arithmetic import arithmetic, seen_from
from cnnviz.attribution.forward import cached_forward
from cnnviz.inference import receptive_field
from cnnviz.inference.cut import cut
from cnnviz.inference.layers import default_layer, maps
from cnnviz.inference.predict import Target
from cnnviz.inference.relu_modes import Reviving
from cnnviz.inference.tap import tap
from cnnviz.options import RequestError
from cnnviz.signal.receptive import Field

TIMM = [
    "resnext26ts", "repvgg_a0", "mobileone_s0", "gcresnext26ts", "botnet26t_256", "convmixer_1024_20_ks9_p14",
    "convnext_atto", "convnextv2_atto", "convnext_atto_rms", "cs3darknet_focus_s", "cspresnet50", "cspnext_tiny",
    "csatv2", "densenet121", "densenetblur121d", "dla46_c", "dla60_res2net", "dpn48b", "edgenext_xx_small",
    "efficientnet_b0", "tf_efficientnet_b0", "tf_efficientnet_cc_b0_4e", "efficientnet_b0_gn", "mixnet_s",
    "tf_mixnet_s", "mnasnet_small", "spnasnet_100", "fasternet_t0", "fastvit_t8", "focalnet_tiny_srf", "ghostnet_050",
    "ghostnetv2_100", "ghostnetv3_100", "hardcorenas_a", "hgnet_tiny", "hgnetv2_b0", "hrnet_w18_small",
    "inception_next_atto", "inception_v3", "inception_v4", "lcnet_050", "lcnetv2_small", "mambaout_femto",
    "poolformer_s12", "convformer_s18", "mobilenetv3_small_050", "tf_mobilenetv3_small_minimal_100",
    "mobilenetv4_conv_small", "nf_resnet26", "eca_nfnet_l0", "dm_nfnet_f0", "rdnet_tiny", "regnetx_002", "regnety_002",
    "regnetz_005", "repghostnet_050", "repvit_m0_9", "res2net50_14w_8s", "resnest14d", "resnet10t", "ecaresnet26t",
    "resnetblur18", "seresnet18", "resnetv2_18", "resnetv2_50x1_bit", "rexnet_100", "selecsls42", "legacy_seresnet18",
    "skresnet18", "starnet_s050", "tresnet_m", "vgg11_bn", "ese_vovnet19b_slim_dw", "ese_vovnet39b_evos",
    "legacy_xception", "xception41", "nasnetalarge", "pnasnet5large", "inception_resnet_v2", "efficientvit_b0",
]  # fmt: skip
TORCHVISION = [
    "alexnet", "squeezenet1_1", "vgg11", "resnet18", "mobilenet_v2", "mobilenet_v3_small", "densenet121", "googlenet",
    "inception_v3", "shufflenet_v2_x0_5", "mnasnet0_5", "efficientnet_b0", "efficientnet_v2_s", "regnet_y_400mf",
    "convnext_tiny",
]  # fmt: skip
SIDES = {"inception_v3": 128, "inception": 96, "nasnetalarge": 96, "pnasnet5large": 96, "botnet": 256, "vgg": 64}


def side_of(name: str) -> int:
    return next((side for start, side in SIDES.items() if name.removeprefix("tv/").startswith(start)), 64)


def photo(name: str) -> Tensor:
    """Noise of the size that a net is asked about, (1, 3, H, W)."""
    side = side_of(name)
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))


def built(name: str) -> nn.Module:
    """A net with random weights whose batch norms have seen something."""
    torch.manual_seed(0)
    if name.startswith("tv/"):
        import torchvision

        extra = {"init_weights": False} if name in ("tv/inception_v3", "tv/googlenet") else {}
        net = getattr(torchvision.models, name.removeprefix("tv/"))(weights=None, **extra)
    else:
        import timm

        net = timm.create_model(name, pretrained=False)
    return settled(net, side_of(name))


@torch.no_grad()
def settled(net: nn.Module, side: int, channels: int = 3) -> nn.Module:
    """The net in evaluation mode, with statistics of a batch of noise, and no weight that is zero everywhere."""
    norms = [part for part in net.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    for part in norms:
        part.momentum = 1.0
    for parameter in net.parameters():
        if not parameter.any() or parameter.ndim < 2:
            parameter += 0.1 * torch.randn_like(parameter)
    if norms:
        net.train()(torch.randn(2, channels, max(side, 64), max(side, 64)))
    return net.eval().requires_grad_(False)


def exact(net: nn.Module, x: Tensor, layer: str, rng: np.random.Generator) -> str:
    """Nothing where some numbers of a layer's map are the sums of products they are said to be, else why not."""
    with torch.inference_mode():
        _, found = tap(net, x, [layer])
    numbers = found[layer][0]
    for _ in range(2):
        channel, y, column = (int(rng.integers(side)) for side in numbers.shape)
        try:
            made = arithmetic(net, x, layer, channel, (y, column))
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        size = np.abs(made.products).sum() + abs(made.bias)
        if abs(made.products.sum() + made.bias - made.steps[0].value) > 1e-6 * size:
            return "products and bias are not the first step"
        if made.shown != float(numbers[channel, y, column]):
            return "another number"
    return ""


@contextlib.contextmanager
def guided_plainly() -> Iterator[None]:
    """Every spelling of ReLU replaced by one whose gradient is guided: the definition, without any machinery."""

    class Relu(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            context.save_for_backward(x)
            return torch.where(x > 0, x, 0.0)

        @staticmethod
        def backward(context, gradient):
            (x,) = context.saved_tensors
            return gradient * (gradient > 0) * (x > 0)

    def relu(x: Tensor, inplace: bool = False) -> Tensor:
        return Relu.apply(x)

    with contextlib.ExitStack() as patches:
        for place in (F, torch, Tensor):
            patches.enter_context(mock.patch.multiple(place, relu=relu, relu_=relu))
        yield


def guided(net: nn.Module, x: Tensor, layer: str) -> str:
    """Nothing where guided backprop equals its definition, else why not."""
    try:
        asked = cached_forward(cut(net, layer), x, layer)
        steps = saliency.guided_backprop(asked, Target(1), None)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                ours = end.value
                break
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    leaf = x.clone().requires_grad_()
    with guided_plainly(), torch.enable_grad():
        net(leaf)[0, 1].backward()
    truth = leaf.grad[0]
    off = float((ours - truth).abs().max() / truth.abs().max().clamp(min=1e-30))
    return "" if off < 1e-3 else f"differs by {off:.2g}"


class Ungated(TorchFunctionMode):
    """While it lasts, no gradient goes through means of whole maps, so that gates and norms are constants.

    Closed ReLUs leak, so that a gradient goes wherever it could.
    """

    MEANS = (
        F.adaptive_avg_pool2d,
        F.adaptive_max_pool2d,
        Tensor.mean,
        torch.mean,
        Tensor.amax,
        Tensor.sum,
        Tensor.norm,
    )

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in (F.max_pool2d, torch.max_pool2d):  # whose gradient goes to the largest alone
            _, kernel, *rest = args
            how = {key: value for key, value in (kwargs or {}).items() if key in ("stride", "padding", "ceil_mode")}
            return F.avg_pool2d(args[0], kernel, *rest[:2], **how)
        out = function(*args, **(kwargs or {}))
        if function is F.group_norm:
            norm = function(args[0].detach(), *args[1:], **(kwargs or {}))
            fixed = args[0].detach()
            return norm + (args[0] - fixed) / fixed.std()
        if function in self.MEANS and isinstance(out, Tensor) and out.numel() < args[0].numel():
            return out.detach() if 1 in out.shape[2:] or out.ndim < 4 else out
        return out


Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two outside


def field(net: nn.Module, x: Tensor, layer: str, found: Field) -> str:
    """Nothing where the field of a layer is what gradients reach of the input, else why not."""
    truth, words = reached(net, x, layer), said(net, x, layer, found)
    return "" if truth == words else f"{layer}: {words} instead of {truth}"


def said(net: nn.Module, x: Tensor, layer: str, found: Field) -> Box:
    """The pixels that a unit in the middle of a layer's map depends on by its field."""
    _, tapped = tap(net, x, [layer], stop=True)
    place = tapped[layer].shape[2] // 2, tapped[layer].shape[3] // 2
    return seen_from(found, place, (x.shape[2], x.shape[3]))


def reached(net: nn.Module, x: Tensor, layer: str) -> Box | None:
    """The pixels that gradients of that unit reach."""
    leaf = x.clone().requires_grad_()
    with torch.enable_grad(), Ungated(), Reviving():
        _, tapped = tap(net, leaf, [layer], stop=True)
    unit = tapped[layer][0, :, tapped[layer].shape[2] // 2, tapped[layer].shape[3] // 2]
    moved = torch.zeros(x.shape[2:], dtype=torch.bool)
    for seed in range(2):
        sign = torch.randn(unit.shape, generator=torch.Generator().manual_seed(seed), dtype=unit.dtype)
        (gradient,) = torch.autograd.grad((unit * sign).sum(), leaf, retain_graph=True)
        moved |= gradient[0].abs().sum(0) > 0
    rows, columns = moved.any(1).nonzero().ravel(), moved.any(0).nonzero().ravel()
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else None


def row(net: nn.Module, x: Tensor) -> dict[str, str]:
    """What fails for a net, by what was tried: drill at its usual layer, others, guided backprop, receptive field."""
    rng = np.random.default_rng(0)
    usual = default_layer(net, tuple(x.shape[1:]))
    layers = list(maps(net, tuple(x.shape[1:])))
    some = [layers[i] for i in rng.permutation(len(layers))[:5]]
    others = [f"{layer}: {why}" for layer in some if (why := exact(net, x, layer, rng))]
    found = {"drill": exact(net, x, usual, rng), "layers": "; ".join(others[:2]), "guided": guided(net, x, usual)}
    told = receptive_field.of_net(net, tuple(x.shape[1:]))
    local = [layer for layer in layers if layer in told and 1 < told[layer].size < x.shape[2]]
    some = [usual, *(local[i] for i in rng.permutation(len(local))[:5])]
    fields = [why for layer in some if (why := field(net, x, layer, told[layer]))]
    return {**found, "field": "; ".join(fields)}


def main(names: list[str]) -> int:
    names = names or [*TIMM, *(f"tv/{name}" for name in TORCHVISION)]
    wrong: dict[str, int] = {}
    for name in names:
        start = time.monotonic()
        try:
            found = row(built(name), photo(name))
        except (RuntimeError, RequestError, AssertionError, ValueError) as error:
            found = {"built": f"{type(error).__name__}: {error}"}
        for kind, why in found.items():
            wrong[kind] = wrong.get(kind, 0) + bool(why)
        words = "  ".join(f"{kind} {why[:300] or 'ok'}" for kind, why in found.items())
        print(f"{name:34} {time.monotonic() - start:5.1f} s  {words}", flush=True)
        gc.collect()
    print(f"{len(names)} nets: " + ", ".join(f"{kind} {len(names) - bad}" for kind, bad in wrong.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
