"""Arrays closed to writing, and what things weigh in bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz import arrays
from cnnviz.arrays import read_only


def test_a_net_counts_with_what_is_made_of_its_convolutions():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.Flatten(), torch.nn.Linear(8, 5, bias=False)
    )
    assert arrays.size(net) == 4 * (4 * 3 * 8 * 9 + 8 * 5) + 128


def test_read_only_arrays_refuse_to_be_written():
    with pytest.raises(ValueError, match="read-only"):
        read_only(np.zeros(3))[0] = 1
