"""Trains the net that ships with cnnviz and writes its weights and card.

    python tools/train_bundled_net.py DATA [--teacher squeezenet1_1.pth] [--epochs N] [--out FOLDER]

DATA holds train/<class>/ and val/<class>/. The net is the lecture's cats net (307,393 parameters). While it trains
each convolution is followed by a batch norm; at the end these are folded away, so the shipped net is exactly the
lecture's. With a teacher (SqueezeNet 1.1 with ImageNet weights) it also learns from the teacher's features and from a
logistic regression on them (knowledge distillation, Hinton et al., 2015; FitNets, Romero et al., 2015). Without one it
learns from the labels alone.
"""

from __future__ import annotations

import argparse
import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from cnnviz.models import catalog, lecture

SIDE = 150
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PHASES = (
    (0.55, 96),
    (0.85, 128),
    (1.0, SIDE),
)  # up to this share of the epochs train at this side: small pictures first


def read(folder: Path) -> tuple[list[Image.Image], Tensor, list[str]]:
    """The pictures of a folder of class folders, their labels float32 (N,), and the class names."""
    names = sorted(p.name for p in folder.iterdir() if p.is_dir())
    pictures, labels = [], []
    for index, name in enumerate(names):
        for path in sorted((folder / name).iterdir()):
            pictures.append(Image.open(path).convert("RGB"))
            labels.append(float(index))
    return pictures, torch.tensor(labels), names


def centre(picture: Image.Image, side: int) -> Tensor:
    """The centre square of a picture, shorter side scaled to `side`: uint8 (3, side, side)."""
    width, height = picture.size
    scale = side / min(width, height)
    size = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
    small = picture.resize(size, Image.Resampling.BILINEAR) if scale != 1 else picture
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    square = np.asarray(small.crop((left, top, left + side, top + side)))
    return torch.from_numpy(square.copy()).permute(2, 0, 1)  # (side, side, 3) -> (3, side, side)


def views(picture: Image.Image, count: int, rng: np.random.Generator) -> list[Tensor]:
    """Random crops of 40 to 100 % of the area, aspect 3:4 to 4:3, scaled to SIDE: uint8 (3, SIDE, SIDE) each."""
    out = [centre(picture, SIDE)]
    width, height = picture.size
    while len(out) < count:
        area, aspect = rng.uniform(0.4, 1.0) * width * height, np.exp(rng.uniform(-0.2877, 0.2877))
        w, h = int(np.sqrt(area * aspect)), int(np.sqrt(area / aspect))
        if w <= width and h <= height:
            left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
            crop = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, (left, top, left + w, top + h))
            out.append(torch.from_numpy(np.asarray(crop).copy()).permute(2, 0, 1))  # (SIDE, SIDE, 3) -> (3, SIDE, SIDE)
    return out


def normal(pixels: Tensor) -> Tensor:
    """Pixels uint8 or 0..255 (N, 3, H, W) as the net wants them: minus mean, over standard deviation."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return ((pixels.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def teach(weights: Path, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The teacher's features (N, V, 512) of views (N, V, 3, S, S), and a logistic regression's logits (N, V)."""
    from torchvision.models import squeezenet1_1

    net = squeezenet1_1()
    net.load_state_dict(torch.load(weights, weights_only=True))
    trunk = net.features.eval().to(memory_format=torch.channels_last)
    flat = pixels.flatten(0, 1)  # (N, V, 3, S, S) -> (N*V, 3, S, S)
    chunks = []
    for i in range(0, len(flat), 64):
        big = F.interpolate(normal(flat[i : i + 64]), size=(224, 224), mode="bilinear", align_corners=False)
        chunks.append(trunk(big).mean((2, 3)))  # (n, 512, h, w) -> (n, 512)
    features = torch.cat(chunks)
    features = (features - features.mean(0)) / features.std(0).clamp_min(1e-4)
    with torch.inference_mode(False), torch.enable_grad():
        inputs = features.clone()
        regression = nn.Linear(inputs.shape[1], 1)
        goal = labels.repeat_interleave(pixels.shape[1])
        optimizer = torch.optim.LBFGS(regression.parameters(), max_iter=100)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(regression(inputs).squeeze(1), goal)
            loss = loss + 3e-3 * regression.weight.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch gives it no types
        logits = regression(inputs).squeeze(1).detach()
    return features.view(*pixels.shape[:2], -1), logits.view(*pixels.shape[:2])


