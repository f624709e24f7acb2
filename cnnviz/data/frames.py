"""Frames of a camera: collected class by class in memory, and written as a data set where that is asked for.

Frames that follow each other closely are nearly the same image. Those of one burst, which is one hold of the button, go
to training or to validation together: otherwise validation would measure how well the training images are remembered.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cnnviz import image_file, picture
from cnnviz.data import folder as folders
from cnnviz.data import names
from cnnviz.data.staging import arriving
from cnnviz.options import RequestError
from cnnviz.photo import Photo

SIDE = 256  # px of a frame, both ways
SMALL = 64  # px of what is shown of one
LARGEST = 1 << 20  # bytes of a frame as it arrives
ROOM = 128 << 20  # bytes of the frames of one collection
ALL = 512 << 20  # bytes of the frames of all collections of this process
CLASSES = 50
FEWEST = 5  # frames of a class that is saved
PAUSE = 1.0  # seconds without a frame after which another burst begins
SHARE = 0.2  # of each class's frames for validation
QUALITY = 95  # of the JPEGs


class FramesError(RequestError):
    """A frame or class cannot be taken, or frames not be saved; the message says what to do."""


@dataclass(frozen=True)
class Frame:
    """One image: a JPEG of SIDE x SIDE, the digest of its pixels, a small JPEG of it, and the burst it belongs to."""

    ident: int
    burst: int
    digest: str = field(repr=False)
    jpeg: bytes = field(repr=False)
    small: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.jpeg) + len(self.small)


@dataclass
class Collected:
    """One class: its name, its frames in order, when the last one came (seconds), and the number of its burst."""

    ident: int
    name: str
    frames: list[Frame] = field(default_factory=list)
    last: float = field(default=float("-inf"), compare=False)
    burst: int = field(default=0, compare=False)


@dataclass
class Frames:
    """The classes that one visit collects, two empty ones at first; bounded in bytes."""

    classes: dict[int, Collected] = field(default_factory=lambda: {i: Collected(i, f"Class {i}") for i in (1, 2)})
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(3), compare=False, repr=False)

    def __post_init__(self) -> None:
        with _lock:
            _all[:] = [ref for ref in _all if ref() is not None] + [weakref.ref(self)]

    @property
    def size(self) -> int:
        """Bytes of all frames."""
        return sum(frame.size for one in list(self.classes.values()) for frame in list(one.frames))

    @property
    def full(self) -> bool:
        """Whether there is no room for another frame."""
        with _lock:
            return self.size >= ROOM or sum(other.size for ref in _all if (other := ref())) >= ALL

    def __bool__(self) -> bool:
        return any(one.frames for one in self.classes.values())

    def add(self) -> None:
        """Another class, empty. Raises `FramesError` where there are too many."""
        if len(self.classes) >= CLASSES:
            raise FramesError(f"{CLASSES} classes are collected at most; delete one first.")
        ident, taken = next(self._ids), {one.name.casefold() for one in self.classes.values()}
        usual = map("Class {}".format, itertools.count(len(self.classes) + 1))
        name = next(name for name in usual if name.casefold() not in taken)
        self.classes[ident] = Collected(ident, name)

    def rename(self, ident: int, typed: str) -> None:
        """Another name for a class. Raises `RequestError` for one that is taken or unfit."""
        one, name = self._class(ident), names.of_class(typed)
        if any(other is not one and other.name.casefold() == name.casefold() for other in self.classes.values()):
            raise FramesError(f"There is already a class {name}; choose another name.")
        one.name = name

    def drop(self, ident: int) -> None:
        """One class less, with its frames."""
        del self.classes[self._class(ident).ident]

    def remove(self, ident: int, frame: int) -> None:
        """One frame less."""
        one = self._class(ident)
        one.frames = [kept for kept in one.frames if kept.ident != frame]

    def take(self, ident: int, at: float, data: bytes) -> None:
        """One frame more, taken `at` so many seconds; one that shows what the last one did is not kept.

        Raises `RequestError` for bytes that are no image of SIDE x SIDE, and where there is no room.
        """
        one = self._class(ident)
        if self.full:
            raise FramesError(f"{ROOM >> 20} MiB of frames are kept at most; save them, or delete some.")
        frame = _read(data)
        if one.frames and one.frames[-1].digest == frame.digest:
            return
        if abs(at - one.last) > PAUSE:
            one.burst += 1
        one.last = at
        jpeg = picture.encode(frame.pixels, "jpeg", QUALITY)
        small = picture.encode(picture.resize(frame.pixels, SMALL, SMALL), "jpeg", 80)
        one.frames.append(Frame(next(self._ids), one.burst, frame.digest, jpeg, small))

    def lacking(self) -> str:
        """What has to be collected before this is a data set, in a sentence; "" once it is one."""
        begun = [one for one in self.classes.values() if one.frames]
        few = [one for one in begun if len(one.frames) < FEWEST]
        if len(begun) < 2:
            return f"Collect at least {FEWEST} frames in each of two classes."
        return f"{few[0].name} has {len(few[0].frames)} frames; collect at least {FEWEST}." if few else ""

    def _class(self, ident: int) -> Collected:
        if ident not in self.classes:
            raise FramesError("This class is gone; choose another.")
        return self.classes[ident]


_all: list[weakref.ref[Frames]] = []
_lock = threading.Lock()


def _read(data: bytes) -> Photo:
    """The image in a frame's bytes. Raises `RequestError`."""
    if len(data) > LARGEST:
        raise FramesError(f"A frame has more than {LARGEST >> 20} MiB; it is refused.")
    if (size := image_file.size_of(data, "A frame")) != (SIDE, SIDE):
        raise FramesError(f"A frame is {size[0]:,} x {size[1]:,} pixels and not {SIDE} x {SIDE}; it is refused.")
    return Photo.open(data, name="A frame")


