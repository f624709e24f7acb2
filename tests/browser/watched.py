"""Starts the dashboard as `python -m cnnviz serve` does, and writes down what its process does: for the tests here.

    python watched.py FOLDER PORT [OPTION ...]

FOLDER/reached.log   every address a socket was connected to or looked up, a line each
FOLDER/written.log   every file opened for writing, made or renamed
FOLDER/held.json     several times a second: bytes in memory that came from people's photos, networks and photos
                     of theirs, bytes of frames of their cameras, files uploaded
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

GRACE = 3.0  # seconds instead of 100: nobody wants to wait in a test


def hear(folder: Path) -> None:
    """Note what happens to files and sockets from now on."""
    logs = {
        name: os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND) for name in ("reached", "written")
    }

    def heard(event: str, given: tuple) -> None:
        if event == "open" and isinstance(given[0], (str, bytes)):
            mode, flags = given[1] or "", given[2] or 0
            if set(mode) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                os.write(logs["written"], os.fsencode(given[0]) + b"\n")
        elif event in ("os.rename", "os.link", "os.mkdir"):
            os.write(logs["written"], f"{given[0]}\n".encode())
        elif event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
            os.write(logs["reached"], f"{event} {given[1] if event != 'socket.getaddrinfo' else given[0]}\n".encode())

    sys.addaudithook(heard)


def tell(folder: Path) -> None:
    """Say again and again what is held of people's photos."""
    from streamlit.runtime import exists, get_instance

    from cnnviz.data import frames
    from cnnviz.ui.server import startup
    from cnnviz.ui.session import photos

    while True:
        time.sleep(0.2)
        engine = startup.START.loaded()
        files = get_instance().uploaded_file_mgr.file_storage if exists() else {}
        held = {
            "bytes": engine.personal_bytes() if engine else 0,
            "networks": len(engine.uploads) if engine else 0,
            "photos": sum(len(bag) for ref in list(photos._stores) if (bag := ref()) is not None),
            "frames": sum(one.size for ref in list(frames._all) if (one := ref()) is not None),
            "files": sum(len(each) for each in list(files.values())),
        }
        draft = folder / "held.draft"
        draft.write_text(json.dumps(held))
        draft.rename(folder / "held.json")


if __name__ == "__main__":
    place, port = Path(sys.argv[1]), sys.argv[2]
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    hear(place)
    from cnnviz.cli.main import cli
    from cnnviz.ui.session import photos

    photos.GRACE = GRACE
    threading.Thread(target=tell, args=(place,), daemon=True).start()
    cli(["serve", "--port", port, *sys.argv[3:]])
