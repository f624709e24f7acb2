"""A small part of the table of networks; `python -m tests.zoo` prints all of it."""

from __future__ import annotations

import pytest

from tests.zoo import nets, table
from tests.zoo.case import Case, Wrong
from tests.zoo.checks import CHECKS, answer
from tests.zoo.ways import WAYS

FEW = ("functional operations", "shared layers", "several outputs", "gray input", "control flow", "squeezenet1_1")


def few() -> list[nets.Entry]:
    """Hand-written networks, and one of torchvision."""
    return [entry for entry in nets.own() + nets.torchvision() if entry.name in FEW]


@pytest.mark.parametrize("way", WAYS)
def test_few_networks_by_every_way_in(way):
    rows = list(table.rows(few(), [way], [check for check in CHECKS if check not in ("question", "screens")]))
    assert len(rows) == len(FEW)
    assert {row.name: row.faults for row in rows if row.faults} == {}


def test_the_table_has_sixty_networks_and_every_family():
    pytest.importorskip("timm")
    found = nets.entries()
    assert len(found) >= 60
    assert len({entry.name for entry in found}) == len(found)
    assert sum(entry.key.startswith("timm/") for entry in found) == 45


def test_a_wrong_answer_is_seen():
    """The checks fail for a network that is not the original."""
    entry = next(entry for entry in nets.torchvision() if entry.name == "squeezenet1_1")
    net = nets.lively(entry.make(), entry.size)
    other = nets.lively(entry.make(), entry.size, seed=1)
    rows = list(table.rows([entry], ["key"], ["logits"]))
    assert not rows[0].faults
    with table.brought_in(entry, other, "key") as case:
        wrong = Case(entry, net, case.engine, case.key)
        for check in ("logits", "Grad-CAM", "sizes"):
            assert answer(CHECKS[check], wrong)[0] == "WRONG", check
        with pytest.raises(Wrong):
            CHECKS["logits"](wrong)
    assert "logits" in table.summary(rows)
