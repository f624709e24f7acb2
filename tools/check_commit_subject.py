"""Whether commit subjects keep to the house rule: at most 72 characters, the area first ("Runtime: ...").

python tools/check_commit_subject.py .git/COMMIT_EDITMSG     what is about to be committed
python tools/check_commit_subject.py --range HEAD~1..HEAD    what was committed
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LONGEST = 72
AREA = re.compile(r"[A-Z][\w.-]*(?:[ /][\w.-]+){0,3}: \S")
BY_GIT = ("Merge ", "Revert ", "fixup! ", "squash! ", "amend! ")  # git writes these itself


def faults(subject: str) -> list[str]:
    """What is wrong with a subject, a sentence each; nothing where it is as it should be."""
    if subject.startswith(BY_GIT):
        return []
    found = []
    if len(subject) > LONGEST:
        found.append(f"It has {len(subject)} characters; {LONGEST} are the most: put the why in the body.")
    if not AREA.match(subject):
        found.append('It does not begin with its area; write for example "Runtime: heat maps of one class are kept".')
    return found


def subject_of(message: str) -> str:
    """The first line of a commit message that is no comment and not empty; empty where there is none."""
    lines = (line.strip() for line in message.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where every subject is as it should be, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Check commit subjects.")
    parser.add_argument("file", nargs="?", type=Path, help="file with one commit message")
    parser.add_argument("--range", help="commits of this range, as git log takes it, instead of a file")
    given = parser.parse_args(arguments)
    if (given.file is None) == (given.range is None):
        parser.error("name a file or a --range")
    if given.range:
        out = subprocess.run(["git", "log", "--format=%s", given.range], capture_output=True, text=True, check=True)
        subjects = out.stdout.splitlines()
    else:
        subjects = [subject_of(given.file.read_text(encoding="utf-8"))]
    wrong = [(subject, faults(subject)) for subject in subjects if faults(subject)]
    for subject, sentences in wrong:
        print(subject, *sentences, sep="\n  ", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
