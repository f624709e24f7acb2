"""A lecture net asked about noise."""

from __future__ import annotations

import pytest
import torch

from cnnviz.attribution import forward
from cnnviz.attribution.forward import cached_forward
from cnnviz.inference.cut import cut
from cnnviz.models import lecture


@pytest.fixture
def asked() -> forward.Forward:
    torch.manual_seed(0)
    net = lecture.build(lecture.NETS["mnist_gap"]).eval().requires_grad_(False)
    return cached_forward(cut(net, "relu3"), torch.rand(1, 1, 28, 28), "relu3")
