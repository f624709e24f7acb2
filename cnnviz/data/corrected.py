"""A corrected copy of a data set, by a list of fixes; the data set itself is never written to."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cnnviz.data.fixes import MOVE, REMOVE, Fix, FixesError, path_in
from cnnviz.data.folder import DataSet, survey
from cnnviz.data.left_out import hidden
from cnnviz.data.staging import arriving
from cnnviz.printable import printable


@dataclass(frozen=True)
class Corrected:
    """A copy: its folder, and how many images of it were moved to another class, left out, or are as they were."""

    folder: Path
    moved: int
    removed: int
    kept: int

    def __str__(self) -> str:
        return f"{self.moved:,} moved to another class, {self.removed:,} removed, {self.kept:,} as they were"


@dataclass(frozen=True)
class _Image:
    path: Path
    split: str
    label: int


def apply(
    fixes: Iterable[Fix],
    root: Path | str,
    out: Path | str,
    labels: str = "",
    *,
    link: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Corrected:
    """The folder `out` with the images of the data set in `root`, moved and removed as the fixes say.

    All other images keep their places in the splits and classes; where `labels` says the classes (as for `folder.read`)
    they are folders in the copy. With `link`, files are hard links where the disk has them, so that they take no room.
    `out` is there whole or not at all. `progress` hears (files, in all), and may raise.

    Raises `FixesError`, before anything is written, for a fix that does not fit the data set, and where `out` is there
    already or lies in `root`.
    """
    root, out = Path(root), Path(out)
    data = survey(root, labels)
    _apart(root, out)
    images = [
        _Image(path, name, label)
        for name, part in data.splits().items()
        for path, label in zip(part.paths, part.labels, strict=True)
    ]
    wanted = _wanted(fixes, data, images)
    both = [(one, _Image(one.path, one.split, label)) for one in images if (label := _now(one, wanted)) is not None]
    kept, now = [old for old, _ in both], [new for _, new in both]
    moved = sum(one.label != new.label for one, new in zip(kept, now, strict=True))
    _refuse_empty(data, images, now)
    places = _places(data, kept, now)
    done = Corrected(out, moved, len(images) - len(kept), len(kept) - moved)
    with arriving(out, FixesError, "corrected", [f"Corrected copy of {printable(root.name)}: {done}."]) as draft:
        for count, (image, place) in enumerate(zip(now, places, strict=True), start=1):
            _copy(image.path, draft / place, link)
            if progress and (count % 50 == 0 or count == len(now)):
                progress(count, len(now))
        _check(draft, data, now, places)
    return done


def _now(image: _Image, wanted: Mapping[Path, int | None]) -> int | None:
    """The class of an image in the copy; None where it goes."""
    return wanted.get(image.path, image.label)


def _apart(root: Path, out: Path) -> None:
    """Raises `FixesError` where the copy would lie in the data set, or something lies there."""
    if os.path.lexists(out):
        raise FixesError(f"There is already {printable(out.name)}; choose another name for the copy.")
    if out.resolve().is_relative_to(root.resolve()):
        raise FixesError(
            f"{printable(out.name)} lies in the data set {printable(root.name)}; choose a folder beside it."
        )


def _wanted(fixes: Iterable[Fix], data: DataSet, images: Sequence[_Image]) -> dict[Path, int | None]:
    """The class that images move to, None for those that go. Raises `FixesError` for what does not fit the data set."""
    named: dict[str, list[_Image]] = {}
    for image in images:
        named.setdefault(path_in(data.root, image.path), []).append(image)
    plain: dict[str, list[_Image]] = {}
    for name, several in named.items():
        plain.setdefault(_plain(name), []).extend(several)
    found: dict[Path, int | None] = {}
    for fix in fixes:
        image = _found(fix.file, named.get(fix.file) or plain.get(_plain(fix.file)) or [], data)
        own = data.classes[image.label]
        if fix.label and _composed(fix.label) != _composed(own):
            raise FixesError(
                f"{printable(fix.file)} is of class {own}, in the list of {printable(fix.label)}; make the list anew."
            )
        if fix.action == REMOVE:
            found[image.path] = None
        elif fix.action == MOVE:
            found[image.path] = _class(fix, data.classes)
    return found


def _found(file: str, several: Sequence[_Image], data: DataSet) -> _Image:
    """The one image of that name. Raises `FixesError`."""
    name = printable(file)
    path = PurePosixPath(file.strip().replace("\\", "/"))
    if len(several) == 1:
        return several[0]
    if several:
        raise FixesError(f"Several images are called {name}; rename one of them.")
    if path.is_absolute() or ".." in path.parts or file.strip()[1:2] == ":":
        raise FixesError(f"{name} leads out of the data set; name files from the folder {printable(data.root.name)}.")
    raise FixesError(
        f"There is no image {name} in {printable(data.root.name)}; remove its line, or make the list anew."
    )


def _class(fix: Fix, classes: Sequence[str]) -> int:
    alike = [i for i, name in enumerate(classes) if _composed(name) == _composed(fix.to)]
    if len(alike) != 1:
        some = ", ".join((*classes[:8], *("…",) * (len(classes) > 8)))
        raise FixesError(f"{printable(fix.file)} cannot move to {printable(fix.to)}, which is no class ({some}).")
    return alike[0]


def _refuse_empty(data: DataSet, images: Sequence[_Image], now: Sequence[_Image]) -> None:
    """Raises `FixesError` where a class would lose its last training image: it would be none any more."""
    before, after = ({one.label for one in some if one.split == "train"} for some in (images, now))
    if gone := sorted(before - after):
        names = ", ".join(data.classes[label] for label in gone)
        raise FixesError(f"No training image of {names} would be left; keep one, or remove the class by hand.")


def _places(data: DataSet, before: Sequence[_Image], now: Sequence[_Image]) -> list[Path]:
    """Where each image goes in the copy: what stays in its class stays in its place."""
    homes = {(split, index): at.relative_to(data.root) for split, index, at in data.homes}
    divided = any(one.split != "train" for one in before)
    stays = [bool(homes) and old.label == new.label for old, new in zip(before, now, strict=True)]
    own = [one.path.relative_to(data.root) for one in before]
    taken = {_key(path) for path, stay in zip(own, stays, strict=True) if stay}
    places = []
    for path, stay, image in zip(own, stays, now, strict=True):
        if stay:
            places.append(path)
            continue
        home = _home(image, homes, data.classes) if homes else _folder(image, data.classes, divided)
        names = (f"{path.stem}{'' if n == 1 else f'-{n}'}{path.suffix}" for n in range(1, len(now) + 2))
        place = next(home / name for name in names if _key(home / name) not in taken)
        taken.add(_key(place))
        places.append(place)
    return places


def _home(image: _Image, homes: Mapping[tuple[str, int], Path], classes: Sequence[str]) -> Path:
    """The folder of an image's class in its split, called as in another split where this one has none yet."""
    if (image.split, image.label) in homes:
        return homes[image.split, image.label]
    called = next((at.name for (_, index), at in homes.items() if index == image.label), classes[image.label])
    return homes[image.split, -1] / called


