"""Checkpoints as people save them: made by the code they use, loaded with equal logits, or refused with the reason."""

from __future__ import annotations

import argparse
import collections
import copy
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models as tv

from cnnviz.models import load
from cnnviz.options import RequestError

Saved = tuple[nn.Module, object]  # the network as it was trained, and what its owner saves


def trained(name: str = "resnet18", **how: object) -> nn.Module:
    """A network with weights of its own, whose batch norms know the photos they saw."""
    torch.manual_seed(1)
    net = tv.get_model(name, weights=None, **{"num_classes": 3, **how})
    return settled(net)


def settled(net: nn.Module, channels: int = 3, size: int = 64) -> nn.Module:
    for part in net.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            part.momentum = None
    net.train()
    with torch.no_grad():
        net(torch.rand(4, channels, size, size, generator=torch.Generator().manual_seed(2)))
    return net.eval()


def with_head(name: str, place: str, head: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    net = tv.get_model(name, weights=None)
    net.set_submodule(place, head)
    return settled(net)


class Lit(nn.Module):
    """A LightningModule as people write one: the network is an attribute, beside the loss and a metric."""

    def __init__(self, net: nn.Module, name: str = "model") -> None:
        super().__init__()
        setattr(self, name, net)
        self.criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 1.0]))
        self.register_buffer("val_confmat", torch.zeros(3, 3, dtype=torch.long))


class Split(nn.Module):
    """A backbone without its output layer, and a classifier of one's own behind it."""

    def __init__(self, children: bool = False) -> None:
        super().__init__()
        net = trained()
        self.whole, classifier = [net], nn.Linear(512, 3)
        with torch.no_grad():
            classifier.weight.copy_(net.fc.weight)
            classifier.bias.copy_(net.fc.bias)
        trunk = copy.deepcopy(net)
        trunk.fc = nn.Identity()
        self.backbone = nn.Sequential(*list(trunk.children())[:-1]) if children else trunk
        self.classifier = classifier


def state_of(net: nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in net.state_dict().items()}


def everything(net: nn.Module) -> dict[str, object]:
    """A training dict: weights, optimizer with its moments, scheduler, epoch, metrics."""
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, 3, 64, 64)).sum().backward()
    optimizer.step()
    net.zero_grad()
    return {
        "epoch": 7,
        "model_state_dict": state_of(net),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 3).state_dict(),
        "best_acc": 0.91,
        "loss": torch.tensor(0.3),
    }


def zeroed(net: nn.Module) -> dict[str, torch.Tensor]:
    """Weights of the same network that nobody wants to see."""
    return {key: value * 0 for key, value in net.state_dict().items()}


def simple(wrap: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[], Saved]:
    def made() -> Saved:
        net = trained()
        return net, wrap(state_of(net))

    return made


def training() -> Saved:
    net = trained()
    return net, everything(net)


def lightning() -> Saved:
    net = trained()
    hyper = {"lr": 1e-3, "classes": ["wren", "owl", "jay"]}
    return net, {"state_dict": Lit(net).state_dict(), "hyper_parameters": hyper, "callbacks": {}, "loops": {}}


def wrapped(wrap: Callable[[nn.Module], nn.Module]) -> Callable[[], Saved]:
    def made() -> Saved:
        net = trained()
        return net, wrap(net).state_dict()

    return made


def fsdp(net: nn.Module) -> dict[str, torch.Tensor]:
    """As FullyShardedDataParallel and activation checkpointing name what they wrap."""
    return {
        key.replace("layer1.0.", "layer1._fsdp_wrapped_module.0._checkpoint_wrapped_module."): value
        for key, value in state_of(net, "_fsdp_wrapped_module.").items()
    }


def ema() -> Saved:
    net = trained()
    return net, {"arch": "resnet18", "state_dict": zeroed(net), "state_dict_ema": state_of(net)}


def teacher() -> Saved:
    net = trained()
    both = {"student": state_of(trained(num_classes=3), "module."), "teacher": state_of(net, "module.")}
    return net, {key: value if key == "teacher" else dict.fromkeys(value, 0) | value for key, value in both.items()}


