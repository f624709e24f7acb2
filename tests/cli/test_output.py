"""Files that commands write: where they go, and what stands in their way."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from cnnviz.cli.output import knob_options
from cnnviz.data.augment import Augment
from cnnviz.data.counting import Counting
from cnnviz.feature_vis.recipes import Ascent
from cnnviz.options import Options, knobs
from cnnviz.train.plan import Plan

KINDS = (Ascent, Augment, Counting, Plan)


def parsed(kind: type[Options], arguments: list[str], defaults: bool = False) -> dict[str, Any]:
    """What a command that takes the knobs of `kind` is given for these arguments."""
    given: dict[str, Any] = {}

    @click.command()
    @knob_options(kind, defaults=defaults)
    def command(**values: Any) -> None:
        given.update(values)

    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return given


@pytest.mark.parametrize("kind", KINDS)
def test_every_knob_is_an_option_that_gives_its_own_type_back(kind: type[Options]):
    wanted, arguments = {}, []
    for k in knobs(kind):
        value = k.choices[-1] if k.choices else not k.default if k.kind is bool else k.kind(k.high or 1)
        flag = k.name.replace("_", "-")
        arguments += [f"--{flag}" if value else f"--no-{flag}"] if k.kind is bool else [f"--{flag}", str(value)]
        wanted[k.name] = value
    given = parsed(kind, arguments)
    assert given == wanted
    assert {name: type(value) for name, value in given.items()} == {name: type(v) for name, v in wanted.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_given_is_none_or_the_default(kind: type[Options]):
    assert parsed(kind, []) == {k.name: None for k in knobs(kind)}
    assert parsed(kind, [], defaults=True) == {k.name: k.default for k in knobs(kind)}


def test_the_help_shows_units_defaults_and_both_sides_of_a_switch():
    def text(kind: type[Options], **how: bool) -> str:
        command = click.command()(knob_options(kind, **how)(lambda **_: None))
        return " ".join(CliRunner().invoke(command, ["--help"], catch_exceptions=False).output.split())

    assert "Side of the square image, px. [default: 128]" in text(Counting, defaults=True)
    assert "--flip-down / --no-flip-down Vertical flip, half of the time." in text(Augment)
    assert "Each step shifts the image by up to this much, px." in text(Ascent)
    assert "Each step shifts the image by up to this much. " in text(Ascent, units=False)


KEY = "lecture/cats_gap"


def test_heat_maps_of_several_photos_go_to_a_folder(told, picture, tmp_path):
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / picture.name
    twin.write_bytes(picture.read_bytes())
    code, _, _ = told("heatmap", picture, twin, "--model", KEY, "--out", tmp_path / "maps", "--npy")
    assert code == 0
    made = {path.name for path in (tmp_path / "maps").iterdir()}
    assert made == {"blob.png", "blob.npy", "blob-2.png", "blob-2.npy"}


def test_a_file_in_the_way_of_a_folder_is_told_before_anything_is_computed(refused, picture, tmp_path):
    (tmp_path / "file").write_text("in the way")
    heat = ("heatmap", picture, "--model", KEY, "--out")
    for out in (tmp_path / "file" / "o.png", tmp_path / "file" / "folder", tmp_path / "file" / "a" / "b"):
        assert "file is a file" in refused(*heat, out)
        assert "file is a file" in refused("filters", "--model", KEY, "--layer", "conv1", "--out", out)
    assert "file is a file" in refused("filters", "--model", KEY, "--layer", "conv1", "--out", tmp_path / "file")


def test_a_file_that_cannot_be_written_is_a_failure(refused, picture, tmp_path):
    out = tmp_path / ("o" * 300 + ".png")
    refused("heatmap", picture, "--model", KEY, "--out", out, code=1)