def divided(frames: Sequence[Frame], share: float = SHARE) -> tuple[list[Frame], list[Frame]]:
    """Frames for training and for validation, about a `share`, whole bursts: the last ones that fit, else the shortest.

    Of a single burst, the frames at its end become the validation images.
    """
    bursts = [list(some) for _, some in itertools.groupby(frames, lambda frame: frame.burst)]
    wanted = share * len(frames)
    if len(bursts) == 1:
        cut = len(frames) - max(1, round(wanted))
        return list(frames[:cut]), list(frames[cut:])
    chosen: set[int] = set()
    for place in reversed(range(len(bursts))):
        if sum(len(bursts[i]) for i in (*chosen, place)) <= wanted:
            chosen.add(place)
    chosen = chosen or {min(range(len(bursts)), key=lambda i: (len(bursts[i]), -i))}
    train = [frame for i, burst in enumerate(bursts) if i not in chosen for frame in burst]
    return train, [frame for i, burst in enumerate(bursts) if i in chosen for frame in burst]


@dataclass(frozen=True)
class Share:
    """How the frames of one class are divided: for training and validation, and in how many bursts they came."""

    name: str
    train: tuple[Frame, ...] = field(repr=False)
    val: tuple[Frame, ...] = field(repr=False)
    bursts: int


def shares(frames: Frames) -> tuple[Share, ...]:
    """How the frames of each class that has some are divided."""
    found = []
    for one in list(frames.classes.values()):
        if len(one.frames) > 1:
            train, val = divided(one.frames)
            found.append(Share(one.name, tuple(train), tuple(val), len({frame.burst for frame in one.frames})))
    return tuple(found)


def told(several: Sequence[Share]) -> list[str]:
    """How frames are divided, in sentences."""
    train, val = sum(len(one.train) for one in several), sum(len(one.val) for one in several)
    words = [
        f"Camera: {train + val:,} images in {len(several)} classes, {train:,} for training and {val:,} for validation, "
        "divided by bursts."
    ]
    if single := [one.name for one in several if one.bursts == 1]:
        words.append(
            f"One burst only: {', '.join(single)}. Its last frames are for validation, and nearly the same as those "
            "before them; collect another burst for an accuracy that can be believed."
        )
    return words


def write(folder: Path | str, frames: Frames) -> Path:
    """The folder with train/<class>/ and val/<class>/ as JPEG; it appears whole or not at all.

    Its mark says how the frames were divided. Raises `FramesError`.
    """
    if lacking := frames.lacking():
        raise FramesError(lacking)
    folder, several = Path(folder), shares(frames)
    try:
        with arriving(folder, FramesError, "camera", told(several)) as draft:
            for one in several:
                for split, some in (("train", one.train), ("val", one.val)):
                    place = draft / split / one.name
                    place.mkdir(parents=True)
                    for frame in some:
                        (place / f"burst{frame.burst:03d}-{frame.ident:06d}.jpg").write_bytes(frame.jpeg)
            if set(folders.read(draft).classes) != {one.name for one in several}:
                raise FramesError("These classes cannot be told apart by their names; rename them.")
    except OSError as error:
        raise FramesError(f"The frames could not be written ({error.strerror or error}); free some space.") from None
    return folder
