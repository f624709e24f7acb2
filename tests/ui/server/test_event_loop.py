"""The server's event loop: nothing is lost or held back, however many threads speak at once."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from asyncio import base_events

import pytest

from cnnviz.ui.server import event_loop
from tests.apart import run_apart


@pytest.fixture(autouse=True)
def as_before():
    before = base_events._set_nodelay, sys.getswitchinterval()
    yield
    base_events._set_nodelay = before[0]
    sys.setswitchinterval(before[1])


def test_a_loop_hears_every_call_of_many_threads_in_order_and_is_woken_less_often():
    heard, woken, each, count = [], [], 3000, 6

    async def listen():
        loop = asyncio.get_running_loop()
        loop._write_to_self = lambda write=loop._write_to_self: (woken.append(1), write())
        event_loop.set_up(loop)
        done = asyncio.Event()

        def speak(who):
            for i in range(each):
                loop.call_soon_threadsafe(heard.append, (who, i))

        threads = [threading.Thread(target=speak, args=(who,)) for who in range(count)]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
        loop.call_later(0.05, done.set)
        await asyncio.wait_for(done.wait(), 5)

    run_apart(listen())
    assert len(heard) == each * count
    assert all([i for who, i in heard if who == one] == [*range(each)] for one in range(count))
    assert 0 < len(woken) < each * count / 2


def test_a_sleeping_loop_is_woken_by_each_call_that_comes_alone():
    async def listen():
        loop = asyncio.get_running_loop()
        event_loop.set_up(loop)
        event_loop.set_up(loop)  # once more changes nothing
        for _ in range(30):
            heard = asyncio.Event()
            threading.Timer(0.001, loop.call_soon_threadsafe, (heard.set,)).start()
            await asyncio.wait_for(heard.wait(), 2)

    run_apart(listen())


def test_the_last_piece_of_an_answer_is_not_held_back():
    found = []

    async def serve():
        event_loop.set_up(asyncio.get_running_loop())
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)  # without a protocol, as Streamlit's
        listening.bind(("127.0.0.1", 0))

        async def answer(_, writer):
            accepted = writer.get_extra_info("socket")
            found.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(answer, sock=listening):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            await reader.read()
            writer.close()

    run_apart(serve())
    assert found[0] != 0


def test_the_loop_waits_no_longer_for_pages_than_for_other_turns():
    async def start():
        event_loop.set_up(asyncio.get_running_loop())

    run_apart(start())
    assert sys.getswitchinterval() == pytest.approx(event_loop.TURN)
