"""Walks the dashboard: `python -m tests.walk --seed 1 --steps 2000`; what failed is written down and replayed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.walk import actions, walk


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.walk", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="may be given several times; 1 where none is")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--often", type=int, default=20, help="every so many steps the longer look")
    parser.add_argument("--replay", type=Path, help="a file of actions instead of a seed")
    parser.add_argument(
        "--keep", type=Path, default=Path("walk.jsonl"), help="where the actions that failed are written"
    )
    parser.add_argument("--on", action="store_true", help="go on after a fault")
    parser.add_argument("--quiet", action="store_true", help="no line for each step")
    asked = parser.parse_args()
    told = (lambda line: None) if asked.quiet else (lambda line: print(line, flush=True))
    with walk.places():
        from tests.walk.server import serving

        with serving() as server:
            return walked(server, asked, told)


def walked(server, asked, told) -> int:
    failed = 0
    for seed in asked.seed or [1]:
        if asked.replay:
            ways = walk.listed([*actions.read(asked.replay.read_text().splitlines())])
        else:
            ways = walk.chosen(seed, asked.steps)
        report = walk.walk(server, ways, seed, told, asked.often, on=asked.on)
        print(report.told())
        failed |= bool(report.faults)
        if report.faults and not asked.on:
            few = walk.shrunk(server, report)
            asked.keep.write_text("".join(f"{action.line()}\n" for action in few))
            print(f"shrunk to {len(few)} steps, in {asked.keep}:", *few, sep="\n  ")
            break
    return failed


if __name__ == "__main__":
    sys.exit(main())
