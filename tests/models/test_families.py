"""The table of torchvision's families."""

from __future__ import annotations

from cnnviz.models import catalog, families


def test_every_family_of_the_zoo_has_a_mark():
    begins = tuple(row.prefix for row in families.FAMILIES)
    assert all(net.name.startswith(begins) for net in catalog.TORCHVISION)
