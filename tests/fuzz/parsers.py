"""What reads what strangers send, with sound input for each of them."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from cnnviz import image_file
from cnnviz.data import archive, folder, label_lists
from cnnviz.data.frames import Frames
from cnnviz.models import catalog, checkpoint
from cnnviz.models.load import load
from cnnviz.options import RequestError
from cnnviz.photo import Photo, parsed_crop
from cnnviz.printable import printable
from cnnviz.signal.examples import EXAMPLES
from cnnviz.signal.gabor import Gabor
from cnnviz.train import plan, remembered, run
from cnnviz.ui.components import camera, convlab, gaborlab
from cnnviz.ui.components.camcanvas import look
from cnnviz.ui.components.convlab import field, link
from tests.fuzz.mutation import json_of, of_bytes, of_text, of_values


class Parser(NamedTuple):
    """One kind of input: what it is, and a function that reads the case of a generator in a folder of its own.

    What is no good ends in a `RequestError`, or in None where nothing is to be told.
    """

    words: str
    read: Callable[[Random, Path], object]


def _image(kind: str, side: int = 24, **how: Any) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).convert(how.pop("mode", "RGB")).save(data, kind, **how)
    return data.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "x"
    return exif


IMAGES = (
    _image("JPEG", exif=_exif()),
    _image("JPEG", progressive=True),
    _image("PNG"),
    _image("PNG", mode="P", transparency=3),
    _image("PNG", mode="I;16"),
    _image("GIF"),
    _image("WEBP"),
    _image("BMP"),
    _image("TIFF", compression="tiff_lzw"),
    _image("TIFF", mode="F"),
    _image("PPM"),
    *((_image("AVIF"),) if "AVIF" in image_file.FORMATS else ()),
    *((_image("JPEG2000"),) if "JPEG2000" in image_file.FORMATS else ()),
)


def photos(rng: Random, place: Path) -> object:
    """A photo as it is uploaded, and as a file of a data set."""
    data = of_bytes(rng.choice(IMAGES), rng)
    with contextlib.suppress(RequestError):
        image_file.size_of(data)
    image_file.picture(data, side=64)
    return Photo.open(data, name="x.jpg")


NAMES = ("a/1.png", "b/2.png", "train/a/1.png", "val/b/2.png", "train/b/3.png", "labels.csv", "notes.txt", "a/")
HOSTILE = (
    "../x.png",
    "/etc/x.png",
    "a/../../x.png",
    "C:/x.png",
    "a\\..\\x.png",
    "a/\x00.png",
    "a/" * 40 + "x.png",
    "é" * 300 + ".png",
)


def zips(rng: Random, place: Path) -> object:
    """An archive that is unpacked."""
    data = io.BytesIO()
    with zipfile.ZipFile(
        data, "w", rng.choice((*(zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) * 4, zipfile.ZIP_BZIP2))
    ) as out:
        for name in rng.sample(NAMES + HOSTILE if rng.random() < 0.3 else NAMES, k=rng.randrange(2, 8)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = rng.choice((*(0,) * 12, 0o120777 << 16, 0o100644 << 16, rng.randrange(2**32)))
            content = rng.choice((IMAGES[2], b"file,label\n1.png,a\n2.png,b\n", b"\0" * 100_000))
            with contextlib.suppress(Exception):  # a writer that refuses the name
                out.writestr(entry, content, zipfile.ZIP_DEFLATED if rng.random() < 0.3 else None)
    packed = of_bytes(data.getvalue(), rng) if rng.random() < 0.7 else data.getvalue()
    ways = (*archive.offers(io.BytesIO(packed)), *("",) * 8, "names", "labels.csv", "../x.csv")
    try:
        return archive.unpack(io.BytesIO(packed), place / "set", max_total=1 << 22, labels=rng.choice(ways))
    finally:
        left = [path for path in place.rglob("*") if path.is_symlink() or path.name.startswith(".arriving")]
        assert not left, f"left behind: {left}"


def _states() -> tuple[tuple[str, bytes], ...]:
    """Files of weights of a small network, by their ending."""
    torch.manual_seed(0)
    state = load("lecture/mnist_gap").net.state_dict()
    found = [(".safetensors", save({k: v.contiguous() for k, v in state.items()}, {"net": "lecture/mnist_gap"}))]
    for whole in (
        state,
        {"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3, "classes": ["a"] * 10},
    ):
        for zipped in (True, False):
            data = io.BytesIO()
            torch.save(whole, data, _use_new_zipfile_serialization=zipped)
            found.append((".pt", data.getvalue()))
    return tuple(found)


STATES = _states()
CARD = {
    "net": "lecture/mnist_gap",
    "labels": [str(i) for i in range(10)],
    "preprocess": {"resize": 28, "crop": 28, "mean": [0.5], "std": [0.5], "channels": 1},
}


def checkpoints(rng: Random, place: Path) -> object:
    """A file of weights, perhaps with its card, that is loaded as a network."""
    ending, data = rng.choice(STATES)
    (place / f"net{ending}").write_bytes(of_bytes(data, rng) if rng.random() < 0.8 else data)
    if rng.random() < 0.4:
        (place / "net.json").write_bytes(json_of(CARD, rng))
    catalog.rows(place, place)
    with contextlib.suppress(RequestError):
        checkpoint.contents(place / f"net{ending}")
    return load("file/net", place, place).title


def plans(rng: Random, place: Path) -> object:
    """A plan that is uploaded or lies in a file."""
    sound = json.loads(plan.Plan(data="x").json())
    (place / "plan.json").write_bytes(data := json_of(sound, rng))
    with contextlib.suppress(RequestError):
        plan.read(place / "plan.json")
    return plan.parse(data.decode("utf-8", "replace"))


EVENTS = (
    {"event": "start", "step": 0, "steps": 10, "parameters": 5, "trainable": 5, "device": "CPU", "time": 1.0},
    {"event": "step", "step": 1, "loss": 0.5, "rate": 0.1, "images_per_second": 9.0, "time": 2.0},
    {"event": "val", "step": 2, "loss": 0.5, "accuracy": 0.5, "time": 3.0},
    {"event": "saved", "step": 2, "file": "best", "time": 3.0},
    {"event": "resume", "step": 1, "time": 4.0},
    {"event": "end", "step": 3, "time": 5.0},
)
DATA = json.loads(
    remembered.Remembered(
        "/x",
        ("a", "b"),
        {"train": (remembered.Item("a/1.png", 0, 5, 7),), "val": (remembered.Item("b/2.png", 1, 5, 7),)},
    ).json()
)
VERDICT = {"val": {"accuracy": 0.5, "confusion": [[1, 0], [1, 0]], "classes": ["a", "b"], "images": []}}


def runs(rng: Random, place: Path) -> object:
    """The folder of a run, with one of its files changed."""
    one = place / "one"
    one.mkdir()
    which = rng.randrange(5)
    sound = json.loads(plan.Plan(data="x").json())
    (one / run.PLAN).write_bytes(json_of(sound, rng) if which == 0 else json.dumps(sound).encode())
    lines = [
        json_of(event, rng) if which == 1 and rng.random() < 0.5 else json.dumps(event).encode() for event in EVENTS
    ]
    (one / run.EVENTS).write_bytes(b"\n".join(lines))
    (one / remembered.DATA).write_bytes(json_of(DATA, rng) if which == 2 else json.dumps(DATA).encode())
    (one / "card.json").write_bytes(json_of(CARD, rng) if which == 3 else json.dumps(CARD).encode())
    (one / run.VERDICT).write_bytes(json_of(VERDICT, rng) if which == 4 else json.dumps(VERDICT).encode())
    (one / "best.safetensors").write_bytes(STATES[0][1])
    for folders in (run.folders, catalog.run_folders):
        folders(place)
    catalog.rows(place, place)
    found = run.verdict(one)
    assert found is None or isinstance(found, dict), "a verdict that is no dictionary"
    refused: list[RequestError] = []
    for ask in (
        lambda: run.read(one, outline=True),
        lambda: run.read(one).state,
        lambda: run.events_of(one),
        lambda: remembered.read(one),
        lambda: load("run/one@best", place, place).title,
    ):
        try:
            ask()
        except RequestError as error:
            refused.append(error)
    if refused:
        raise refused[0]
    return one


LOOK = look.to_link(look.Look(0.5, 0.2, strokes=(((0.1, 0.2, 0.1), (0.15, 0.2, 0.1)),)))
LABS = [link.to_link(convlab.begin(example)) for example in EXAMPLES]
KEYS = (
    "resnet18",
    "bundled/cats_dogs",
    "lecture/mnist_gap",
    "file/net",
    "run/one@best",
    "timm/resnet18@untrained",
    "upload/x",
    "live/x",
)


def links(rng: Random, place: Path) -> object:
    """What stands in the query of an address."""
    seen = look.from_link(of_text(LOOK, rng))
    look.to_link(seen)
    view = link.from_link(of_text(rng.choice(LABS), rng))
    if view is not None:
        assert link.from_link(link.to_link(view)) is not None, "a link of ours that cannot be read"
        link.layer_of(view)
    key = of_text(rng.choice(KEYS), rng)
    catalog.asked(key, place)
    printable(key)
    with contextlib.suppress(RequestError):
        parsed_crop(of_text(rng.choice(("0.25", "centre", "pad")), rng))
    return load(key, place, place).title if not key.startswith(("timm", "live")) and catalog.entry(key) is None else key


FRAME = base64.b64encode(_image("JPEG", 256)).decode()
ACTS = (
    {"do": "frame", "class": 1, "at": 0.5, "image": FRAME},
    {"do": "rename", "class": 1, "name": "cup"},
    {"do": "add"},
    {"do": "drop", "class": 2},
    {"do": "remove", "class": 1, "frame": 3},
)
STACK = [{"kind": "conv", "kernel": 3, "stride": 1, "padding": 1, "dilation": 1}]
GABOR = {
    "frequency": 0.1,
    "theta": 30.0,
    "sigma": 3.0,
    "gamma": 1.0,
    "phase": 0.0,
    "view": "response",
    "picture": 0,
    "stamp": "x",
}
SEEN = {
    "opacity": 0.5,
    "threshold": 0.1,
    "mode": "split",
    "colours": "inferno",
    "photo": "p",
    "strokes": [[[0.1, 0.2, 0.3]]],
}


def messages(rng: Random, place: Path) -> object:
    """What the browser's parts tell the page."""
    kind = rng.randrange(5)
    if kind == 0:
        frames, heard = Frames(), camera.Heard()
        sound = {"mount": "a", "number": 1, "acts": rng.choices(ACTS, k=rng.randrange(1, 5))}
        camera.take(frames, heard, of_values(sound, rng))
        return frames.lacking()
    if kind == 1:
        return look.to_link(look.read(of_values(SEEN, rng), "p"))
    if kind == 2:
        view = convlab.read(of_values(convlab.begin(EXAMPLES[0]), rng))
        return view and link.layer_of(view) and link.to_link(view)
    if kind == 3:
        field.read_shown(of_values({"at": [0.5, 0.5], "effective": True}, rng))
        return field.read(of_values(STACK, rng))
    found = gaborlab.read(of_values(GABOR, rng), 3)
    assert found is None or isinstance(found[0], Gabor)
    return found