def pruned() -> Saved:
    from torch.nn.utils import prune

    net = trained()
    prune.l1_unstructured(net.layer4[1].conv2, "weight", 0.3)
    return net, net.state_dict()


def stem(channels: int) -> Saved:
    torch.manual_seed(1)
    net = tv.resnet18(weights=None, num_classes=3)
    net.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    settled(net, channels)
    return net, net.state_dict()


def small_stem() -> Saved:
    torch.manual_seed(1)
    net = tv.resnet18(weights=None, num_classes=10)
    net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    settled(net, size=32)
    return net, net.state_dict()


def head(name: str, place: str, made: Callable[[], nn.Module]) -> Callable[[], Saved]:
    def saved() -> Saved:
        net = with_head(name, place, made())
        return net, net.state_dict()

    return saved


def split(children: bool) -> Saved:
    whole = Split(children)
    return whole.whole[0], whole.state_dict()


def two_files_in_one() -> Saved:
    net = trained()
    trunk, last = copy.deepcopy(net), net.fc
    trunk.fc = nn.Identity()
    return net, {"backbone": trunk.state_dict(), "head": last.state_dict(), "epoch": 3}


def normalising() -> Saved:
    net = trained()
    whole = nn.Module()
    whole.model = net
    whole.normalize = nn.Module()
    whole.normalize.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
    whole.normalize.register_buffer("std", torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1))
    return net, whole.state_dict()


def of_timm(name: str, **how: object) -> nn.Module:
    """A network of timm; `num_classes=0` leaves out its output layer."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    return settled(timm.create_model(name, **{"num_classes": 3, **how}))


def timm_with_head(name: str, place: str, head: nn.Module) -> Saved:
    """A network of timm with a head of one's own in place of its output layer."""
    net = of_timm(name)
    net.set_submodule(place, head)
    net.eval()
    return net, net.state_dict()


def timm_split(name: str, head: nn.Module) -> Saved:
    """A network of timm without its output layer, and a head beside it, as PyTorch code often has them."""
    net = of_timm(name, num_classes=0)
    return nn.Sequential(net, head.eval()), {**state_of(net, "encoder."), **state_of(head, "classifier.")}


def timm_training(name: str) -> Saved:
    """As timm's train.py saves it: of several networks with these tensors, `arch` is the one."""
    net = of_timm(name)
    args = argparse.Namespace(model=name, num_classes=3, lr=0.1)
    saved = {"epoch": 3, "arch": name, "state_dict": zeroed(net), "state_dict_ema": net.state_dict(), "args": args}
    return net, saved


def timm_lightning(name: str) -> Saved:
    net = of_timm(name)
    return net, {"state_dict": Lit(net, "cnn").state_dict(), "hyper_parameters": {"model_name": name}}


class BothPools(nn.Module):
    """fastai's AdaptiveConcatPool2d."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([nn.functional.adaptive_max_pool2d(x, 1), nn.functional.adaptive_avg_pool2d(x, 1)], 1)


def vision_learner() -> Saved:
    """As fastai's vision_learner builds it (create_body, create_head) and learn.save() saves it."""
    torch.manual_seed(1)
    body = nn.Sequential(*list(tv.resnet18(weights=None).children())[:-2])
    head = nn.Sequential(
        BothPools(), nn.Flatten(), nn.BatchNorm1d(1024), nn.Dropout(0.25), nn.Linear(1024, 512, bias=False), nn.ReLU(),
        nn.BatchNorm1d(512), nn.Dropout(0.5), nn.Linear(512, 3, bias=False),
    )  # fmt: skip
    net = settled(nn.Sequential(body, head))
    return net, {"model": net.state_dict(), "opt": {"state": [], "hypers": [{"lr": 0.1}]}}


