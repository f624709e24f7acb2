"""ONNX files read as data: protobuf by the onnx package, every operator by a list, as steps that torch has."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping

from cnnviz.models import labels
from cnnviz.models.foreign.graph import ForeignError, Program, Value, printable
from cnnviz.models.foreign.held import File
from cnnviz.models.foreign.onnx import adaptive, ends, layers, names, numbers, proto, reshape, shaping, sizes
from cnnviz.models.foreign.onnx.assemble import Assembly
from cnnviz.models.foreign.onnx.proto import Graph
from cnnviz.models.foreign.onnx.rules import read as follow
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Fixed

READ = (adaptive, layers, numbers, reshape, shaping, sizes)  # the modules whose rules are known from here on
LONGEST = 10_000_000  # characters of a note
LARGEST = 4096  # pixels of a side
NUMBERED = re.compile(r"(\d+): '([^'\\]+)'")
BATCHES = (1, 2, 3, 4, 8, 16, 32)  # of the example, where the file leaves it open and has numbers for one all the same
SIDES = (224, 256, 299, 384, 512, 128, 96, 64, 32, 28)  # of the input, where the file leaves it open


def read(file: File) -> Program:
    """The network of an ONNX file as a program.

    Raises `ForeignError` with one sentence for anything that cannot be read as a network for images.
    """
    graph = proto.parse(file)
    return _program(graph, _followed(graph, file.name), file.name)


def _followed(graph: Graph, name: str) -> Trace:
    """The trace of a graph, at the file's size and at the most different one at which it runs, too."""
    if len(graph.inputs) != 1:
        raise ForeignError(f"{name} takes {len(graph.inputs)} inputs; export a network of one batch of images.")
    ((_, shape),) = graph.inputs.items()
    if len(shape) != 4 or shape[1] not in (1, 3):
        said = " x ".join("?" if side is None else str(side) for side in shape) or "an unknown shape"
        raise ForeignError(f"{name} takes {said}; export a network of images with 1 or 3 channels, N x C x H x W.")
    if max(side or 0 for side in shape) > LARGEST:
        raise ForeignError(f"{name} takes images of {shape[2]} x {shape[3]} pixels; export it for smaller ones.")
    refusal = None
    batches = (shape[0],) if shape[0] else BATCHES
    for batch, side in itertools.product(batches, SIDES if None in shape[2:] else SIDES[:1]):
        try:
            return _traced(graph, (batch, shape[1], shape[2] or side, shape[3] or side))
        except ForeignError as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def _traced(graph: Graph, first: tuple[int, int, int, int]) -> Trace:
    """The trace for an input of that size."""
    for second in (*_others(*first), None):
        trace = Trace(graph, first, second)
        try:
            for node in graph.nodes:
                follow(trace, node)
            if trace.still or not adaptive.doubted(trace):
                return trace
        except Fixed:
            continue
    raise AssertionError


def _others(n: int, c: int, h: int, w: int) -> Iterator[tuple[int, int, int, int]]:
    """Other batches, the most different first: sides that stay odd as they are halved, sides like these, the same."""
    odd = (h // 32 + 1) * 32 + 1, (w // 32 + 2) * 32 + 1
    yield n + 2, c, *odd
    yield n + 2, c, h + 64, w + 96
    yield n + 2, c, h, w


def _program(graph: Graph, trace: Trace, name: str) -> Program:
    said: dict[str, str] = {}
    output = ends.logits(trace, name)
    image = ends.pixels(trace, said)
    assembly = Assembly(trace, image, output, ends.wrapped(trace))
    steps = assembly.steps()
    if any(None in shape[2:] for shape in graph.inputs.values()):
        said["sides"] = "free"  # the size is one of `SIDES`
    if kind := names.root(graph.nodes):
        said["class"] = kind
    if graph.producer:
        said["written by"] = printable(graph.producer)[1:-1]
    if isinstance(preprocess := ends.card(graph.notes).get("preprocess"), dict):
        said["preprocess"] = json.dumps(preprocess)
    if assembly.folded:
        said["batch norm"] = "folded into the convolutions by the exporter"
    shape = trace.input.shape
    alone = adaptive.doubted(trace)
    return Program(
        image.name, shape, steps, assembly.tensors, Value(output.name), _labels(graph.notes), said, alone=alone
    )


def _labels(notes: Mapping[str, str]) -> tuple[str, ...]:
    """Class names among the file's notes, as JSON or as Python prints a dict of numbers and words."""
    found: dict[str, object] = dict(ends.card(notes))
    for key, text in notes.items():
        if len(text) > LONGEST:
            continue
        try:
            found["labels" if key == "names" else key] = json.loads(text)
        except (ValueError, RecursionError):
            if pairs := NUMBERED.findall(text):
                found["labels" if key == "names" else key] = dict(pairs)
    return labels.named(found)
