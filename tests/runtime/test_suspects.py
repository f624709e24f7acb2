"""Labels that were exchanged on purpose are found, with the class that they had."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import folder
from cnnviz.data.audit import audit
from cnnviz.options import RequestError
from cnnviz.runtime.engine import Engine
from cnnviz.runtime.suspects import FEATURES, FITTING

KEY = "lecture/cats_gap"


@pytest.fixture
def mixed(tmp_path, rng):
    """Warm and cold images, 40 of each; three of each lie under the other class."""
    root, wrong = tmp_path / "mixed", set()
    for label, colour in (("cold", (40, 80, 200)), ("warm", (220, 120, 40))):
        for i in range(40):
            other = i in (3, 17, 29)
            split = "val" if i % 4 == 3 else "train"
            place = root / split / ({"cold": "warm", "warm": "cold"}[label] if other else label) / f"{label}{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(np.array(colour) + rng.normal(0, 30, (40, 40, 3)) + rng.normal(0, 15, 3), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(place)
            if other:
                wrong.add(place)
    return root, wrong


def test_exchanged_labels_are_found_with_the_class_they_had(mixed, engine):
    root, wrong = mixed
    found = engine.suspects(KEY, root)
    assert {one.path for one in found.suspects} == wrong
    for one in found.suspects:
        assert one.path.name.startswith(found.classes[one.suggested])
        assert one.path.parent.name == found.classes[one.given]
        assert one.path.parent.parent.name == one.split
        assert one.given_probability < 0.5 < one.suggested_probability
    margins = [one.margin for one in found.suspects]
    assert margins == sorted(margins)
    assert found.images == 80
    assert found.accuracy == pytest.approx(74 / 80)
    assert np.array(found.joint).sum() <= 80
    assert found.probabilities.shape == (80, 2)
    with pytest.raises(ValueError, match="read-only"):
        found.probabilities[...] = 0


def test_the_same_is_answered_once_and_another_seed_draws_other_folds(mixed, engine):
    root, _ = mixed
    told = []
    one = engine.suspects(KEY, root, progress=lambda *news: told.append(news))
    assert {stage for stage, *_ in told} == {FEATURES, FITTING}
    assert told[-1][1] == told[-1][2]
    told.clear()
    again = engine.suspects(KEY, root, progress=lambda *news: told.append(news))
    assert told == []
    assert again.probabilities is one.probabilities
    other = engine.suspects(KEY, root, seed=1)
    assert not np.array_equal(other.folds, one.folds)


def test_images_that_show_the_same_are_in_one_fold(mixed, engine):
    root, _ = mixed
    first = sorted((root / "train" / "cold").glob("cold*.png"))[:3]
    copies = [shutil.copy(path, path.parent.parent / "warm" / f"again{i}.png") for i, path in enumerate(first)]
    groups = audit(folder.read(root)).groups
    assert {frozenset(group) for group in groups} >= {frozenset(both) for both in zip(first, copies, strict=True)}
    found = engine.suspects(KEY, root, groups)
    fold = dict(zip(found.paths, found.folds.tolist(), strict=True))
    for group in groups:
        assert len({fold[path] for path in group}) == 1


def test_a_class_of_a_single_image_is_said_and_suspected_of_nothing(mixed, engine):
    root, wrong = mixed
    (root / "train" / "grey").mkdir()
    Image.new("RGB", (40, 40), (90, 90, 90)).save(root / "train" / "grey" / "one.png")
    found = engine.suspects(KEY, root)
    assert [path.name for path in found.single] == ["one.png"]
    assert wrong <= {one.path for one in found.suspects}
    assert "one.png" not in {one.path.name for one in found.suspects}


def test_images_of_one_class_alone_are_refused(tmp_path, engine):
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("RGB", (40, 40), (9 * i, 9, 9)).save(tmp_path / name / f"{i}.png")
    for path in (tmp_path / "b").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(RequestError, match="of one class"):
        engine.suspects(KEY, tmp_path)


@pytest.mark.parametrize("seed", [0, 1])
def test_of_five_percent_flipped_cats_and_dogs_the_first_fifty_are_right_by_four_fifths(shared, tmp_path, seed):
    """By links in a folder of its own, the labels of the links exchanged; 1,000 of the photos."""
    rng = np.random.default_rng(seed)
    paths = sorted((shared / "cats_dogs").glob("*/*/*.jpg"))
    chosen = [paths[i] for i in rng.permutation(len(paths))[:1000]]
    flipped = set(rng.choice(1000, 50, replace=False).tolist())
    for i, path in enumerate(chosen):
        names = ["cats", "dogs"]
        label = names[1 - names.index(path.parent.name)] if i in flipped else path.parent.name
        place = tmp_path / label / f"{i}.jpg"
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(path)
    engine = Engine(device="cpu", weights=shared / "weights")
    found = engine.suspects("bundled/cats_dogs", tmp_path)
    first = found.suspects[:50]
    right = sum(int(one.path.stem) in flipped for one in first)
    assert right / len(first) >= 0.8
    assert right >= 25  # of the 50; the others look as their exchanged class to this network, or as neither
