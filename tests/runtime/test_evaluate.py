"""A net judged on folders: whose names mean which classes, and what is counted as other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cnnviz.models.preprocess import Preprocess
from cnnviz.photo import Photo
from cnnviz.runtime.evaluate import EvaluationError


@pytest.mark.parametrize(
    ("names", "labels", "indices"),
    [
        (["cats", "dogs"], ["cat", "dog"], [0, 1]),
        (["DOG", "Cat"], ["cat", "dog"], [1, 0]),
        (["soccer-balls", "analog_clock"], ["analog clock", "soccer ball"], [1, 0]),
        (["glasses", "buses", "berries"], ["berry", "bus", "glass"], [2, 1, 0]),
        (["horned viper", "viper"], ["viper", "horned viper"], [1, 0]),
        (["a", "b"], ["class 0", "class 1"], [0, 1]),
        (["1", "0"], ["0", "1"], [1, 0]),
    ],
)
def test_folder_names_find_their_labels(names, labels, indices):
    from cnnviz.runtime.evaluate import match

    assert match(names, labels) == tuple(indices)


def test_the_folder_of_train_is_taken_as_train_takes_it_and_refused_with_the_same_sentence(engine, tmp_path):
    from cnnviz.data import folder
    from cnnviz.runtime.evaluate import part

    key, wrapped = "bundled/cats_dogs", tmp_path / "wrapped" / "inner"
    for place in ("Train/Cat", "Train/dog", "Test/cat", "Test/dog", "Test/dog/.ipynb_checkpoints", "Train/empty"):
        (wrapped / place).mkdir(parents=True)
    for i, place in enumerate(("Train/Cat", "Train/dog", "Test/cat", "Test/dog")):
        for k in range(1 + i):
            Image.new("RGB", (40, 40), (60 * i, 50 * k, 0)).save(wrapped / place / f"{k}.png")
    (wrapped / "Test" / "dog" / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "wrapped" / "__MACOSX").mkdir()
    found, data = engine.evaluate(key, tmp_path / "wrapped"), folder.survey(tmp_path / "wrapped")
    assert part(data) is data.test
    assert (found.images, found.skipped, found.left_out) == (7, ("dog/broken.jpg",), data.left_out)
    assert {left.reason for left in found.left_out} == {"classes without an image", "hidden and system files"}
    for refused in (tmp_path / "nowhere", wrapped / "Train" / "Cat"):
        sentences = set()
        for ask in (folder.read, lambda place: engine.evaluate(key, place)):
            with pytest.raises(folder.FolderError) as error:
                ask(refused)
            sentences.add(str(error.value))
        assert len(sentences) == 1


def test_accuracy_loss_and_confusion_are_those_of_a_loop_over_the_photos(engine, tmp_path, rng):
    key, pairs, shares = "bundled/cats_dogs", [], []
    model = engine.model(key)
    for true, name in enumerate(model.labels):
        (tmp_path / "val" / name).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 256, (60, 70, 3), dtype=np.uint8) // (1 + 3 * (i % 2))
            Image.fromarray(pixels).save(tmp_path / "val" / name / f"{i}.png")
            x = model.preprocess.tensor(model.preprocess.see(Photo.of(pixels)))
            with torch.no_grad():
                logits = model.net(x)
            both = torch.cat([torch.zeros_like(logits), logits], 1) if model.single_logit else logits
            pairs.append((true, both[0]))
    truth, logits = torch.tensor([true for true, _ in pairs]), torch.stack([row for _, row in pairs])
    found = engine.evaluate(key, tmp_path, progress=lambda *share: shares.append(share))
    assert found.images == 8
    assert found.accuracy == pytest.approx(float((logits.argmax(1) == truth).float().mean()))
    assert found.loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits, truth)), rel=1e-3)
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (truth.numpy(), logits.argmax(1).numpy()), 1)
    assert np.array_equal(found.confusion, counts)
    assert shares == [(8, 8)]
    (tmp_path / "val" / model.labels[0] / "0.png").write_bytes(b"no picture")
    assert engine.evaluate(key, tmp_path).skipped == (f"{model.labels[0]}/0.png",)


class ByLight(nn.Module):
    """Another class for a dark image, by control flow that no trace follows."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        light = x.mean() > 0
        score = self.first(x).mean((2, 3)) * 0
        return score + torch.tensor([1.0, 0.0] if light else [0.0, 1.0])


def test_a_net_whose_way_depends_on_its_data_judges_each_photo_alone(engine, tmp_path):
    for name, value in (("light", 250), ("dark", 5)):
        (tmp_path / name).mkdir()
        for i in range(2 + (name == "dark")):
            Image.fromarray(np.full((40, 40, 3), value, np.uint8)).save(tmp_path / name / f"{i}.png")
    preprocess = Preprocess(32, 32, (0.5,) * 3, (0.5,) * 3)
    key = engine.add(ByLight(), "by-light", labels=["light", "dark"], preprocess=preprocess)
    try:
        found = engine.evaluate(key, tmp_path)
        assert (found.accuracy, found.confusion) == (1.0, ((2, 0), (0, 3)))
    finally:
        engine.remove(key)


def test_a_net_that_ends_in_maps_cannot_be_judged(engine, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").touch()
    with pytest.raises(EvaluationError, match="head"):
        engine.evaluate("lecture/mnist_base", tmp_path)