def mmpretrain() -> Saved:
    """As MMPretrain's runner saves it; its older kin, MMClassification, has CLASSES in meta."""
    net = trained()
    head_ = {f"head.{key}" if key.startswith("fc.") else f"backbone.{key}": v for key, v in net.state_dict().items()}
    pixels = {"data_preprocessor.mean": torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)}
    pixels["data_preprocessor.std"] = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    meta = {"dataset_meta": {"classes": ("wren", "owl", "jay")}, "cfg": "model = dict()", "epoch": 3}
    return net, {"meta": meta, "state_dict": {**pixels, **head_}, "message_hub": {}}


def reference_training() -> Saved:
    """As torchvision's references/classification/train.py saves it."""
    net = trained()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, 0.9)
    averaged = torch.optim.swa_utils.AveragedModel(net)
    return net, {
        "model": zeroed(net), "optimizer": optimizer.state_dict(), "epoch": 3, "scaler": {},
        "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 3).state_dict(),
        "args": argparse.Namespace(model="resnet18", lr=0.1), "model_ema": averaged.state_dict(),
    }  # fmt: skip


def classes_of(names: object) -> Callable[[], Saved]:
    return simple(lambda state: {"model": state, **names})  # type: ignore[dict-item]


Seq, Lin, Drop, ReLU = nn.Sequential, nn.Linear, nn.Dropout, nn.ReLU
# layout -> how it comes to be; the file's ending, where it is not .pth
LOADED: dict[str, tuple[Callable[[], Saved], str]] = {
    "the bare state dict": (simple(lambda state: state), ".pth"),
    "a training dict with optimizer, scheduler and metrics": (training, ".pt"),
    "Lightning, with a weighted loss and a metric": (lightning, ".ckpt"),
    "an attribute of another name": (wrapped(lambda net: Lit(net, "resnet")), ".ckpt"),
    "DataParallel in a .pth.tar": (
        simple(lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}), ".pth.tar",
    ),
    "torch.compile inside of DDP": (simple(lambda s: {f"module._orig_mod.{k}": v for k, v in s.items()}), ".pt"),
    "torch.compile inside of a module": (simple(lambda s: {f"model._orig_mod.{k}": v for k, v in s.items()}), ".bin"),
    "FSDP with activation checkpointing": (lambda: (net := trained(), fsdp(net)), ".pt"),
    "SWA": (wrapped(torch.optim.swa_utils.AveragedModel), ".pth"),
    "DeepSpeed": (simple(lambda state: {"module": state, "ds_version": "0.14", "dp_world_size": 1}), ".pt"),
    "fastai": (simple(lambda state: {"model": state, "opt": {"state": [], "hypers": [{"lr": 0.1}]}}), ".pth"),
    "timm, with its average": (ema, ".pth.tar"),
    "teacher and student": (teacher, ".pth"),
    "an average below its wrapper": (simple(lambda s: {"model_ema": {"module": s, "decay": 0.99}, "epoch": 1}), ".pth"),
    "a key of one's own": (simple(lambda state: {"epoch": 3, "resnet18_weights": state}), ".pth"),
    "keys three levels deep": (simple(lambda state: {"run": {"best": {"weights": state}}, "step": 9}), ".pth"),
    "safetensors": (simple(lambda state: state), ".safetensors"),
    "half precision": (lambda: (net := trained().half(), net.state_dict()), ".pth"),
    "bfloat16": (lambda: (net := trained().bfloat16(), net.state_dict()), ".pth"),
    "a Namespace of arguments": (
        simple(lambda s: {"model": s, "args": argparse.Namespace(lr=0.1, data=Path("/pets"))}), ".pth",
    ),
    "NumPy numbers and a defaultdict": (
        simple(lambda s: {"model": s, "acc": np.float64(1), "curve": np.ones(2), "log": collections.defaultdict(list)}),
        ".pth",
    ),
    "a backbone and a classifier of one's own": (lambda: split(False), ".pth"),
    "the children of a ResNet as a Sequential": (lambda: split(True), ".pth"),
    "backbone and head under keys of their own": (two_files_in_one, ".pth"),
    "mean and deviation inside of the network": (normalising, ".pth"),
    "one gray channel": (lambda: stem(1), ".pth"),
    "a 3 x 3 stem": (small_stem, ".pth"),
    "pruned": (pruned, ".pth"),
    "a head with dropout": (head("resnet18", "fc", lambda: Seq(Drop(), Lin(512, 3))), ".pth"),
    "a head of two layers": (head("resnet18", "fc", lambda: Seq(Lin(512, 8), ReLU(), Drop(), Lin(8, 3))), ".pth"),
    "a head of two layers and nothing between": (head("resnet18", "fc", lambda: Seq(Lin(512, 8), Lin(8, 3))), ".pth"),
    "a head with a batch norm behind ReLU": (
        head("resnet18", "fc", lambda: Seq(Lin(512, 8), ReLU(), nn.BatchNorm1d(8), Lin(8, 3))), ".pth",
    ),
    "a head with a batch norm before ReLU": (
        head("resnet18", "fc", lambda: Seq(Lin(512, 8), nn.BatchNorm1d(8), ReLU(), Drop(), Lin(8, 3))), ".pth",
    ),
    "a classifier of EfficientNet with two layers": (
        head("efficientnet_b0", "classifier", lambda: Seq(Drop(), Lin(1280, 8), ReLU(), Drop(), Lin(8, 3))), ".pth",
    ),
    "a classifier of MobileNet v3 with ReLU": (
        head("mobilenet_v3_small", "classifier", lambda: Seq(Lin(576, 8), ReLU(), Drop(), Lin(8, 3))), ".pth",
    ),
    "SqueezeNet with a linear head": (
        head("squeezenet1_1", "classifier", lambda: Seq(nn.AdaptiveAvgPool2d(1), nn.Flatten(), Lin(512, 3))), ".pth",
    ),
    "the last layer of ConvNeXt with a hidden one": (
        head("convnext_tiny", "classifier.2", lambda: Seq(Lin(768, 8), ReLU(), Lin(8, 3))), ".pth",
    ),
    "fastai's vision_learner": (vision_learner, ".pth"),
    "MMPretrain": (mmpretrain, ".pth"),
    "torchvision's reference training": (reference_training, ".pth"),
    "timm's training script": (lambda: timm_training("tf_efficientnet_b0"), ".pth.tar"),
    "timm beside a weighted loss": (lambda: timm_lightning("tf_efficientnet_b0"), ".ckpt"),
    "timm under a name of one's own": (lambda: (net := of_timm("repvgg_a0"), state_of(net, "my_cnn.")), ".pth"),
    "timm with a head of two layers": (
        lambda: timm_with_head("convnext_atto", "head.fc", Seq(Lin(320, 8), ReLU(), Drop(), Lin(8, 3))), ".pth",
    ),
    "timm with dropout before its output layer": (
        lambda: timm_with_head("efficientnet_b0", "classifier", Seq(Drop(), Lin(1280, 3))), ".pth",
    ),
    "timm without an output layer and a linear one beside": (
        lambda: timm_split("convnext_atto", nn.Linear(320, 3)), ".pth",
    ),
    "timm without an output layer and a head beside": (
        lambda: timm_split("regnetx_002", Seq(Lin(368, 8), nn.BatchNorm1d(8), ReLU(), Lin(8, 3))), ".pth",
    ),
    "class names beside the weights": (classes_of({"class_to_idx": {"owl": 1, "wren": 0, "jay": 2}}), ".pth"),
}  # fmt: skip


