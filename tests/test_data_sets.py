"""Random folders, read by everything that reads data sets: the same classes, counts, left-outs, or the same refusal.

LAYOUTS=300 pytest tests/test_data_sets.py     as many as wanted; 25 by themselves
"""

from __future__ import annotations

import contextlib
import os
import unicodedata
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from torch import nn

from cnnviz.data import folder, left_out
from cnnviz.data.archive import unpack
from cnnviz.data.audit import audit
from cnnviz.data.staging import origin
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.runtime.evaluate import evaluate
from cnnviz.train.plan import Plan
from cnnviz.train.remembered import begin
from cnnviz.train.setup import prepare
from cnnviz.ui.server import data_sets

COUNT = int(os.environ.get("LAYOUTS", "25"))
NAMES = ("cat", "Dog", "Äpfel", "кошки", "猫", "2", "10", "a b", "x.y", "train track", "O'Hara & [b]")
STYLES = (("train", "val", "test"), ("Training", "Validation", "Testing"), ("train_set", "dev_set", "test_set"))
STYLES = (
    *STYLES,
    ("seg_train", "seg_val", "seg_test"),
    ("TRAIN", "Valid", "TEST"),
    ("train2017", "val2017", "test2017"),
)
WRAPS = ("", "data", "Users/me/My Documents/2024/cnn/deep/er/and/deeper")
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jfif": "JPEG",
    ".JPG": "JPEG",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".gif": "GIF",
}
HIDDEN = (".ipynb_checkpoints", "__MACOSX", "@eaDir", ".git")
JUNK = (("notes.txt", left_out.OTHER), ("IMG_1.CR2", left_out.FORMAT), ("LICENSE", left_out.BARE))
JUNK = (*JUNK, (".DS_Store", left_out.HIDDEN), ("Icon\r", left_out.HIDDEN), ("notes 12:30.txt", left_out.OTHER))


@dataclass
class Made:
    """A folder, and what it is as a data set: classes, images of each by split, and how many are left out by reason."""

    root: Path
    rng: np.random.Generator
    classes: list[str] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)
    zips: bool = True  # whether a zip can hold the names

    def image(self, path: Path) -> None:
        """A small image of random colours."""
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = self.rng.integers(0, 256, (12, 12, 3), np.uint8)
        place = path
        if self.some(0.1):  # an image may lie elsewhere
            place = self.root.parents[1] / "store" / f"{self.rng.integers(1 << 40)}{path.suffix}"
            place.parent.mkdir(exist_ok=True)
            path.symlink_to(place)
        Image.fromarray(pixels).save(place, format=FORMATS[path.suffix])

    def some(self, share: float) -> bool:
        """Whether it happens, this time."""
        return bool(self.rng.random() < share)

    def pick(self, many):
        """One of them."""
        return many[int(self.rng.integers(len(many)))]


def make(root: Path, seed: int) -> Made:
    """A random folder."""
    made = Made(root, np.random.default_rng(seed))
    inner = root / made.pick(WRAPS)
    names = [str(name) for name in made.rng.permutation(NAMES)[: made.rng.integers(1, 5)]]
    if made.some(0.1):
        names, made.zips = [*names, "\udce9t\udce9"], False
    style = made.pick(STYLES) if made.some(0.7) else ("", "", "")
    splits = {"train": style[0]}
    if style[0]:
        for i, name in ((1, "val"), (2, "test")):
            if made.some(0.6):
                splits[name] = style[i]
        if len(splits) == 1 and style[0].startswith("seg"):
            splits["test"] = style[2]  # alone, its name would say nothing
    for split, called in splits.items():
        made.counts[split] = Counter()
        for name in names:
            _class(made, inner / called, split, name)
        if made.some(0.2) and split != "train":
            made.image(inner / called / "unknown class" / "0.png")
            made.left[left_out.UNKNOWN] += 1
        if made.some(0.2):
            (inner / called / "empty").mkdir()
            made.left[left_out.EMPTY] += 1
        if called and made.some(0.2):
            made.image(inner / called / "loose.png")
            made.left[left_out.LOOSE] += 1
    if splits["train"] and made.some(0.2):
        made.image(inner / "extra" / "0.png")
        made.left[left_out.BESIDE] += 1
    made.classes = [name for name in names if made.counts["train"][name]]
    return made


def _class(made: Made, place: Path, split: str, name: str) -> None:
    """The folder of a class in a split, with what may lie in it."""
    called = name
    if split != "train" and made.some(0.5):
        called = made.pick((name.upper() if name.upper().casefold() == name.casefold() else name, name))
        called = unicodedata.normalize("NFD", called)
    at = place / called
    at.mkdir(parents=True)
    for i in range(int(made.rng.integers(3, 7))):
        ending = made.pick(list(FORMATS))
        below = made.pick(("", "", "more", "more/still")) if split == "train" else ""
        made.image(at / below / f"{made.pick(('', 'x y', '12:30 '))}{i}{ending}")
        made.counts[split][name] += 1
    if made.some(0.3):
        made.image(at / made.pick(HIDDEN) / "0-checkpoint.png")
        made.left[left_out.HIDDEN] += 1
    if made.some(0.1):
        (at / "twice.png").symlink_to(next(path for path in sorted(at.iterdir()) if not path.is_symlink()))
        made.left[left_out.LINKED] += 1
        made.zips = False  # a zip made by following links holds it twice
    if made.some(0.1):
        (at / "gone.png").symlink_to(made.root / "nowhere.png")
        made.left[left_out.BROKEN] += 1
        made.zips = False
    for file, reason in JUNK:
        if made.some(0.15):
            (at / file).touch()
            made.left[reason] += 1


