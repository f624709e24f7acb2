"""timm's networks by name: the table, files that hold them, tensors that are theirs."""

from __future__ import annotations

import random
import sys

import pytest
import torch
from safetensors.torch import save_file

from cnnviz.models import timm_nets
from cnnviz.models.build import Weightless
from cnnviz.models.torchvision_nets import TORCHVISION

TAKEN = [net.name for net in TORCHVISION]


def shapes_of(name: str, **how: int) -> dict[str, tuple[int, ...]]:
    timm = pytest.importorskip("timm")
    with Weightless():
        return {key: tuple(value.shape) for key, value in timm.create_model(name, **how).state_dict().items()}


def test_the_table_has_all_families_and_no_attention():
    nets = timm_nets.table()
    assert len(nets) > 600
    assert {net.family for net in nets.values()} == timm_nets.FAMILIES
    assert {"resnet18", "convnext_atto", "efficientnet_b0", "mambaout_femto", "fastvit_t8"} <= set(nets)
    assert not {"vit_base_patch16_224", "caformer_s18", "fastvit_sa12", "mobilenetv4_hybrid_medium"} & set(nets)


def test_the_table_is_that_of_the_timm_that_is_installed():
    """A sample of it; the whole is `python -m tools.timm_table`."""
    pytest.importorskip("timm")
    from tools.timm_table import line

    small = [net for net in timm_nets.table().values() if net.parameters < 8e6]
    for net in random.Random(0).sample(small, 6):
        count = str(net.parameters)
        assert line(net.name, net.family).split() == [
            net.name, net.family, count, net.signature, ",".join(net.first), ",".join(net.classifier)
        ]  # fmt: skip
    assert line("caformer_s18", "metaformer") == ""


def test_a_file_is_timms_by_its_name():
    assert timm_nets.named("resnet18.a1_in1k", TAKEN)
    assert not timm_nets.named("resnet18", TAKEN)
    assert timm_nets.named("resnet26d", TAKEN)
    assert not timm_nets.named("my_birds", TAKEN)
    assert not timm_nets.named("resnet18@untrained")


def test_weights_at_hand_are_found_by_name_and_tag(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    paths = [tmp_path / file for file in ("resnet26.pth", "resnet26d.bt_in1k.pth", "resnet26d.bt_in1k.safetensors")]
    assert timm_nets.here("resnet26", paths) == paths[0]
    assert timm_nets.here("resnet26d", paths) == timm_nets.here("resnet26d.bt_in1k", paths) == paths[2]
    assert timm_nets.here("resnet26d.other", paths) is None
    assert timm_nets.tag("resnet26d", paths[2]) == "resnet26d.bt_in1k"
    got = tmp_path / "hub" / "models--timm--resnet26d.gluon_in1k" / "snapshots" / "abc"
    got.mkdir(parents=True)
    save_file({"a": torch.zeros(1)}, got / "model.safetensors")
    assert timm_nets.downloaded() == {"resnet26d.gluon_in1k": got / "model.safetensors"}
    assert timm_nets.here("resnet26d.gluon_in1k", []) == got / "model.safetensors"


@pytest.mark.parametrize("how", [{}, {"num_classes": 3}, {"in_chans": 1, "num_classes": 7}])
def test_tensors_tell_their_network_whatever_classes_and_channels(how):
    for name in ("mobilenetv3_small_050", "resnet10t", "convnext_zepto_rms"):
        assert timm_nets.recognised(shapes_of(name, **how), "my birds") == f"timm/{name}"
    assert timm_nets.recognised({"a.weight": (3, 3)}, "resnet18") == ""


def test_of_networks_with_the_same_tensors_the_files_name_decides():
    shapes = shapes_of("tf_mobilenetv3_small_100")
    assert timm_nets.recognised(shapes, "my birds") == "timm/mobilenetv3_small_100"
    assert timm_nets.recognised(shapes, "tf_mobilenetv3_small_100-birds") == "timm/tf_mobilenetv3_small_100"
    tagged = "tf_mobilenetv3_small_100.in1k"
    assert timm_nets.recognised(shapes, tagged) == f"timm/{tagged}"
    assert timm_nets.twins("mobilenetv3_small_100") == ("tf_mobilenetv3_small_100",)
    assert timm_nets.twins("resnet10t") == ()


def test_nothing_here_imports_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    assert timm_nets.known("resnet18.a1_in1k@untrained")
    assert timm_nets.recognised({"a": (1,)}, "x") == ""
