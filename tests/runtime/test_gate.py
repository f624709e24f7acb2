"""The gate: a bounded number inside, first come first served, and no deadlock with oneself."""

from __future__ import annotations

import threading
import time

from cnnviz.runtime.gate import WAITING, Gate


def test_never_more_inside_than_its_width():
    gate, inside, most = Gate(2), [], []
    lock = threading.Lock()

    def work():
        with gate.entered():
            with lock:
                inside.append(1)
                most.append(len(inside))
            time.sleep(0.005)
            with lock:
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 2
    assert gate.running() == gate.waiting() == 0


def test_a_thread_inside_may_enter_again():
    gate = Gate(1)
    with gate.entered(), gate.entered():
        assert gate.running() == 1
    assert gate.running() == 0


def test_the_place_is_given_back_after_an_exception():
    gate = Gate(1)
    for _ in range(2):
        try:
            with gate.entered():
                raise KeyError
        except KeyError:
            pass
    assert gate.running() == 0


def test_those_who_wait_are_counted_and_served_in_order():
    gate, order = Gate(1), []

    def work(name):
        with gate.entered():
            order.append(name)

    with gate.entered():
        threads = []
        for name in range(5):
            threads.append(threading.Thread(target=work, args=(name,)))
            threads[-1].start()
            while gate.waiting() <= name:
                time.sleep(0.001)
        assert gate.waiting() == 5
    for thread in threads:
        thread.join()
    assert order == list(range(5))


def test_who_waits_hears_its_place_and_may_give_it_up():
    gate, heard = Gate(1), []

    class Left(BaseException):
        pass

    def hear(place):
        heard.append(place)
        if len(heard) == 2:
            raise Left

    def wait():
        WAITING.set(hear)
        try:
            with gate.entered():
                heard.append("inside")
        except Left:
            heard.append("left")

    with gate.entered():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(5)
        assert heard == [1, 1, "left"]
        assert gate.waiting() == 0
    assert gate.running() == 0
