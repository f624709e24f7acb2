"""The gate: a bounded number inside, turns by rounds between visits, and no deadlock with oneself."""

from __future__ import annotations

import threading
import time
from functools import partial
from random import Random

import pytest

from cnnviz.runtime.gate import TICK, VISIT, WAITING, Gate
from cnnviz.runtime.progress import in_turns


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

    def hear(place, count):
        heard.append((place, count))
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
        assert heard == [(1, 1), (1, 1), "left"]
        assert gate.waiting() == 0
    assert gate.running() == 0


def in_queue(gate, threads, count):
    """Start threads one after another, each once the one before is in the queue."""
    for thread in threads:
        before = gate.waiting()
        thread.start()
        while gate.waiting() <= before:
            time.sleep(0.0005)
    assert gate.waiting() == count


def of(visit, work):
    def run():
        VISIT.set(visit)
        work()

    return threading.Thread(target=run)


def test_visits_have_turns_by_rounds_however_much_one_of_them_asks():
    gate, order = Gate(1), []

    def work(name):
        with gate.entered():
            order.append(name)

    asked = ["a1", "a2", "a3", "a4", "b1", "c1", "b2"]
    threads = [of(name[0], partial(work, name)) for name in asked]
    with gate.entered():
        in_queue(gate, threads, len(asked))
    for thread in threads:
        thread.join()
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


class Watched(Gate):
    """A gate that writes down who joins the queue and who has a turn, in the order in which it happens."""

    def __init__(self, width):
        super().__init__(width)
        self.log = log = []

        class Queue(dict):
            def __setitem__(self, thread, visit):
                log.append(("waits", visit))
                super().__setitem__(thread, visit)

        self._queue = Queue()

    def _serve(self, visit):
        self.log.append(("turn", visit))
        super()._serve(visit)


@pytest.mark.parametrize("width", [1, 2])
def test_no_visit_waits_for_more_than_one_turn_of_each_other(width):
    gate, visits, end = Watched(width), range(7), time.monotonic() + 1.5

    def act(random, endless):
        while time.monotonic() < end:
            with gate.entered():
                time.sleep(random.uniform(0, 0.004) if endless else random.uniform(0, 0.001))
            if not endless:
                time.sleep(random.uniform(0, 0.01))

    # visits 0 and 1 ask for something new at once, all the time, 0 by four threads
    many = [(0, True)] * 4 + [(1, True)] + [(visit, False) for visit in visits[2:]]
    threads = [of(visit, partial(act, Random(i), endless)) for i, (visit, endless) in enumerate(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for visit in visits[1:]:  # of those with one thread
        others = None
        for what, who in gate.log:
            if who == visit:
                assert what == "waits" or max(map(others.count, others), default=0) <= 1
                others = [] if what == "waits" else None
            elif what == "turn" and others is not None:
                others.append(who)
    turns = [gate.log.count(("turn", visit)) for visit in visits]
    assert min(turns) > 5
    if width == 1:
        assert turns[0] <= 1.2 * turns[1] + 5  # four threads have no more than one


def test_a_stream_of_new_visits_does_not_keep_one_waiting_that_came_before_them():
    gate, order = Gate(1), []

    def work(name):
        with gate.entered():
            order.append(name)
            time.sleep(0.002)

    def visits(names):
        return [of(name, partial(work, name)) for name in names]

    work("old")  # has had its turn: all others are new
    with gate.entered():
        waiting = visits(["old"])
        in_queue(gate, waiting, 1)
        later = visits(range(20))
        in_queue(gate, later, 21)
    for thread in [*waiting, *later]:
        thread.join()
    assert order == ["old", "old", *range(20)]


def test_steps_of_long_work_let_short_questions_between_them():
    gate, order, going = Gate(1), [], threading.Event()

    def steps():
        for i in range(6):
            if i == 1:
                going.set()
                while gate.waiting() < 2:
                    time.sleep(0.0005)
            order.append(f"step {i}")
            yield i / 6

    def question(name):
        going.wait(5)
        with gate.entered():
            order.append(name)

    threads = [of("a", lambda: in_turns(gate.entered, steps(), None)), of("b", partial(question, "b"))]
    threads.append(of("c", partial(question, "c")))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert order[:2] == ["step 0", "step 1"]
    assert {*order[2:4]} == {"b", "c"}
    assert order[4:] == [f"step {i}" for i in range(2, 6)]


def test_who_waits_hears_how_many_wait_and_a_place_that_comes_true():
    gate, heard, order = Gate(1), {}, []

    def work(name):
        WAITING.set(lambda place, count: heard.setdefault(name, []).append((place, count)))
        with gate.entered():
            order.append(name)

    names = ["a1", "a2", "b1", "c1", "c2"]
    threads = [of(name[0], partial(work, name)) for name in names]
    with gate.entered():
        in_queue(gate, threads, len(names))
        time.sleep(2.5 * TICK)
    for thread in threads:
        thread.join()
    assert order == ["a1", "b1", "c1", "a2", "c2"]
    assert {name: heard[name][-1] for name in names} == {name: (i, 5) for i, name in enumerate(order, 1)}


def test_a_context_that_names_no_visit_is_that_of_its_asker():
    gate, order = Gate(1, asker=lambda: "same"), []

    def work(name):
        with gate.entered():
            order.append(name)

    with gate.entered():
        threads = [threading.Thread(target=work, args=(name,)) for name in ("1", "2")] + [of("b", partial(work, "b"))]
        in_queue(gate, threads, 3)
    for thread in threads:
        thread.join()
    assert order == ["b", "1", "2"]  # the visit of the one inside has just had its turn
