"""The command that checks a data set: files that cannot be read and near-duplicates are named."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from cnnviz.cli.group import JSON, command, shown
from cnnviz.cli.output import count, document, progress, table


@command
@click.argument("data", type=click.Path(path_type=Path))
@JSON
def audit(data: Path, as_json: bool) -> None:
    """Check a data set: unreadable files, images per class, near-duplicates in and across splits."""
    from cnnviz.data import audit as audits
    from cnnviz.data.folder import read

    folder = read(data)
    found = audits.audit(folder, progress("The audit", "images", 1))

    def place(path: Path) -> str:
        return shown(path.relative_to(folder.root))

    if as_json:
        pairs = [
            dataclasses.asdict(pair)
            | {"one": place(pair.one), "other": place(pair.other)}
            | {"one_class": found.classes[pair.one_class], "other_class": found.classes[pair.other_class]}
            for pair in found.twins
        ]
        answer: dict[str, Any] = {
            "classes": found.classes,
            "counts": found.counts,
            "imbalance": found.imbalance,
            "left_out": [left.document() for left in found.left_out],
            "unreadable": [{"file": place(path), "why": why} for path, why in found.unreadable],
            "near_duplicates": {"found": found.pairs, "pairs": pairs},
        }
        return document(answer)
    rows = [(name, *(count(n[i]) for n in found.counts.values())) for i, name in enumerate(found.classes)]
    table(("class", *found.counts), rows, range(1, 9))
    for left in found.left_out:
        click.echo(str(left))
    for path, why in found.unreadable:
        click.echo(f"{place(path)}: {why}")
    for pair in found.twins:
        where = [word for word, so in (("two classes", pair.conflicts), ("two splits", pair.leaks)) if so]
        told = f" ({', '.join(where)})" if where else ""
        click.echo(f"{place(pair.one)} and {place(pair.other)}: {audits.KINDS[pair.kind]}{told}")
    more = f"; the first {len(found.twins)} are listed" if found.pairs > len(found.twins) else ""
    read_ = f"{count(len(found.sizes))} images read, {len(found.unreadable)} unreadable"
    click.echo(f"{read_}, {found.pairs} pairs of near-duplicates{more}")
