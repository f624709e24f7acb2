"""`python -m tests.zoo [--nets WORD ...] [--ways live ...] [--checks logits ...] [--device cuda]` prints the table."""

from __future__ import annotations

import argparse
import sys

from tests.zoo import nets, table
from tests.zoo.checks import CHECKS
from tests.zoo.ways import WAYS


def main() -> int:
    """The table, row by row as it is known; 1 where anything in it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("--nets", nargs="+", default=[""], help="only networks whose names have one of these words")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--checks", nargs="+", default=list(CHECKS), choices=list(CHECKS))
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    chosen = [entry for entry in nets.entries() if any(word in entry.name for word in asked.nets)]
    print(f"{len(chosen)} networks\n{table.head(asked.checks)}", flush=True)
    found = []
    for row in table.rows(chosen, asked.ways, asked.checks, asked.device):
        print(table.line(row, asked.checks), flush=True)
        found.append(row)
    print(table.summary(found))
    return 1 if any(row.faults for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