def kept(saved: object, folder: Path, ending: str = ".pth") -> Path:
    path = folder / f"mine{ending}"
    if ending == ".safetensors":
        save_file({key: value.contiguous() for key, value in saved.items()}, path)  # type: ignore[attr-defined]
    else:
        torch.save(saved, path)
    return path


def refusal(made: Callable[[], object], why: str, folder: Path) -> str:
    """The sentence, one line with those words, by which a file with that in it is refused."""
    kept(made(), folder)
    with pytest.raises(RequestError, match=why) as caught:
        load.load("file/mine", folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("layout", LOADED)
def test_a_checkpoint_of_this_layout_gives_the_logits_of_its_network(folder, layout):
    made, ending = LOADED[layout]
    net, saved = made()
    kept(saved, folder, ending)
    model = load.load("file/mine", folder)
    x = torch.rand(2, *model.input_size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert torch.allclose(model.net(x), net.float().eval()(x), atol=1e-5)
    assert {value.dtype for value in model.net.state_dict().values()} <= {torch.float32, torch.int64}


@functools.cache
def known(layout: str, place: Path) -> load.Model:
    made, ending = LOADED[layout]
    folder = place / layout.replace(" ", "_")
    folder.mkdir()
    kept(made()[1], folder, ending)
    return load.load("file/mine", folder)


def test_what_was_done_to_a_file_is_said(tmp_path):
    others = ("MobileNet", "timm ", "timm's", "MMP")
    layouts = [layout for layout in LOADED if not layout.startswith(others)]
    told = {layout: " | ".join(known(layout, tmp_path).known.notes) for layout in layouts}
    assert "set aside: val_confmat, criterion" in told["Lightning, with a weighted loss and a metric"]
    assert (
        "of 2 networks in the file (state_dict_ema, state_dict) it is state_dict_ema" in told["timm, with its average"]
    )
    assert "it is teacher.module, the averaged weights" in told["teacher and student"]
    assert "stored as bfloat16, computed as float32" in told["bfloat16"]
    assert "stored as float16, computed as float32" in told["half precision"]
    assert "its output layer is classifier" in told["a backbone and a classifier of one's own"]
    assert told["the bare state dict"] == ""


def test_what_no_tensor_shows_is_assumed_aloud(tmp_path):
    unsure = {layout: known(layout, tmp_path).known.unsure for layout in LOADED if "head" in layout or "stem" in layout}
    assert unsure["a head of two layers"] == ("Activation between the linear layers of the head: ReLU",)
    assert unsure["a head of two layers and nothing between"] == ()
    assert "as in fastai" in known("fastai's vision_learner", tmp_path).known.notes[0]
    assert unsure["a 3 x 3 stem"] == ("First convolution (3 x 3): stride 1, no max pooling",)


def test_names_size_and_scale_say_where_they_are_from(tmp_path):
    lightning_, named = (
        known(layout, tmp_path).known
        for layout in ("Lightning, with a weighted loss and a metric", "class names beside the weights")
    )
    assert (lightning_.labels, lightning_.labels_from) == (("wren", "owl", "jay"), "file")
    assert (named.labels, named.labels_from) == (("wren", "owl", "jay"), "file")
    assert (lightning_.size_from, lightning_.scale_from, lightning_.architecture_from) == ("guess", "guess", "tensors")
    inside = known("mean and deviation inside of the network", tmp_path).known
    assert (inside.preprocess.mean, inside.preprocess.std) == ((0.4, 0.5, 0.6), (0.1, 0.2, 0.3))
    assert inside.scale_from == "file"
    open_mm = known("MMPretrain", tmp_path).known
    assert (open_mm.labels, open_mm.labels_from, open_mm.scale_from) == (("wren", "owl", "jay"), "file", "file")
    assert open_mm.preprocess.mean == pytest.approx((0.485, 0.456, 0.406), abs=1e-3)
    gray = known("one gray channel", tmp_path)
    assert gray.input_size[0] == 1
    assert known("a 3 x 3 stem", tmp_path).input_size == (3, 32, 32)


def test_what_a_file_calls_its_network_decides_between_twins(tmp_path):
    pytest.importorskip("timm")
    for layout in ("timm's training script", "timm beside a weighted loss"):
        model = known(layout, tmp_path)
        assert model.known.architecture == "timm/tf_efficientnet_b0"
        assert "same tensors" not in model.source
    told = known("timm with dropout before its output layer", tmp_path)
    assert "tf_efficientnet_b0 has the same tensors: 'arch' in the file" in told.source


def test_thirty_layouts_and_more():
    assert len(LOADED) >= 30
