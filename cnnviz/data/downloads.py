"""Data sets that torchvision can download, turned into folders of images like any other."""

from __future__ import annotations

import contextlib
import http.client
import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cnnviz.data.staging import arriving
from cnnviz.options import RequestError

RAW = ".raw"  # what torchvision downloads, until the pictures are written


class CatalogError(RequestError):
    """A data set could not be had; the message says where to get it by hand."""


@dataclass(frozen=True)
class Download:
    """A data set that can be downloaded: name, title, torchvision's class, images in all, and megabytes to load."""

    name: str
    title: str
    source: str
    pictures: int
    megabytes: int
    splits: tuple[tuple[str, tuple[tuple[str, str | bool], ...]], ...]  # ours -> torchvision's arguments


def entry(name: str) -> Download:
    """The data set of that name. Raises `CatalogError` naming those there are."""
    for known in CATALOG:
        if known.name == name:
            return known
    raise CatalogError(f"There is no data set {name!r}; choose one of {', '.join(k.name for k in CATALOG)}.")


def fetch(
    name: str,
    folder: Path | str,
    *,
    per_class: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """The folder with train/<class>/ and val/<class>/ (the data set's own test split), whole or not at all.

    `per_class` takes that many images of each class and split. `progress` hears (images written, in all).
    Raises `CatalogError` where there is no network, with what to do by hand.
    """
    known, folder = entry(name), Path(folder)
    try:
        few = f"; at most {per_class:,} images of each class and split" if per_class else ""
        with arriving(folder, CatalogError, "download", [f"Downloaded: {known.title}{few}."]) as draft:
            _write(known, draft, per_class, progress)
            shutil.rmtree(draft / RAW, ignore_errors=True)
    except (OSError, http.client.HTTPException, RuntimeError) as error:
        reason = str(getattr(error, "reason", None) or error).splitlines()[0]
        raise CatalogError(
            f"{known.title} cannot be downloaded ({reason}); try again online, "
            "or upload the images as a zip with one folder per class."
        ) from None
    return folder


def _write(known: Download, draft: Path, per_class: int | None, progress: Callable[[int, int], None] | None) -> None:
    from torchvision import datasets

    done = 0
    for split, arguments in known.splits:
        with contextlib.redirect_stdout(io.StringIO()):  # some of them print
            source = getattr(datasets, known.source)(draft / RAW, download=True, **dict(arguments))
        names = [str(n) for n in getattr(source, "classes", range(10))]
        taken = dict.fromkeys(range(len(names)), 0)
        for index, (picture, label) in enumerate(_pairs(source)):
            done += 1
            if per_class is None or taken[label] < per_class:
                taken[label] += 1
                place = draft / split / _plain(names[label])
                place.mkdir(parents=True, exist_ok=True)
                if max(picture.size) > 64:
                    picture.convert("RGB").save(place / f"{index:05d}.jpg", quality=92)
                else:
                    picture.save(place / f"{index:05d}.png", compress_level=1)
            if progress and done % 500 == 0:
                progress(done, known.pictures)


def _pairs(source: Sequence[tuple[Image.Image, int]]) -> Iterator[tuple[Image.Image, int]]:
    for i in range(len(source)):
        picture, label = source[i]
        yield picture, int(label)


def _plain(name: str) -> str:
    """A class name that is safe as a folder: "0 - zero" becomes "0", "T-shirt/top" becomes "T-shirt_top"."""
    head, dash, _ = name.partition(" - ")
    return head if dash and head.isdecimal() else name.replace("/", "_")


_FLAGS = (("train", (("train", True),)), ("val", (("train", False),)))
CATALOG: tuple[Download, ...] = (
    Download("mnist", "MNIST", "MNIST", 70_000, 12, _FLAGS),
    Download("fashion_mnist", "Fashion-MNIST", "FashionMNIST", 70_000, 31, _FLAGS),
    Download("cifar10", "CIFAR-10", "CIFAR10", 60_000, 171, _FLAGS),
    Download(
        "svhn",
        "Street View House Numbers",
        "SVHN",
        99_289,
        246,
        (("train", (("split", "train"),)), ("val", (("split", "test"),))),
    ),
    Download(
        "oxford_pets",
        "Oxford-IIIT Pets",
        "OxfordIIITPet",
        7_349,
        811,
        (("train", (("split", "trainval"),)), ("val", (("split", "test"),))),
    ),
)
