"""What is shown while frames come."""

from __future__ import annotations

import io
import threading

from rich.console import Console

from receivers.progress import ProgressSink


def test_on_a_terminal_there_is_a_bar_and_no_thread(sender, run):
    screen = io.StringIO()
    sink = ProgressSink(Console(file=screen, force_terminal=True, width=120))
    threads = []

    class Watch(ProgressSink):
        def write(self, block):
            super().write(block)
            threads.append(threading.active_count())

    def say():
        sender.start(8)
        sender.block(0)
        sender.block(4)
        sender.end(8)

    before = threading.active_count()
    run(say, sink, Watch(Console(file=io.StringIO(), force_terminal=False)))

    assert "session 1763683200: 8 of 8 frames, 0 lost, complete" in screen.getvalue()
    assert "0/8" in screen.getvalue()
    assert set(threads) == {before}


def test_text_from_the_network_is_no_markup(sender, run):
    screen = io.StringIO()

    def say():
        sender.start(8)
        sender.loss(0, 8, "[bold]\x1b[31m")
        sender.end(0, lost=8)

    run(say, ProgressSink(Console(file=screen, width=200)))

    assert "[bold]?[31m" in screen.getvalue()
