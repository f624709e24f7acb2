"""The dashboard's own server in this process: Streamlit's runtime without the network before it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from streamlit import config
from streamlit.runtime import Runtime, RuntimeConfig
from streamlit.runtime.caching.storage.dummy_cache_storage import MemoryCacheStorageManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from cnnviz.ui.server import startup
from cnnviz.ui.shell import main

T = TypeVar("T")


class Server:
    """Sessions, script threads, fragments, uploads and media files as they are in a real server."""

    def __init__(self) -> None:
        self.files = MemoryUploadedFileManager("/_stcore/upload_file")
        self.media = MemoryMediaFileStorage("/media")
        startup.set_up()
        self.runtime = Runtime(
            RuntimeConfig(
                script_path=main.__file__,
                media_file_storage=self.media,
                uploaded_file_manager=self.files,
                cache_storage_manager=MemoryCacheStorageManager(),
            )
        )
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="walk-server", daemon=True)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.runtime.start(), self.loop).result(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def ask(self, call: Callable[[], T]) -> T:
        """What a call gives on the server's own thread."""

        async def there() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(there(), self.loop).result(60)

    def close(self) -> None:
        """Ends every session and the thread."""

        async def over() -> None:
            await self.runtime.stopped

        self.runtime.stop()
        asyncio.run_coroutine_threadsafe(over(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server, in the place of whatever stands for one in this process."""
    before, Runtime._instance = Runtime._instance, None
    collecting = config.get_option("runner.postScriptGC")
    config.set_option("runner.postScriptGC", False)
    server = Server()
    try:
        yield server
    finally:
        server.close()
        config.set_option("runner.postScriptGC", collecting)
        Runtime._instance = before
