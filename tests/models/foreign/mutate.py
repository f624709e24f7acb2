"""`python -m tests.models.foreign.mutate 10000` reads so many mutated files under an audit hook and sums up."""

from __future__ import annotations

import collections
import re
import sys
import tempfile
from pathlib import Path

from tests.models.foreign import forged, nets
from tests.models.foreign.test_files import watched

AT_ONCE = 1000


def main(count: int) -> int:
    """Prints outcomes, the longest time, the most memory; 1 where code ran or anything but a refusal was raised."""
    outcomes: collections.Counter[str] = collections.Counter()
    longest, most, bad = 0.0, 0, []
    for start in range(0, count, AT_ONCE):
        name = ("Shared", "Attention", "Functional", "Chunks")[start // AT_ONCE % 4]
        content = nets.content(name)
        files = {f"{seed:06}": forged.mutated(content, seed) for seed in range(start, min(count, start + AT_ONCE))}
        with tempfile.TemporaryDirectory() as folder:
            found = watched(Path(folder), files)
        for said in found.values():
            outcome = re.sub(r"^\d+\.pt2", "FILE", said["outcome"])
            outcomes[re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "*", outcome)[:90]] += 1
            longest, most = max(longest, said["seconds"]), max(most, said["kilobytes"])
            if said["seen"] or said["outcome"].startswith("RAISED"):
                bad.append((name, said))
        bad += [(name, {"name": seed, "outcome": "did not answer"}) for seed in files if seed not in found]
    for outcome, times in outcomes.most_common(40):
        print(f"{times:6} {outcome}")
    print(f"{count} files, longest {longest:.2f} s of processor time, most {most / 1024:.0f} MiB, {len(bad)} at fault")
    for name, said in bad[:10]:
        print(name, said)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
