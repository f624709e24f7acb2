"""Files of other programs are refused by what they are, and forged ones without running anything."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cnnviz.models.foreign import files
from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.onnx.trace import FOLDED
from tests.models.foreign import forged, nets
from tests.models.foreign.weighed import weighed

ROOT = Path(__file__).resolve().parents[3]
SPARE = 64 << 20  # bytes for a network's own objects, whatever its file has
CLEARED = Path("/proc/self/clear_refs")
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


def plain_net() -> nn.Module:
    """A network whose file has 50 MB."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 512, 3), nn.ReLU(), nn.Conv2d(512, 1024, 3), nn.ReLU(), nn.Conv2d(1024, 900, 3),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(900, 10),
    ).eval()  # fmt: skip


@pytest.mark.skipif(not CLEARED.exists(), reason="memory is measured on Linux alone")
@pytest.mark.parametrize("mutated", [10, pytest.param(200, marks=pytest.mark.long)])
def test_reading_takes_less_memory_than_twice_the_file_and_the_budget(mutated, tmp_path):
    large = io.BytesIO()
    torch.export.save(torch.export.export(plain_net(), (torch.zeros(1, 3, 16, 16),)), large)
    contents = {"large.pt2": large.getvalue()}
    corpus = [content for _, content, word in forged.corpus() if word in ("memory", "bytes", "unpacks")]
    contents |= {f"forged {at}.pt2": content for at, content in enumerate(corpus)}
    contents |= {f"{seed}.pt2": forged.mutated(nets.content("Shared"), seed) for seed in range(mutated)}
    found = weighed(tmp_path, contents, {"sound.pt2": nets.content("Shared")})
    within(found, contents)
    assert found["large.pt2"]["outcome"] == "read Sequential"


def within(found: Mapping[str, Mapping[str, Any]], contents: Mapping[str, bytes]) -> None:
    """Fails where a file was not read, or took more than twice its bytes and the budget of what is computed of it."""
    assert set(found) == set(contents)
    for name, said in found.items():
        budget = SPARE if said["outcome"].startswith("read") else SPARE + FOLDED
        assert said["bytes"] <= 2 * len(contents[name]) + budget, (name, len(contents[name]), said)
