"""Files of other programs are refused by what they are, and forged ones without running anything."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from cnnviz.models import checkpoint
from cnnviz.models.foreign import files
from cnnviz.models.foreign.graph import ForeignError
from tests.models.foreign import forged, nets

ROOT = Path(__file__).resolve().parents[3]
MARK = Path("/tmp/cnnviz-code-has-run")


def watched(folder: Path, contents: dict[str, bytes]) -> dict[str, dict]:
    """What a process of its own says of each file, by name."""
    for place in ("sound", "files"):
        (folder / place).mkdir()
    for name in ("Shared", "Twins"):
        (folder / "sound" / f"{name}.pt2").write_bytes(nets.content(name))
    for name, content in contents.items():
        (folder / "files" / f"{name}.pt2").write_bytes(content)
    command = [sys.executable, "-m", "tests.models.foreign.watched", str(folder / "files")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {said["name"].removesuffix(".pt2"): said for said in map(json.loads, done.stdout.splitlines())}


def test_forged_files_run_nothing_and_are_refused_by_name(tmp_path):
    MARK.unlink(missing_ok=True)
    corpus = {name: (content, word) for name, content, word in forged.corpus()}
    found = watched(tmp_path, {name: content for name, (content, _) in corpus.items()})
    assert set(found) == set(corpus)
    for name, (content, word) in corpus.items():
        said = found[name]
        assert said["seen"] == [], said
        assert not said["outcome"].startswith("RAISED"), said
        if word:
            assert word in said["outcome"], said
        assert said["kilobytes"] < 2 * len(content) / 1024 + 200_000, said
    assert not MARK.exists()


def test_mutated_files_run_nothing_and_are_refused_or_read(tmp_path):
    content = nets.content("Shared")
    found = watched(tmp_path, {f"{seed:05}": forged.mutated(content, seed) for seed in range(300)})
    assert len(found) == 300
    assert [said for said in found.values() if said["seen"] or said["outcome"].startswith("RAISED")] == []
    assert max(said["kilobytes"] for said in found.values()) < 400_000
    assert any(said["outcome"].startswith("read") for said in found.values())


def scripted() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Conv2d(3, 2, 3), torch.zeros(1, 3, 8, 8)), file)
    return file.getvalue()


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"{}")
    return file.getvalue()


OTHERS = {
    "net.pt": (scripted, "TorchScript"),
    "net.pth": (lambda: zipped("metadata.json", "config.json", "model.weights.h5"), "Keras network"),
    "net.bin": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
    "net.ckpt": (lambda: b"\x1c\x00\x00\x00TFL3" + bytes(100), "TensorFlow Lite"),
    "net.safetensors": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
    "other.pth": (lambda: b"<!DOCTYPE html><html>" + bytes(100), "web page"),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_sound_files_of_other_programs_are_called_what_they_are(name, tmp_path):
    make, word = OTHERS[name]
    path = tmp_path / name
    path.write_bytes(make())
    with pytest.raises(ForeignError, match=word) as refusal:
        checkpoint.read(path)
    assert "damaged" not in str(refusal.value)


def test_a_whole_network_is_told_by_its_content_or_its_ending(tmp_path):
    path = nets.put(tmp_path, "Shared")
    assert files.whole(path)
    other = path.rename(tmp_path / "shared.pt")
    assert files.whole(other)
    assert len(files.read(other).steps) > 10
    torch.save(nets.made("Shared").state_dict(), path)
    assert files.whole(path)
    with pytest.raises(ForeignError):
        files.read(path)
    plain = path.rename(tmp_path / "plain.pth")
    assert not files.whole(plain)
