"""Reads each file of a folder in a process of its own, and prints how much more memory it ever took.

A child of a process that has imported all and read a sound file already: what it takes is for its own file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def weighed(folder: Path, files: Mapping[str, bytes], sound: Mapping[str, bytes]) -> dict[str, dict[str, object]]:
    """For each file: the bytes that reading and rebuilding it took at most, and what came of it."""
    for place, found in (("files", files), ("sound", sound)):
        (folder / place).mkdir()
        for name, content in found.items():
            (folder / place / name).write_bytes(content)
    command = [sys.executable, "-W", "ignore", "-m", "tests.models.foreign.weighed", str(folder)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
    return {(said := json.loads(line))["name"]: said for line in told.splitlines()}


def peak() -> int:
    """The most bytes that this process has had in memory."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def main(folder: Path) -> None:
    import torch

    from cnnviz.models.foreign import files
    from cnnviz.models.foreign.graph import ForeignError
    from cnnviz.models.foreign.rebuild import rebuild

    torch.set_num_threads(1)
    for path in (folder / "sound").iterdir():
        rebuild(files.read(path))
    for path in sorted((folder / "files").iterdir()):
        if (child := os.fork()) == 0:
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            before = peak()
            try:
                net = rebuild(files.read(path))
                outcome = f"read {type(net).__name__}"
            except ForeignError as error:
                outcome = str(error)
            print(json.dumps({"name": path.name, "bytes": peak() - before, "outcome": outcome}), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
