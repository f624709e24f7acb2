"""Files of other programs are refused by what they are, and forged ones without running anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cnnviz.models.foreign import files
from cnnviz.models.foreign.graph import ForeignError
from tests.models.foreign import forged, nets

ROOT = Path(__file__).resolve().parents[3]
MARK = Path("/tmp/cnnviz-code-has-run")


def watched(
    folder: Path, contents: dict[str, bytes], suffix: str = ".pt2", sound: dict[str, bytes] | None = None
) -> dict[str, dict]:
    """What a process of its own, which has read the sound files before, says of each file by name."""
    for place in ("sound", "files"):
        (folder / place).mkdir()
    for name, content in (sound or {f"{name}.pt2": nets.content(name) for name in ("Shared", "Twins")}).items():
        (folder / "sound" / name).write_bytes(content)
    for name, content in contents.items():
        (folder / "files" / f"{name}{suffix}").write_bytes(content)
    command = [sys.executable, "-m", "tests.models.foreign.watched", str(folder / "files")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {said["name"].removesuffix(suffix): said for said in map(json.loads, done.stdout.splitlines())}


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
