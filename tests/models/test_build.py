"""Nets built without weights: torchvision's own, also with a new head."""

from __future__ import annotations

import torch
from safetensors.torch import save_file

from cnnviz.models import build, catalog, families, load
from cnnviz.models.build import Weightless
from tests.models.states import filled


def test_googlenet_with_auxiliary_heads_gives_the_logits_of_torchvisions_own(folder):
    from torchvision.models import get_model

    own = get_model("googlenet", aux_logits=True, init_weights=False, transform_input=True).eval()
    torch.save(own.state_dict(), folder / "googlenet.pth")
    ours = load.load("googlenet", folder)
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(ours.net(x), own(x))
    assert sum(p.numel() for p in ours.net.parameters()) == catalog.entry("googlenet").parameters


def test_mnasnet_needs_no_version_in_its_checkpoint(folder):
    save_file(filled("mnasnet0_5"), folder / "mnasnet0_5.safetensors")
    assert load.load("mnasnet0_5", folder).net(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


def test_every_torchvision_net_takes_a_new_head():
    for known in catalog.TORCHVISION[::6]:
        with Weightless():
            net = build.build(known.name, {"outputs": 7, "size": known.side})
            out = net.eval()(torch.empty(1, 3, known.side, known.side, device="meta"))
        assert out.shape == (1, 7)
        assert all(net.get_submodule(block) is not None for block in families.last_block(known.name))
