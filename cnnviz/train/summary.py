"""The layers of a plan's network as torchinfo prints them: their output, what they cost, and which of them learn."""

from __future__ import annotations

from dataclasses import dataclass

from cnnviz.inference import layers
from cnnviz.train import recipes
from cnnviz.train.plan import Plan

FLOAT = 4  # bytes


@dataclass(frozen=True)
class LayerRow:
    """One run of one layer: its output (C, H, W) or (N,), its weights, those that are trained, the bytes of output."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    trainable: int
    mult_adds: int
    memory: int

    @property
    def learns(self) -> str:
        """Yes, no, in part, or nothing where there is nothing to learn."""
        if not self.parameters:
            return ""
        return "yes" if self.trainable == self.parameters else "in part" if self.trainable else "no"


@dataclass(frozen=True)
class Summary:
    """All rows in the order they run, for an input (C, H, W), and their sums; bytes are those of one image."""

    input: tuple[int, int, int]
    rows: tuple[LayerRow, ...]
    parameters: int
    trainable: int
    mult_adds: int
    input_bytes: int
    pass_bytes: int  # what layers with weights put out, there and back
    weight_bytes: int


def summary(plan: Plan, classes: int) -> Summary:
    """The layers of a plan's network for so many classes; nothing is computed and nothing downloaded for it.

    Counted as torchinfo counts. Raises `RequestError` where the plan makes no network.
    """
    recipe = recipes.blueprint(plan, classes)
    size = recipe.preprocess.size
    table = layers.table(recipe.net, size)
    rows, passed, seen = [], 0, set()
    for layer in table.layers:
        part = recipe.net.get_submodule(layer.name)
        learned = sum(p.numel() for p in part.parameters(recurse=False) if p.requires_grad)
        out = FLOAT
        for side in layer.shape:
            out *= side
        if any(True for _ in part.parameters()) and not any(True for _ in part.children()):
            passed += 2 * out
        trainable = 0 if layer.name in seen else learned
        seen.add(layer.name)
        rows.append(LayerRow(layer.name, layer.kind, layer.shape, layer.parameters, trainable, layer.mult_adds, out))
    channels, height, width = size
    return Summary(
        size,
        tuple(rows),
        table.total_parameters,
        recipe.trainable,
        table.total_mult_adds,
        FLOAT * channels * height * width,
        passed,
        FLOAT * table.total_parameters,
    )
