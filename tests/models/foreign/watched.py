"""Reads files in a process of its own under an audit hook, and prints what happened: run with a folder of files.

Nothing a file holds may lead to code: no exec, compile, import, pickle, socket or process, and no file opened but it.
"""

from __future__ import annotations

import contextlib
import encodings.cp437  # noqa: F401  # zipfile's, at the first name that is not UTF-8
import json
import resource
import sys
import time
from pathlib import Path

FORBIDDEN = (
    "exec", "compile", "import", "pickle.", "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn",
    "ctypes.dlopen", "marshal.", "code.", "os.remove", "os.rename", "os.mkdir", "shutil.", "urllib.",
)  # fmt: skip
seen: list[str] = []
watching = False
allowed = ""


def hook(event: str, args: tuple[object, ...]) -> None:
    if not watching:
        return
    if event == "open" and str(args[0]) == allowed:
        return
    if event == "open" or event.startswith(FORBIDDEN):
        seen.append(f"{event} {args!r}"[:200])


def main(folder: Path) -> None:
    global watching, allowed
    import torch

    from cnnviz.models.foreign import files
    from cnnviz.models.foreign.graph import ForeignError
    from cnnviz.models.foreign.rebuild import rebuild

    torch.set_num_threads(1)
    paths = sorted(folder.iterdir())
    for _ in range(2):
        for path in sorted((folder.parent / "sound").iterdir()):  # whatever torch imports at first use
            rebuild(files.read(path))
    sys.addaudithook(hook)
    for path in paths:
        seen.clear()
        allowed = str(path)
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        watching = True
        try:
            net = rebuild(files.read(path))
            outcome = "read"
            with torch.no_grad(), contextlib.suppress(RuntimeError, ValueError, IndexError):  # of another size
                outcome = f"read {tuple(net(torch.zeros(1, 3, 20, 20)).shape)}"
        except ForeignError as error:
            outcome = str(error)
        except Exception as error:  # said to whoever reads this
            outcome = f"RAISED {type(error).__name__}: {error}"
        watching = False
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        took = time.process_time() - start
        print(json.dumps({"name": path.name, "outcome": outcome, "seen": seen[:5], "seconds": took, "kilobytes": more}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
