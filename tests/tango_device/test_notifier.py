"""The one thread that pushes, without Tango."""

from __future__ import annotations

import threading

from tango_device.notifier import Notifier


def test_the_newest_value_wins_while_a_push_takes_its_time(eventually):
    pushed, may_go_on, has_begun = [], threading.Event(), threading.Event()

    def push(name, value):
        has_begun.set()
        may_go_on.wait(5)
        pushed.append((name, value))

    notifier = Notifier(push, interval=0.0)
    notifier.put("a", 0)
    assert has_begun.wait(5)
    for value in range(1, 100):
        notifier.put("a", value)
    notifier.put("b", 1)
    may_go_on.set()

    eventually(lambda: len(pushed) == 3)
    notifier.close()
    assert pushed == [("a", 0), ("a", 99), ("b", 1)]


def test_an_error_of_one_push_keeps_nobody_from_hearing(eventually):
    pushed = []

    def push(name, value):
        if name == "bad":
            raise ValueError(name)
        pushed.append(name)

    notifier = Notifier(push, interval=0.0)
    notifier.put("bad", 1)
    notifier.put("good", 1)

    eventually(lambda: pushed == ["good"])
    notifier.close()


def test_putting_never_waits_and_closing_does_not_wait_for_a_push_that_hangs():
    hangs = threading.Event()
    notifier = Notifier(lambda name, value: hangs.wait(10), interval=0.0)

    notifier.put("a", 1)
    notifier.close(timeout=0)
    notifier.close(timeout=0)
    notifier.put("a", 2)

    hangs.set()
    notifier.close()
