"""The commands that check a data set and make a corrected copy of it: audit and apply."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnviz.cli.group import DEVICE, JSON, LABELS, command, engine_for, shown
from cnnviz.cli.output import count, document, passable, progress, table
from cnnviz.options import RequestError
from cnnviz.probability import percent

if TYPE_CHECKING:
    from cnnviz.data.audit import Audit
    from cnnviz.data.fixes import Fix
    from cnnviz.runtime.suspects import Suspects

SOME = 50  # suspects that are listed for people; JSON and the list of fixes have all


@command
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--labels", metavar="FILE.csv|names", default="", help=LABELS)
@click.option("--suspects", "sought", is_flag=True, help="Also look for labels that may be wrong, with --model.")
@click.option("--model", "key", metavar="KEY", help="The network whose features --suspects takes.")
@click.option(
    "--fixes", "out", metavar="FILE.csv", type=click.Path(path_type=Path),
    help="Write what could be corrected as a list, to be edited and handed to `apply`.",
)  # fmt: skip
@JSON
@DEVICE
@click.pass_context
def audit(
    context: click.Context, data: Path, labels: str, sought: bool, key: str | None, out: Path | None, as_json: bool
) -> None:
    """Check a data set: unreadable files, images per class, near-duplicates in and across splits, labels to check.

    Nothing in the folder is changed.
    """
    from cnnviz.data import audit as audits
    from cnnviz.data.folder import read

    if sought != bool(key):
        raise RequestError("Label suspects need a network: give --suspects together with --model KEY.")
    if out is not None and out.suffix.lower() != ".csv":
        raise RequestError(f"{out.name} is not a CSV file; end its name in .csv.")
    if out is not None and out.resolve().is_relative_to(data.resolve()):
        raise RequestError(f"{out.name} would lie in the data set, which is not changed; name a file beside it.")
    if out is not None and out.exists():
        raise RequestError(f"{shown(out)} exists and may have been edited; name another file, or remove it first.")
    folder = read(data, labels=labels)
    engine = engine_for(context, key, cached=True) if key else None
    found = audits.audit(folder, progress("The audit", "images", 1))
    suspected = None
    if engine and key:
        suspected = engine.suspects(key, data, found.groups, _told(key), labels)
    if out is not None:
        _write(passable(out), _fixes(data, labels, found, suspected))
    if as_json:
        more = {} if suspected is None else {"suspects": _suspects(suspected)}
        return document(_findings(found, folder.root) | more | ({"fixes": str(out)} if out is not None else {}))
    _print(found, folder.root)
    if suspected is not None:
        _print_suspects(suspected)
    if out is not None:
        click.echo(f"what could be corrected is in {shown(out)}; edit it, then: cnnviz apply {shown(out)} DATA OUT")


@command
@click.argument("fixes", type=click.Path(path_type=Path), metavar="FIXES.csv")
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--labels", metavar="FILE.csv|names", default="", help=LABELS)
@click.option("--link", is_flag=True, help="Hard links in place of copies, where the disk has them.")
@JSON
def apply(fixes: Path, data: Path, out: Path, labels: str, link: bool, as_json: bool) -> None:
    """Make a corrected copy of a data set by a list of fixes; the data set itself is not changed.

    The list is a CSV file, as `audit --fixes` writes it: file, action (move, remove or keep), class, to_class, why.
    """
    from cnnviz.data import corrected
    from cnnviz.data.fixes import parse

    try:
        listed = parse(fixes.read_bytes(), fixes.name)
    except OSError as error:
        raise RequestError(f"The list {shown(fixes)} cannot be read ({error.strerror}); check its name.") from None
    done = corrected.apply(listed, data, out, labels, link=link, progress=progress("Copying", "files", 1))
    if as_json:
        return document(dataclasses.asdict(done) | {"folder": str(out)})
    click.echo(f"{shown(out)}: {done}")


def _told(key: str) -> Callable[[str, int, int], None] | None:
    """What writes how far each stage is over itself on a terminal."""
    if (features := progress(f"{key} computes", "images", 1)) is None:
        return None
    fits = progress("cross-validation", "fits", 1)
    return lambda stage, done, of: (features if stage == "features" else fits)(done, of)  # type: ignore[misc]


def _fixes(data: Path, labels: str, found: Audit, suspected: Suspects | None) -> tuple[Fix, ...]:
    from cnnviz.data.fixes import merged, proposed
    from cnnviz.data.folder import survey

    fixes = proposed(found, survey(data, labels))  # the splits of the folder itself, none drawn
    return merged((*fixes, *(suspected.fixes() if suspected else ())))


def _write(out: Path, fixes: Iterable[Fix]) -> None:
    from cnnviz.data.fixes import as_csv

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(as_csv(fixes))
    except OSError as error:
        raise RequestError(f"{shown(out)} cannot be written ({error.strerror}); choose another file.") from None


def _findings(found: Audit, root: Path) -> dict[str, Any]:
    """The audit for JSON."""

    def place(path: Path) -> str:
        return shown(path.relative_to(root))

    pairs = [
        dataclasses.asdict(pair)
        | {"one": place(pair.one), "other": place(pair.other)}
        | {"one_class": found.classes[pair.one_class], "other_class": found.classes[pair.other_class]}
        for pair in found.twins
    ]
    return {
        "classes": found.classes,
        "counts": found.counts,
        "imbalance": found.imbalance,
        "left_out": [left.document() for left in found.left_out],
        "unreadable": [{"file": place(path), "why": why} for path, why in found.unreadable],
        "near_duplicates": {"found": found.pairs, "pairs": pairs, "not_searched_for_crops": found.unsearched},
    }


def _suspects(found: Suspects) -> dict[str, Any]:
    """The label suspects for JSON, all of them."""

    def place(path: Path) -> str:
        return shown(path.relative_to(found.data.root))

    listed = [
        {
            "file": place(one.path),
            "split": one.split,
            "class": found.classes[one.given],
            "suggested": found.classes[one.suggested],
            "probability": one.given_probability,
            "suggested_probability": one.suggested_probability,
            "margin": one.margin,
        }
        for one in found.suspects
    ]
    return {
        "model": found.model,
        "images": found.images,
        "accuracy": found.accuracy,
        "confident_joint": found.joint,
        "single": [place(path) for path in found.single],
        "found": listed,
    }


def _print(found: Audit, root: Path) -> None:
    from cnnviz.data import audit as audits

    def place(path: Path) -> str:
        return shown(path.relative_to(root))

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
    if found.unsearched:
        click.echo(f"crops were looked for in all but the last {count(found.unsearched)} images")


def _print_suspects(found: Suspects) -> None:
    rows = [
        (
            shown(one.path.relative_to(found.data.root)),
            found.classes[one.given],
            percent(one.given_probability),
            found.classes[one.suggested],
            percent(one.suggested_probability),
        )
        for one in found.suspects[:SOME]
    ]
    if rows:
        table(("label to check", "class", "probability", "suggested", "probability"), rows, (2, 4))
    for path in found.single:
        click.echo(f"{shown(path.relative_to(found.data.root))}: not judged, for no other image is of its class")
    more = f"; the first {SOME} are listed" if len(found.suspects) > SOME else ""
    number = f"{count(len(found.suspects))} of {count(found.images)}"
    click.echo(f"{number} labels to check, an estimate by the features of {found.model}{more}")
