"""Every net there is: the tables against torchvision, and what is listed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from cnnviz.models import build, catalog, lecture, load, timm_nets, weights
from cnnviz.models.catalog import UnknownNet
from tests.models.states import filled


def test_the_lecture_rows_are_the_lecture_nets():
    listed = {row.key: row for row in catalog.rows() if row.key.startswith("lecture/")}
    assert {key: row.title for key, row in listed.items()} == {
        f"lecture/{name}": spec.title for name, spec in lecture.NETS.items()
    }
    for name, spec in lecture.NETS.items():
        count = sum(p.numel() for p in build.lecture_net(spec).parameters())
        assert (listed[f"lecture/{name}"].parameters, listed[f"lecture/{name}"].bytes) == (count, 4 * count)


def test_keys_are_unique_and_titles_there(folder, run):
    rows = catalog.rows(folder, run)
    assert len({row.key for row in rows}) == len(rows)
    assert all(row.title and row.where in ("bundled", "on disk", "download", "untrained", "run") for row in rows)


def test_listing_brings_in_neither_torch_nor_torchvision_nor_timm(folder):
    (folder / "resnet26d.bt_in1k.pth").write_bytes(bytes(77))
    code = "import sys; from cnnviz.models import catalog; catalog.asked('timm/resnet18@untrained'); "
    code += f"assert 'timm/resnet26d.bt_in1k' in [row.key for row in catalog.rows({str(folder)!r})]; "
    code += "print(sys.modules.keys() & {'torch', 'torchvision', 'timm'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_listing_says_what_is_on_disk(folder):
    (folder / "vgg16.pth").write_bytes(bytes(77))
    torch.save(filled("squeezenet1_1", 2), folder / "squeezenet1_1-my-cats.pth")
    (folder / "cats.pth").write_bytes(bytes(55))
    (weights.cache()).mkdir(parents=True)
    (weights.cache() / "resnet18-f37072fd.pth").write_bytes(bytes(99))
    rows = {row.key: row for row in catalog.rows(folder)}
    assert (rows["vgg16"].where, rows["vgg16"].bytes) == ("on disk", 77)
    assert (rows["resnet18"].where, rows["resnet18"].bytes) == ("on disk", 99)
    assert (rows["file/cats"].where, rows["file/cats"].parameters) == ("on disk", None)
    assert rows["alexnet"].where == "download"
    assert "file/vgg16" not in rows
    assert (rows["file/squeezenet1_1-my-cats"].where, rows["squeezenet1_1"].where) == ("on disk", "download")
    assert load.load("file/squeezenet1_1-my-cats", folder).labels == ("class 0", "class 1")


def test_a_broken_card_does_not_hide_the_other_nets(run):
    (run / "broken").mkdir()
    (run / "broken" / "card.json").write_text("{")
    (run / "broken" / "best.safetensors").write_bytes(b"")
    assert {"run/2026-cats@best", "run/broken@best"} <= {row.key for row in catalog.rows(runs=run)}


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("resnet", "resnet"),
        ("resnet-18", "resnet18"),
        ("sqeezenet1_1", "squeezenet1_1"),
        ("lecture/mnist_gapp", "lecture/mnist_gap"),
        ("mnist_gap", "lecture/mnist_gap"),
        ("???", "python -m cnnviz models"),
        ("", "models"),
        ("vit_b_16", ""),
        ("mobilenetv3_small_050", "timm/mobilenetv3_small_050"),
    ],
)
def test_an_unknown_key_names_the_closest(key, near):
    with pytest.raises(UnknownNet) as caught:
        load.load(key)
    assert near in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["file", "run", "bundled", "lecture", "other"])
@pytest.mark.parametrize(
    "escape", ["../secret", "../../secret@best", "/etc/passwd", "..", ".", "", "a/../../secret", "x\0y", "a\nb"]
)
def test_keys_lead_out_of_no_folder(tmp_path, folder, run, kind, escape):
    torch.save(filled("squeezenet1_0", 2), tmp_path / "secret.pth")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "card.json").write_text('{"net": "squeezenet1_0"}')
    with pytest.raises(UnknownNet) as caught:
        load.load(f"{kind}/{escape}", folder, run)
    assert "\n" not in str(caught.value)


def test_snapshots_of_a_run_that_trains_do_not_load_its_best_weights_anew(tmp_path):
    folder = tmp_path / "runs" / "one"
    (folder / "snapshots").mkdir(parents=True)
    (folder / "card.json").write_text("{}")
    (folder / "best.safetensors").write_bytes(b"x")
    stamps = [catalog.stamp(f"run/one@{which}", runs=tmp_path / "runs") for which in ("best", "last")]
    (folder / "snapshots" / "7.safetensors").write_bytes(b"x")
    os.utime(folder / "snapshots", ns=(1, 1))
    again = [catalog.stamp(f"run/one@{which}", runs=tmp_path / "runs") for which in ("best", "last")]
    assert stamps[0] == again[0]
    assert stamps[1] != again[1]


def test_a_list_of_nets_reads_only_the_cards_that_have_changed(run, monkeypatch):
    catalog.rows(runs=run)
    opened, read = [], catalog.read_card
    monkeypatch.setattr(catalog, "read_card", lambda path: opened.append(path) or read(path))
    catalog.rows(runs=run)
    assert opened == []  # the second list of a page with 400 runs opens none of their files
    card = run / "2026-cats" / "card.json"
    card.write_text(card.read_text().replace('"net"', ' "net"'))
    assert catalog.rows(runs=run)
    assert opened == [card]


@pytest.mark.parametrize("suffix", weights.WHOLE)
def test_a_whole_network_called_as_one_of_a_library_is_listed_as_a_file(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(timm_nets, "installed", lambda: True)
    names = ("resnet18", "resnet18-f37072fd", "mobilenetv2_100", "resnet50.a1_in1k")
    for name in names:
        (tmp_path / f"{name}{suffix}").write_bytes(b"a network")
    keys = {row.key for row in catalog.rows(tmp_path) if row.where == "on disk"}
    assert keys == {f"file/{name}" for name in names}
    assert timm_nets.here("mobilenetv2_100", weights.checkpoints(tmp_path)) is None


def test_files_that_share_a_stem_are_each_reached_by_their_whole_name_and_none_by_the_stem(tmp_path):
    for name in ("net.onnx", "net.pt2", "net.pt", "net.pt.pth", "other.pth"):
        (tmp_path / name).write_bytes(b"")
    found = catalog.own_checkpoints(weights.checkpoints(tmp_path))
    assert {key: path.name for key, path in found.items()} == {
        "net.onnx": "net.onnx", "net.pt2": "net.pt2", "net.pt": "net.pt", "net.pt.pth": "net.pt.pth",
        "other": "other.pth",
    }  # fmt: skip
    for key, path in found.items():
        assert catalog.file_of(f"file/{key}", tmp_path) == path
        assert catalog.file_of(f"file/{path.name}", tmp_path) == path
    with pytest.raises(UnknownNet, match=r"did you mean file/net.onnx or file/net.pt or file/net.pt2\?"):
        load.load("file/net", tmp_path)
