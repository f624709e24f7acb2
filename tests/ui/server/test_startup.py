"""The server as it comes up."""

import asyncio
import threading

import pytest

from cnnviz.ui.server import startup


@pytest.mark.parametrize(("headless", "wanted"), [(False, ["http://127.0.0.1:8501"]), (True, [])])
def test_the_server_loads_the_engine_as_it_comes_up_and_opens_a_browser_where_there_is_one(
    headless, wanted, monkeypatch
):
    from starlette.formparsers import MultiPartParser
    from streamlit import config

    opened, begun = [], []
    monkeypatch.setattr(startup.webbrowser, "open", opened.append)
    monkeypatch.setattr(startup.START, "begin", lambda: begun.append(True))
    monkeypatch.setattr(startup, "PATIENCE", 0.01)
    real = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: headless if name == "server.headless" else real(name))

    async def life():
        async with startup.lifespan(None):
            await asyncio.sleep(0.3)

    loop = threading.Thread(target=lambda: asyncio.run(life()))  # a test before may have left a loop in this thread
    loop.start()
    loop.join()
    assert begun == [True]
    assert opened == wanted
    assert MultiPartParser.spool_max_size > 2**25  # no upload passes through a file on the way


def test_files_to_download_are_told_apart_by_every_byte():
    from streamlit.runtime.media_file_storage import MediaFileKind
    from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

    startup.set_up()
    storage = MemoryMediaFileStorage("/media")
    one = bytes(2**21)
    other = one[: 2**19] + b"1" + one[2**19 + 1 :]  # neither near its ends nor in its middle
    kept = {
        storage.load_and_get_id(data, "application/octet-stream", MediaFileKind.DOWNLOADABLE, "map.npy"): data
        for data in (one, other)
    }
    assert [storage.get_file(f"{name}.bin").content for name in kept] == [one, other]
