"""A batch of photo files on its way: decoded ahead, computed a few at once, and what is drawn written behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from cnnviz.image_file import PhotoError, ReadError
from cnnviz.printable import printable
from cnnviz.runtime.shards import Item, Passing

AHEAD = 2  # pieces that are decoded before they are asked for

In = TypeVar("In")
T = TypeVar("T")


def through(
    items: Sequence[Item],
    pool: ThreadPoolExecutor,
    many: int,
    load: Callable[[Item], In],
    compute: Callable[[Sequence[In]], Sequence[T]],
    finish: Callable[[Item, In, T], dict[str, Any]],
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """A row for each photo that can be read, in order, and for the others the reason by name.

    A reason is `Passing` where it is no fault of the file. `load` decodes, or raises `PhotoError`; `compute` is asked
    about at most `many` inputs at once; `finish` makes the rows. The first and the last are done by `pool`.
    """
    errors: dict[str, str] = {}
    rows: list[Future[dict[str, Any]]] = []
    coming: deque[list[tuple[Item, Future[In | PhotoError]]]] = deque()

    def step() -> None:
        inputs: list[tuple[Item, In]] = []
        for item, future in coming.popleft():
            if isinstance(found := future.result(), PhotoError):
                why = printable(str(found))
                errors[item.name] = Passing(why) if isinstance(found, ReadError) else why
            else:
                inputs.append((item, found))
        if inputs:
            answers = compute([one for _, one in inputs])
            rows.extend(pool.submit(finish, *one, answer) for one, answer in zip(inputs, answers, strict=True))

    try:
        for start in range(0, len(items), many):
            some = items[start : start + many]
            coming.append([(item, pool.submit(_loaded, load, item)) for item in some])
            if len(coming) > AHEAD:
                step()
        while coming:
            step()
        return [row.result() for row in rows], errors
    except BaseException:
        for part in coming:
            for _, waiting in part:
                waiting.cancel()
        for row in rows:
            row.cancel()
        raise


def _loaded(load: Callable[[Item], In], item: Item) -> In | PhotoError:
    try:
        return load(item)
    except PhotoError as error:
        return error
