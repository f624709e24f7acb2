"""Corrected copies: the fixes are made, the rest is the same by the one reader, and the data set is not touched."""

from __future__ import annotations

import os
import unicodedata

import pytest
from PIL import Image

from cnnviz.data import corrected, staging
from cnnviz.data.corrected import apply
from cnnviz.data.fixes import KEEP, MOVE, REMOVE, Fix, FixesError
from cnnviz.data.folder import survey


def state(root):
    """Everything of a folder that may change: names, sizes, times, links, contents."""
    found = {}
    for path in sorted(root.rglob("*")):
        about = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[path.relative_to(root)] = (about.st_mode, about.st_size, about.st_mtime_ns, about.st_nlink, content)
    return found


def images(root, *names):
    for i, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (i % 256, i // 256, 77)).save(path)
    return root


def rows(root, labels=""):
    """(split, class, path, content) of every image as the one reader has it."""
    data = survey(root, labels)
    return {
        (name, data.classes[label], path.relative_to(data.root).as_posix(), path.read_bytes())
        for name, part in data.splits().items()
        for path, label in zip(part.paths, part.labels, strict=True)
    }


LAYOUTS = {
    "splits": ["train/a/1.png", "train/a/2.png", "train/b/1.png", "train/b/3.png", "val/a/4.png", "val/b/5.png"],
    "classes": ["a/1.png", "a/2.png", "b/1.png", "b/3.png"],
    "wrapped, in other letters": [
        "x/data/Train/A/1.png", "x/data/Train/A/2.png", "x/data/Train/b/1.png", "x/data/Valid/a/4.png",
        "x/data/Valid/B/5.png",
    ],
    "folders in classes": ["a/one/1.png", "a/two/1.png", "a/2.png", "b/one/1.png", "b/3.png"],
    "split in a split": ["seg_train/seg_train/a/1.png", "seg_train/seg_train/b/1.png", "seg_test/seg_test/a/2.png"],
    "classes beside val": ["a/1.png", "a/2.png", "b/1.png", "b/2.png", "val/a/4.png", "val/b/5.png"],
    "a class called train": ["train/1.png", "train/2.png", "bus/1.png", "bus/2.png"],
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("link", [False, True])
def test_a_copy_without_fixes_reads_as_the_data_set(tmp_path, layout, link):
    root, out = images(tmp_path / "data", *LAYOUTS[layout]), tmp_path / "out"
    before, was = state(root), rows(root)
    done = apply((), root, out, link=link)
    assert rows(out) == was
    assert (done.moved, done.removed, done.kept) == (0, 0, len(was))
    if not link:
        assert state(root) == before
    assert survey(out).left_out == ()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_image_may_be_moved_or_removed_and_the_rest_stays_the_same(tmp_path, layout):
    root = images(tmp_path / "data", *LAYOUTS[layout])
    was, before, data = rows(root), state(root), survey(root)
    for i, (split, label, path, content) in enumerate(sorted(was)):
        if sum(one[:2] == ("train", label) for one in was) < 2 and split == "train":
            continue  # the last of its class
        other = next(name for name in data.classes if name != label)
        out = tmp_path / f"moved{i}"
        done = apply([Fix(path, MOVE, label, other)], root, out)
        assert str(done) == f"1 moved to another class, 0 removed, {len(was) - 1} as they were"
        now = rows(out)
        assert now - was == {one for one in now if one[3] == content}
        ((where, named, _, _),) = now - was
        assert (where, named) == (split, other)
        assert was - now == {(split, label, path, content)}
        gone = rows(apply([Fix(path, REMOVE, label)], root, tmp_path / f"removed{i}").folder)
        short = {(one[0], one[1], one[3]) for one in was - {(split, label, path, content)}}
        assert {(one[0], one[1], one[3]) for one in gone} == short  # an emptied split wraps nothing any more
    assert state(root) == before


def test_an_image_that_moves_to_where_its_name_is_taken_gets_another(tmp_path):
    root = images(tmp_path / "data", "a/1.png", "a/2.png", "b/1.png", "b/1-2.PNG", "b/3.png")
    apply([Fix("a/1.png", MOVE, "a", "b")], root, tmp_path / "out")
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.[pP]*"))
    assert names == ["a/2.png", "b/1-2.PNG", "b/1-3.png", "b/1.png", "b/3.png"]
    assert (tmp_path / "out" / "b" / "1-3.png").read_bytes() == (root / "a" / "1.png").read_bytes()
    both = [Fix("a/1.png", MOVE, "a", "b"), Fix("b/1.png", MOVE, "b", "a")]
    apply(both, root, tmp_path / "swapped")
    assert (tmp_path / "swapped" / "a" / "1.png").read_bytes() == (root / "b" / "1.png").read_bytes()
    assert (tmp_path / "swapped" / "b" / "1.png").read_bytes() == (root / "a" / "1.png").read_bytes()


def test_a_class_that_a_split_had_no_image_of_gets_its_folder_there(tmp_path):
    root = images(tmp_path / "data", "train/Cat/1.png", "train/Cat/2.png", "train/dog/1.png", "val/dog/7.png")
    apply([Fix("val/dog/7.png", MOVE, "dog", "Cat")], root, tmp_path / "out")
    assert (tmp_path / "out" / "val" / "Cat" / "7.png").is_file()


@pytest.mark.parametrize("labels", ["labels.csv", "names"])
def test_classes_that_no_folder_says_are_folders_in_the_copy(tmp_path, labels):
    root = images(tmp_path / "data", *(f"{kind}.{i}.png" for kind in ("cat", "dog") for i in range(4)))
    if labels != "names":
        splits = ["train", "train", "train", "val"]
        lines = [f"{kind}.{i}.png,{kind},{splits[i]}" for kind in ("cat", "dog") for i in range(4)]
        (root / "labels.csv").write_text("\n".join(["file,label,split", *lines]))
    was, before = rows(root, labels), state(root)
    done = apply(
        [Fix("cat.1.png", MOVE, "cat", "dog"), Fix("dog.0.png", REMOVE, "dog")], root, tmp_path / "out", labels
    )
    assert (done.moved, done.removed, done.kept) == (1, 1, 6)
    wanted = {(split, "dog" if path == "cat.1.png" else label, path) for split, label, path, _ in was}
    wanted = {one for one in wanted if one[2] != "dog.0.png"}
    assert {(split, label, path.rpartition("/")[2]) for split, label, path, _ in rows(tmp_path / "out")} == wanted
    assert state(root) == before


def test_a_class_of_a_list_that_cannot_be_a_folder_is_refused_and_leads_nowhere(tmp_path):
    root = images(tmp_path / "data", "1.png", "2.png", "3.png")
    for name in ("../evil", ".hidden", "a/b"):
        (root / "labels.csv").write_text(f"file,label\n1.png,{name}\n2.png,fine\n3.png,fine\n")
        with pytest.raises(FixesError, match="cannot be a folder"):
            apply((), root, tmp_path / "out", "labels.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


@pytest.fixture
def pets(tmp_path):
    return images(tmp_path / "data", *LAYOUTS["splits"])


@pytest.mark.parametrize(
    ("fix", "why"),
    [
        (Fix("../data/train/a/1.png", REMOVE, ""), "leads out of the data set"),
        (Fix("/etc/passwd", REMOVE, ""), "leads out of the data set"),
        (Fix("C:\\photos\\1.png", REMOVE, ""), "leads out of the data set"),
        (Fix("train/a/../../../data/train/a/1.png", MOVE, "", "b"), "leads out of the data set"),
        (Fix("train/a/99.png", REMOVE, "a"), "There is no image train/a/99.png in data"),
        (Fix("train/a", REMOVE, "a"), "There is no image train/a in data"),
        (Fix("train/a/1.png", MOVE, "a", "c"), "cannot move to c, which is no class (a, b)"),
        (Fix("train/a/1.png", MOVE, "a", "../b"), "which is no class"),
        (Fix("train/a/1.png", REMOVE, "b"), "is of class a, in the list of b"),
    ],
)
def test_a_fix_that_does_not_fit_is_refused_in_one_sentence_before_anything_is_written(pets, tmp_path, fix, why):
    before = state(pets)
    with pytest.raises(FixesError) as error:
        apply([fix], pets, tmp_path / "out")
    assert why in str(error.value)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert state(pets) == before


def test_no_class_loses_its_last_training_image(pets, tmp_path):
    fixes = [Fix("train/a/1.png", REMOVE, "a"), Fix("train/a/2.png", MOVE, "a", "b")]
    with pytest.raises(FixesError, match="No training image of a would be left"):
        apply(fixes, pets, tmp_path / "out")
    fixes.append(Fix("train/b/1.png", MOVE, "b", "a"))
    assert apply(fixes, pets, tmp_path / "out").moved == 2


@pytest.mark.parametrize("place", ["data/out", "data", "data/train/new/out", "there", "file", "dangling"])
def test_the_copy_never_lies_in_the_data_set_or_on_something(pets, tmp_path, place):
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = state(tmp_path)
    with pytest.raises(FixesError, match=r"lies in the data set|already"):
        apply((), pets, tmp_path / place)
    assert state(tmp_path) == before


def test_a_link_that_leads_into_the_data_set_is_no_way_around(pets, tmp_path):
    (tmp_path / "beside").symlink_to(pets / "train")
    with pytest.raises(FixesError, match="lies in the data set"):
        apply((), pets, tmp_path / "beside" / "out")


def test_names_as_other_programs_write_them_are_found(tmp_path):
    name = unicodedata.normalize("NFD", "Äpfel")
    root = images(tmp_path / "data", f"{name}/é 1.png", f"{name}/2.png", "b/1.png")
    fixes = [Fix(f".\\{unicodedata.normalize('NFC', name)}\\é 1.png", MOVE, unicodedata.normalize("NFC", name), "b")]
    assert apply(fixes, root, tmp_path / "out").moved == 1
    odd = os.fsdecode(b"caf\xe9.png")
    try:
        images(root, f"b/{odd}")
    except OSError:
        pytest.skip("this disk takes no such name")
    done = apply([Fix("b/caf\\xe9.png", REMOVE, "b"), Fix("b/1.png", KEEP, "b")], root, tmp_path / "again")
    assert (done.removed, done.kept) == (1, 3)


def test_links_in_the_data_set_become_files_and_hard_links_take_no_room(pets, tmp_path):
    (pets / "train" / "b" / "far.png").symlink_to(images(tmp_path / "else", "far.png") / "far.png")
    apply((), pets, tmp_path / "copied")
    apply((), pets, tmp_path / "linked", link=True)
    for out in ("copied", "linked"):
        assert not (tmp_path / out / "train" / "b" / "far.png").is_symlink()
    assert (tmp_path / "copied" / "train" / "a" / "1.png").stat().st_nlink == 1
    assert (tmp_path / "linked" / "train" / "a" / "1.png").samefile(pets / "train" / "a" / "1.png")


def test_a_copy_that_is_stopped_or_fails_leaves_nothing(pets, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply((), pets, tmp_path / "out", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    real = corrected.shutil.copy2

    def full(path, place):
        if path.name == "5.png":
            raise OSError(28, "No space left on device")
        return real(path, place)

    monkeypatch.setattr(corrected.shutil, "copy2", full)
    with pytest.raises(FixesError, match="No space left"):
        apply((), pets, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_copy_says_what_it_is_and_may_be_deleted_by_the_page(pets, tmp_path):
    apply([Fix("train/a/1.png", MOVE, "a", "b")], pets, tmp_path / "out")
    origin = staging.origin(tmp_path / "out")
    assert origin.made == "corrected"
    assert origin.notes == ("Corrected copy of data: 1 moved to another class, 0 removed, 5 as they were.",)


def test_random_fixes_of_random_sets_are_what_a_plain_loop_makes_of_them(tmp_path, rng):
    for turn in range(12):
        classes = [f"k{i}" for i in range(int(rng.integers(2, 5)))]
        splits = ["train/", "val/", "test/"][: int(rng.integers(1, 4))] if rng.random() < 0.7 else [""]
        names = [f"{s}{c}/{i}.png" for s in splits for c in classes for i in range(int(rng.integers(3, 6)))]
        root = images(tmp_path / f"data{turn}", *names)
        fixes, wanted = [], {}
        for split, label, path, content in rows(root):
            action = str(rng.choice([MOVE, REMOVE, KEEP, ""], p=[0.2, 0.2, 0.2, 0.4]))
            to = str(rng.choice(classes)) if action == MOVE else ""
            if action:
                fixes.append(Fix(path, action, label, to))
            if action != REMOVE:
                wanted[content] = (split, to or label)
        left = {label for split, label in wanted.values() if split == "train"}
        if left != set(classes):
            with pytest.raises(FixesError, match="would be left"):
                apply(fixes, root, tmp_path / f"out{turn}")
            continue
        apply(fixes, root, tmp_path / f"out{turn}")
        assert {one[3]: one[:2] for one in rows(tmp_path / f"out{turn}")} == wanted