def counts(data: folder.DataSet) -> dict[str, Counter[str]]:
    """The images of each class by split, as they lie in the folder."""
    return {
        name: Counter({data.classes[i]: n for i, n in enumerate(part.counts(len(data.classes))) if n})
        for name, part in (("train", data.train), ("val", data.val), ("test", data.test))
        if len(part)
    }


def tiny(classes) -> SimpleNamespace:
    """An engine of one small network with these classes."""
    net = nn.Sequential(nn.Conv2d(3, len(classes), 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = SimpleNamespace(net=net, key="tiny", labels=tuple(classes), title="tiny", preprocess=Preprocess(8, 8))
    return SimpleNamespace(model=lambda _key: model, computing=contextlib.nullcontext)


@pytest.mark.parametrize("seed", range(COUNT))
def test_every_reader_finds_the_same_or_refuses_with_the_same_sentence(tmp_path, monkeypatch, seed):
    made = make(tmp_path / "shelf" / "set", seed)
    monkeypatch.setenv("CNNVIZ_DATA", str(tmp_path / "shelf"))
    plan = Plan(str(made.root), net="lecture/mnist_gap", size=32, threads=1)
    events = []

    def say(kind, **values):
        events.append((kind, values))

    asked = {
        "python": lambda: folder.read(made.root),
        "evaluate": lambda: evaluate(tiny(folder.survey(made.root).classes), "tiny", made.root),
        "train": lambda: prepare(plan, begin(plan, tmp_path, say), tmp_path, None, say, bool),
        "page": lambda: data_sets.data_set("set"),
    }
    if made.zips:
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as out:
            for path in sorted(made.root.rglob("*")):
                out.write(path, path.relative_to(made.root))
        asked["zip"] = lambda: unpack(tmp_path / "set.zip", tmp_path / "shelf" / "zip")
    found, refused = {}, {}
    for name, ask in asked.items():
        try:
            found[name] = ask()
        except RequestError as error:
            refused[name] = str(error).replace("This archive", "set")
    if len(made.classes) < 2:
        assert not found
        assert len(set(refused.values())) == 1
        return
    assert not refused
    lying = folder.survey(made.root)
    classes = sorted(
        (unicodedata.normalize("NFC", name).replace("\udce9", "\\xe9") for name in made.classes), key=folder.order
    )
    assert lying.classes == tuple(classes)
    wanted = {s: Counter({n.replace("\udce9", "\\xe9"): k for n, k in c.items()}) for s, c in made.counts.items()}
    assert counts(lying) == wanted
    assert Counter({left.reason: len(left) for left in lying.left_out}) == made.left
    data = found["python"]
    assert data == found["page"] == found["train"].data
    assert data.left_out == lying.left_out == audit(data).left_out == found["evaluate"].left_out
    assert audit(data).counts == {name: split.counts(len(classes)) for name, split in data.splits().items()}
    assert [str(left) for left in data.left_out] == [v["message"] for kind, v in events if kind == "left_out"]
    judged = next(s for s in (lying.val, lying.test, lying.train) if len(s))
    assert found["evaluate"].images == len(judged)
    assert tuple(map(sum, found["evaluate"].confusion)) == judged.counts(len(classes))
    if made.zips:
        unpacked = folder.survey(tmp_path / "shelf" / "zip")
        assert (unpacked.classes, counts(unpacked)) == (lying.classes, counts(lying))
        notes = origin(tmp_path / "shelf" / "zip").notes
        assert [note for note in notes if note.startswith("Left out")] == [str(left) for left in lying.left_out]


@pytest.mark.parametrize("kind", ["names", "labels.csv"])
@pytest.mark.parametrize("seed", range(max(1, COUNT // 5)))
def test_every_reader_takes_the_same_classes_from_names_and_lists(tmp_path, kind, seed):
    made = Made(tmp_path / "shelf" / "set", np.random.default_rng(seed))
    rows, wanted = ["file,label,split"], Counter[str]()
    for name in ("cat", "dog", "猫")[: made.rng.integers(2, 4)]:
        for i in range(int(made.rng.integers(4, 9))):
            ending, split = made.pick(list(FORMATS)), made.pick(("train", "val")) if i > 1 else ("train", "val")[i]
            file = f"{name}.{i}{ending}" if kind == "names" else f"{made.rng.integers(1 << 40)}{ending}"
            below = made.pick(("", "more")) if kind == "names" else split
            made.image(made.root / below / file)
            rows.append(f"{below}/{file},{name},{split}")
            wanted[name] += 1
    made.image(made.root / "train" / "nameless.png")
    (made.root / "notes.txt").touch()
    if kind != "names":
        (made.root / kind).write_text("\n".join(rows), encoding="utf-8")
    plan = Plan(str(made.root), net="lecture/mnist_gap", size=32, threads=1, labels=kind)
    data = folder.read(made.root, labels=kind)
    assert data == prepare(plan, begin(plan, tmp_path, print), tmp_path, None, lambda *_a, **_k: None, bool).data
    assert sum(counts(data).values(), Counter()) == wanted
    said = {left.reason: left.names for left in data.left_out}
    assert any("train/nameless.png" in names for names in said.values())
    assert any("notes.txt" in names for names in said.values())
    judged = evaluate(tiny(data.classes), "tiny", made.root, labels=kind)
    lying = folder.survey(made.root, kind)
    assert judged.images == len(lying.val if len(lying.val) else lying.train)
    assert judged.left_out == data.left_out