def _folder(image: _Image, classes: Sequence[str], divided: bool) -> Path:
    """A folder for an image whose class no folder said. Raises `FixesError` for a class that cannot be one."""
    name = classes[image.label]
    if "/" in name or "\\" in name or hidden(name) or name != name.strip():
        raise FixesError(f"The class {name} cannot be a folder; correct it in the list of labels.")
    return Path(image.split, name) if divided else Path(name)


def _copy(path: Path, place: Path, link: bool) -> None:
    """A file in its new place. Raises `FixesError`."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if link:
            try:
                return os.link(path.resolve(), place)
            except OSError:  # another disk, or one without links
                pass
        shutil.copy2(path, place)
    except OSError as error:
        raise FixesError(f"{printable(path.name)} cannot be copied ({error.strerror}); nothing was made.") from None


def _check(draft: Path, data: DataSet, now: Sequence[_Image], places: Sequence[Path]) -> None:
    """Raises `FixesError` where the copy is not read as it was meant."""
    read = survey(draft)
    found = {
        (path.relative_to(draft), name, read.classes[label])
        for name, part in read.splits().items()
        for path, label in zip(part.paths, part.labels, strict=True)
    }
    meant = {(place, one.split, data.classes[one.label]) for one, place in zip(now, places, strict=True)}
    if found != meant:
        odd = sorted(str(place) for place, *_ in found ^ meant)[0]
        raise FixesError(f"The copy would be read otherwise than it is meant ({printable(odd)}); rename its folder.")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _plain(file: str) -> str:
    """A name as a spreadsheet or another system may write it."""
    return _composed(file.strip().replace("\\", "/").removeprefix("./"))


def _key(place: Path) -> str:
    """What two files must not have in common on any disk."""
    return _composed(str(place)).casefold()