class Student(L.LightningModule):
    """The cats net while it trains, with an exponential moving average of its weights that is what gets judged."""

    def __init__(self, data: dict[str, Tensor], taught: bool, epochs: int, rate: float, decay: float) -> None:
        super().__init__()
        spec = replace(lecture.NETS["cats_gap"], batch_norm=True, dropout=0.2)
        self.net = lecture.build(spec).to(memory_format=torch.channels_last)
        self.project = nn.Linear(512, 512)  # from the net's hidden layer to the teacher's features; not shipped
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.data, self.taught, self.epochs, self.rate, self.decay = data, taught, epochs, rate, decay
        self.best, self.best_epoch = 0.0, 0
        self.best_state: dict[str, Tensor] = {}

    def side(self) -> int:
        share = (self.current_epoch + 1) / self.epochs
        return next(side for limit, side in PHASES if share <= limit + 1e-9)

    def augment(self, pixels: Tensor, side: int) -> Tensor:
        """Turned up to 20 degrees, zoomed, shifted, flipped, recoloured (N, 3, side, side) in 0..255, sampled once."""
        n = len(pixels)
        angle, zoom = (torch.rand(n) - 0.5) * 0.7, 1 + (torch.rand(n) - 0.5) * 0.3
        flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
        shift = (torch.rand(n, 2) - 0.5) * 0.16
        cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        theta = torch.stack(
            [torch.stack([cos * flip, -sin, shift[:, 0]], 1), torch.stack([sin * flip, cos, shift[:, 1]], 1)], 1
        )
        grid = F.affine_grid(theta, [n, 3, side, side], align_corners=False)
        x = F.grid_sample(pixels.float(), grid, padding_mode="reflection", align_corners=False)
        gray = x.mean(1, keepdim=True)
        x = gray + (x - gray) * (1 + (torch.rand(n, 1, 1, 1) - 0.5) * 0.8)  # saturation
        middle = x.mean((1, 2, 3), keepdim=True)
        x = middle + (x - middle) * (1 + (torch.rand(n, 1, 1, 1) - 0.5) * 0.6)  # contrast
        return (x * (1 + (torch.rand(n, 1, 1, 1) - 0.5) * 0.5)).clamp(0, 255)  # brightness

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        index = batch[0]
        pixels, labels = self.data["pixels"], self.data["labels"][index]
        view = torch.randint(pixels.shape[1], (len(index),))
        x = normal(self.augment(pixels[index, view], self.side()))
        out: dict[str, Tensor] = {}
        for name, part in self.net.named_children():
            x = part(x)
            out[name] = x
        logit = x.squeeze(1)
        loss = F.binary_cross_entropy_with_logits(logit, labels * 0.96 + 0.02)
        if self.taught:
            soft = torch.sigmoid(self.data["teacher_logits"][index, view])
            features = self.data["teacher"][index, view]
            alike = 1 - F.cosine_similarity(self.project(out["hidden"]), features).mean()
            loss = 0.4 * loss + 0.6 * F.binary_cross_entropy_with_logits(logit, soft) + 1.0 * alike
        return loss

    def on_train_batch_end(self, *_: object) -> None:
        keep = min(0.995, (1 + self.global_step) / (10 + self.global_step))
        for old, new in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)

    def on_train_epoch_end(self) -> None:
        if self.current_epoch % 3 == 2 or self.current_epoch >= self.epochs - 8:
            accuracy = judge(self.average, self.data["val"], self.data["val_labels"])
            if accuracy >= self.best and self.side() == SIDE:
                self.best, self.best_epoch = accuracy, self.current_epoch + 1
                self.best_state = copy.deepcopy(self.average.state_dict())
            print(f"epoch {self.current_epoch + 1}/{self.epochs} side {self.side()} val {accuracy:.4f}", flush=True)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW([*self.net.parameters(), *self.project.parameters()], weight_decay=self.decay)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.rate, total_steps=steps, pct_start=0.15)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


