"""Checkpoints are untrusted: tensors come out, code never runs, and every refusal is one sentence."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from cnnviz.models import checkpoint
from cnnviz.models.checkpoint import CheckpointError


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert path.name in sentence
    return sentence


@pytest.mark.parametrize("wrap", [lambda bomb: bomb, lambda bomb: {"state_dict": {"a": bomb}}])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_a_pickle_bomb_is_refused_and_nothing_runs(tmp_path, wrap, suffix):
    bomb = wrap(Bomb(tmp_path / "exploded"))
    file = tmp_path / f"net{suffix}"
    torch.save(bomb, file)
    raw = tmp_path / f"raw{suffix}"
    raw.write_bytes(pickle.dumps(bomb, protocol=2))
    for path in (file, raw):
        sentence = refused(path)
        assert suffix == ".safetensors" or "program code" in sentence
    assert not (tmp_path / "exploded").exists()
    pickle.loads(raw.read_bytes())  # the bomb was a real one
    assert (tmp_path / "exploded").exists()


def test_a_whole_pickled_module_is_refused_with_the_way_out(tmp_path):
    torch.save(small(), tmp_path / "net.pt")
    assert "state_dict" in refused(tmp_path / "net.pt")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"Dear reader, this is no checkpoint.", b"PK\x03\x04 broken", bytes(1000), b"\x80\x02."]
)
def test_what_is_no_checkpoint_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    assert "program code" not in refused(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_truncated_checkpoint_is_refused(tmp_path, suffix):
    path = tmp_path / f"net{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(small().state_dict(), path)
    whole = path.read_bytes()
    for part in (0.3, 0.9):
        path.write_bytes(whole[: int(len(whole) * part)])
        refused(path)


def test_a_missing_file_is_named(tmp_path):
    assert "no checkpoint" in refused(tmp_path / "gone.pth")


@pytest.mark.parametrize("content", [[1, 2], "text", {}, {"epoch": 3}, None, torch.zeros(3)])
def test_a_file_without_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "net.pth")
    assert "no weights" in refused(tmp_path / "net.pth")


def test_a_small_file_that_claims_gigabytes_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(1).expand(1 << 34)}, tmp_path / "net.pth")
    assert "one value many times over" in refused(tmp_path / "net.pth")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", pickle.dumps({}))
        archive.writestr("net/data/0", bytes(50_000_000))
    assert "unpacks to" in refused(tmp_path / "net.pth")


def test_a_checkpoint_above_the_size_bound_is_refused(tmp_path, monkeypatch):
    torch.save(small().state_dict(), tmp_path / "net.pth")
    monkeypatch.setattr(checkpoint, "LARGEST", 100)
    assert "choose a smaller one" in refused(tmp_path / "net.pth")


@pytest.mark.parametrize("old_format", [False, True])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1}},
        lambda state: {"model": state},
        lambda state: {"model_state_dict": state, "loss": 0.1},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {
            "state_dict": {f"model.{key}": value for key, value in state.items()},
            "hyper_parameters": {"a": 1},
        },
        lambda state: {"state_dict": {f"net.module.{key}": value for key, value in state.items()}},
        lambda state: {"model_ema": {"state_dict": state}},
        lambda state: {f"_orig_mod.{key}": value for key, value in state.items()},
    ],
)
def test_common_wrappers_come_off(tmp_path, wrap, old_format):
    state = small().state_dict()
    torch.save(wrap(state), tmp_path / "net.pth", _use_new_zipfile_serialization=not old_format)
    assert same(checkpoint.read(tmp_path / "net.pth"), state)


def test_an_averaged_model_is_unwrapped(tmp_path):
    net = small()
    torch.save(torch.optim.swa_utils.AveragedModel(net).state_dict(), tmp_path / "net.pth")
    assert same(checkpoint.read(tmp_path / "net.pth"), net.state_dict())


def test_safetensors_are_read(tmp_path):
    state = small().state_dict()
    save_file(state, tmp_path / "net.safetensors")
    assert same(checkpoint.read(tmp_path / "net.safetensors"), state)


def test_densenets_old_names_are_mended(tmp_path):
    torch.save({"features.denseblock1.denselayer1.norm.1.weight": torch.ones(2)}, tmp_path / "net.pth")
    assert list(checkpoint.read(tmp_path / "net.pth")) == ["features.denseblock1.denselayer1.norm1.weight"]


def test_fit_fills_a_weightless_net_with_the_same_function():
    net, x = small().eval(), torch.randn(1, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    with torch.device("meta"):
        empty = small().eval()
    filled = checkpoint.fit(empty, net.state_dict())
    assert torch.equal(filled(x), net(x))


def test_half_precision_becomes_float32_and_counters_may_be_missing():
    state = {key: value.half() for key, value in small().state_dict().items() if "batches" not in key}
    filled = checkpoint.fit(small(), state)
    assert {value.dtype for value in filled.state_dict().values()} == {torch.float32, torch.int64}


def test_a_mismatch_names_the_layers():
    state = small().state_dict()
    state["3.weight"] = torch.zeros(7, 4)
    state["extra.weight"] = state.pop("0.weight")
    with pytest.raises(CheckpointError) as caught:
        checkpoint.fit(small(), state, "cats.pth")
    sentence = str(caught.value)
    assert "cats.pth does not fit Sequential" in sentence
    assert "lacks 0" in sentence
    assert "has no place for extra" in sentence
    assert "3.weight is 7 x 4 and should be 2 x 4" in sentence
    assert "\n" not in sentence


def test_a_failed_fit_leaves_the_net_alone():
    net = small()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(CheckpointError):
        checkpoint.fit(net, {"0.weight": torch.zeros(4, 3, 3, 3)})
    assert same(net.state_dict(), before)


def test_large_finite_numbers_are_no_fault():
    state = small().state_dict()
    state["3.weight"] = torch.full((2, 4), 3e38)  # their sum is infinite
    assert torch.equal(checkpoint.fit(small(), state).state_dict()["3.weight"], state["3.weight"])
    state["3.weight"][0, 0] = float("nan")
    with pytest.raises(CheckpointError, match=r"NaN or infinite weights \(in 3.weight\)"):
        checkpoint.fit(small(), state)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.bool, torch.complex64, torch.int64])
def test_what_no_net_computes_with_is_refused_at_once(dtype, tmp_path):
    state = small().state_dict()
    state["3.weight"] = state["3.weight"].to(dtype)
    with pytest.raises(CheckpointError, match=r"3.weight is of type"):
        checkpoint.fit(small(), state)
    torch.save(state, tmp_path / "net.pth")
    assert "save it as plain float32" in refused(tmp_path / "net.pth")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "odd",
    [lambda x: x.to_sparse(), lambda x: x.to_sparse_csr(), lambda x: x.to("meta"), lambda x: x.sum().expand(3, 3)],
)
def test_tensors_without_plain_numbers_are_refused(tmp_path, odd):
    torch.save({"conv1.weight": odd(torch.eye(3))}, tmp_path / "net.pth")
    assert "conv1.weight is " in refused(tmp_path / "net.pth")


def test_a_small_file_counts_as_the_float32_that_becomes_of_it(tmp_path, monkeypatch):
    path = tmp_path / "eighth.safetensors"
    save_file({"conv.weight": torch.zeros(1000, dtype=torch.float8_e4m3fn)}, path)
    monkeypatch.setattr(checkpoint, "LARGEST", 3999)
    with pytest.raises(CheckpointError, match="unpacks to more than"):
        checkpoint.read(path)
    monkeypatch.setattr(checkpoint, "LARGEST", 4000)
    assert checkpoint.read(path)


def test_weights_lie_in_memory_as_those_that_were_never_in_a_file(tmp_path):
    save_file(small().state_dict(), tmp_path / "net.safetensors")
    net = checkpoint.fit(small(), checkpoint.read(tmp_path / "net.safetensors"))
    assert {p.data_ptr() % checkpoint.LINE for p in net.parameters()} == {0}