CSV = (
    b"file,label,split\n1.png,cat,train\n2.png,dog,val\nsub/3.png,cat,test\n",
    b"image_id;class\n1;cat\n2;dog\n",
    "\ufefffile\tlabel\n1.png\tÄpfel\n2.png\tdog\n".encode("utf-16"),
)
FILES = (("1.png",), ("2.png",), ("sub", "3.png"), ("labels.csv",))


def labels(rng: Random, place: Path) -> object:
    """A CSV file of labels, by itself and in a data set."""
    data = of_bytes(rng.choice(CSV), rng)
    for parts in FILES[:3]:
        place.joinpath(*parts).parent.mkdir(exist_ok=True)
        place.joinpath(*parts).write_bytes(IMAGES[2])
    (place / "labels.csv").write_bytes(data)
    refused = None
    try:
        label_lists.by_rows("labels.csv", data, FILES)
    except RequestError as error:
        refused = error
    folder.survey(place, "labels.csv")
    if refused:
        raise refused
    return data


PARSERS = {
    "photos": Parser("photos", photos),
    "zips": Parser("zip archives", zips),
    "checkpoints": Parser(".pt and .safetensors with their cards", checkpoints),
    "plans": Parser("plans", plans),
    "runs": Parser("folders of runs", runs),
    "links": Parser("query strings", links),
    "messages": Parser("messages of the browser's parts", messages),
    "labels": Parser("CSV files of labels", labels),
}