@torch.inference_mode()
def judge(net: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    """Share of right answers of a one-logit net on pixels uint8 (N, 3, S, S)."""
    net.eval()
    logits = torch.cat([net(normal(pixels[i : i + 100])).squeeze(1) for i in range(0, len(pixels), 100)])
    return float(((logits > 0) == (labels > 0.5)).float().mean())


def main() -> None:
    """Train, judge on val, write cats_dogs.safetensors and cats_dogs.json."""
    parser = argparse.ArgumentParser(prog="python tools/train_bundled_net.py", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--views", type=int, default=12)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=catalog.ASSETS)
    wanted = parser.parse_args()

    L.seed_everything(wanted.seed)
    pictures, labels, names = read(wanted.data / "train")
    val_pictures, val_labels, _ = read(wanted.data / "val")
    rng = np.random.default_rng(wanted.seed)
    data = {
        "pixels": torch.stack([torch.stack(views(p, wanted.views, rng)) for p in pictures]),  # (N, V, 3, S, S)
        "labels": labels,
        "val": torch.stack([centre(p, SIDE) for p in val_pictures]),
        "val_labels": val_labels,
    }
    if wanted.teacher:
        data["teacher"], data["teacher_logits"] = teach(wanted.teacher, data["pixels"], labels)
        print("teacher ready", flush=True)
    student = Student(data, bool(wanted.teacher), wanted.epochs, wanted.rate, wanted.decay)
    loader = DataLoader(TensorDataset(torch.arange(len(labels))), batch_size=64, shuffle=True, drop_last=True)
    trainer = L.Trainer(
        max_epochs=wanted.epochs,
        accelerator="auto",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(student, loader)

    student.average.load_state_dict(student.best_state)
    net = lecture.fold(student.average)
    accuracy = judge(net, data["val"], val_labels)
    assert sum(p.numel() for p in net.parameters()) == 307_393
    wanted.out.mkdir(parents=True, exist_ok=True)
    state = {k: v.contiguous() for k, v in net.state_dict().items()}
    save_file(state, wanted.out / "cats_dogs.safetensors")
    card = {
        "title": "Cats and dogs (bundled)",
        "net": "lecture/cats_gap",
        "labels": [name.rstrip("s") for name in names],
        "single_logit": True,
        "preprocess": {"resize": SIDE, "crop": SIDE, "mean": MEAN, "std": STD, "channels": 3},
        "data": f"Kaggle cats vs. dogs: {len(labels)} training and {len(val_labels)} validation photos",
        "recipe": {
            "epochs": wanted.epochs,
            "best_epoch": student.best_epoch,
            "batch": 64,
            "optimizer": f"AdamW, one cycle to {wanted.rate}, weight decay {wanted.decay}",
            "augmentation": "crop 40-100 %, rotate 20 degrees, zoom, shift, flip, colour; 96 then 128 then 150 px",
            "batch_norm": "while training, folded into the convolutions afterwards",
            "average": "exponential moving average of the weights",
            "teacher": "SqueezeNet 1.1 (ImageNet) features" if wanted.teacher else None,
        },
        "seed": wanted.seed,
        "accuracy": {"val": round(accuracy, 4), "chosen_on": "val"},
    }
    (wanted.out / "cats_dogs.json").write_text(json.dumps(card, indent=2) + "\n")
    print(f"val accuracy {accuracy:.4f} at epoch {student.best_epoch}")


if __name__ == "__main__":
    main()
