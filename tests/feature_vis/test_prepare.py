"""From a model and a layer to the ascent."""

from __future__ import annotations

from dataclasses import replace

import torch

from cnnviz.inference.cut import cut
from cnnviz.models import lecture


def test_the_folded_trunk_climbs_as_the_net_itself():
    torch.manual_seed(0)
    spec = replace(lecture.NETS["cats_gap"], batch_norm=True)
    whole = lecture.build(spec).eval().requires_grad_(False)
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    folded = torch.autograd.grad(cut(whole, "bn3").trunk(x)[0][0, 5].mean(), x)[0]
    truth = torch.autograd.grad(whole[: list(dict(whole.named_children())).index("bn3") + 1](x)[0, 5].mean(), x)[0]
    torch.testing.assert_close(folded, truth, rtol=1e-3, atol=1e-7)
