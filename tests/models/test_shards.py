"""Weights in several files are read as one; folders of other programs are called what they are."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from cnnviz.models import catalog, load, shards
from cnnviz.options import RequestError
from tests.models.states import filled

NET = "squeezenet1_1"


def split(folder, ending: str, parts: int = 3) -> dict[str, torch.Tensor]:
    state = filled(NET, 4)
    for i in range(parts):
        part = dict(list(state.items())[i::parts])
        path = folder / f"mine-{i + 1:05}-of-{parts:05}{ending}"
        (save_file if ending == ".safetensors" else torch.save)(part, path)
    (folder / f"mine{ending}.index.json").write_text('{"weight_map": {}}')  # as Hugging Face writes beside them
    return state


@pytest.mark.parametrize("ending", [".bin", ".safetensors", ".pth"])
def test_the_parts_are_one_network_of_one_name(folder, ending):
    state = split(folder, ending)
    found = [row for row in catalog.rows(folder) if row.key.startswith("file/")]
    assert [row.key for row in found] == ["file/mine"]
    assert found[0].bytes == sum(path.stat().st_size for path in folder.iterdir() if "of" in path.name)
    model = load.load("file/mine", folder)
    assert all(torch.equal(value, state[key]) for key, value in model.net.state_dict().items())


def test_a_part_that_is_not_there_is_named(folder):
    split(folder, ".bin")
    (folder / "mine-00002-of-00003.bin").unlink()
    with pytest.raises(RequestError, match="one of 3 parts, and mine-00002-of-00003"):
        load.load("file/mine", folder)


def test_a_part_that_is_written_anew_is_read_anew(folder):
    split(folder, ".bin")
    before = catalog.stamp("file/mine", folder)
    torch.save({"other": torch.zeros(3)}, folder / "mine-00003-of-00003.bin")
    assert catalog.stamp("file/mine", folder) != before


@pytest.mark.parametrize("name", ["mine-1-of-2.pth", "mine-00001-of-00001.pth", "mine.pth"])
def test_other_names_are_one_file(tmp_path, name):
    assert shards.whole(tmp_path / name) == (tmp_path / name,)
    assert not shards.later(tmp_path / name)


@pytest.mark.filterwarnings("ignore:torch.distributed")
def test_a_checkpoint_of_torch_distributed_says_how_to_join_it_and_the_joined_one_is_read(folder, tmp_path):
    import torch.distributed.checkpoint as distributed
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    state = filled(NET, 4)
    distributed.save({"model": state, "epoch": 3}, checkpoint_id=str(folder / "mine"), no_dist=True)
    for key, place in (("file/mine", folder), ("file/__0_0", folder / "mine")):
        with pytest.raises(RequestError, match="dcp_to_torch"):
            load.load(key, place)
    dcp_to_torch_save(str(folder / "mine"), str(folder / "joined.pth"))
    assert torch.equal(load.load("file/joined", folder).net.features[0].weight, state["features.0.weight"])


@pytest.mark.parametrize(
    ("name", "inside", "what"),
    [("mine", "saved_model.pb", "TensorFlow SavedModel"), ("mine.mlpackage", "Manifest.json", "Core ML")],
)
def test_a_folder_of_another_program_is_called_what_it_is(folder, name, inside, what):
    (folder / name).mkdir()
    (folder / name / inside).write_bytes(b"x")
    for place in (folder, folder / name):
        with pytest.raises(RequestError, match=what):
            load.load("file/mine", place)
