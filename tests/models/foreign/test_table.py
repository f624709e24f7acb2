"""Each row of the table is a torch operation, and does what that does."""

from __future__ import annotations

import pytest
import torch

from cnnviz.models.foreign.operators import allowed

ATEN = [name for name in allowed() if name.startswith("aten.")]


def schema(name: str):
    _, op, overload = name.split(".")
    return getattr(getattr(torch.ops.aten, op), overload)._schema


@pytest.mark.parametrize("name", ATEN)
def test_the_arguments_are_those_of_torch(name):
    said = [argument.name for argument in schema(name).arguments]
    assert [parameter.name for parameter in allowed()[name].parameters] == said


def test_nothing_in_the_table_draws_at_random_reads_or_writes():
    for name in ("rand", "randn", "bernoulli", "from_file", "copy_", "index_put", "set_", "resize_", "item"):
        assert not [row for row in allowed() if row.split(".")[1].startswith(name)]
