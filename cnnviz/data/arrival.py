"""How a new data set gets its folder: whole or not at all, whatever happens on the way."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cnnviz.options import RequestError


@contextlib.contextmanager
def arriving(folder: Path, refusal: type[RequestError]) -> Iterator[Path]:
    """A draft beside the folder: it becomes the folder when the block ends well, and is gone otherwise.

    Raises `refusal` where the folder is there already or nothing can be written beside it.
    """
    if folder.exists():
        raise refusal(f"There is already a folder {folder.name}; choose another name or delete it.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".arriving-", dir=folder.parent))
    except OSError as error:
        raise refusal(f"Nothing can be written to {folder.parent} ({error.strerror}); choose another.") from None
    try:
        yield draft
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
