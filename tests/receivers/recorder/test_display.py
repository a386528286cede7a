"""What people see of several streams while they are recorded."""

import io
import json

from rich.console import Console

from receivers.recorder.display import Display
from receivers.recorder.status import Counts, State, StreamStatus


def status(name, **changes):
    said = {"preset": "recorder", "state": State.RECORDING, "is_connected": True, **changes}
    return StreamStatus(5.0, name, "tcp://x:1", "xsp3", **said)


def console(**options):
    return Console(file=io.StringIO(), record=True, width=160, color_system=None, **options)


def last_table(said):
    """Rows of the table that was drawn last."""
    lines = said.export_text().splitlines()
    last = max(number for number, line in enumerate(lines) if "frames/s" in line)
    return [line for line in lines[last:] if "│" in line]


def has(row, *words):
    return all(word in row for word in words)


def test_each_stream_has_a_row_of_its_own_in_the_table():
    said = console(force_terminal=True)
    streams = [
        status("first", counts=Counts(written=1200, waiting=34), rate=499.6, last_file="/data/a_000.h5"),
        status("second", state=State.WAITING, is_connected=False, time_to_full=7200.0),
        status("third", counts=Counts(lost=7), degraded=("disk full",)),
    ]

    with Display(said, as_json=False) as display:
        display.tick(streams)

    first, second, third = last_table(said)
    assert has(first, "first", "recording", "500", "1200", "34", "/data/a_000.h5")
    assert has(second, "second", "waiting", "2.0 h")
    assert has(third, "third", "disk full", "7")


def test_the_table_is_drawn_anew_with_what_is_so_now():
    said = console(force_terminal=True)

    with Display(said, as_json=False) as display:
        display.tick([status("a", counts=Counts(written=1))])
        display.tick([status("a", counts=Counts(written=2222))])  # too soon
        early = said.export_text(clear=False)
        display.tick([status("a", counts=Counts(written=3333))], force=True)

    assert "2222" not in early
    assert "3333" in "".join(last_table(said))


def test_without_a_terminal_each_stream_is_a_line_that_comes_again_only_with_news():
    said = console(force_terminal=False)

    with Display(said, as_json=False) as display:
        display.tick([status("a"), status("b")])
        display.tick([status("a"), status("b")])
        display.tick([status("a"), status("b", degraded=("disk full",))])

    lines = said.export_text().splitlines()
    assert [line[0] for line in lines] == ["a", "b", "a", "b"]
    assert "degraded: disk full" in lines[3]


def test_as_json_each_stream_is_an_object_in_a_line():
    said = console(force_terminal=True)

    with Display(said, as_json=True) as display:
        display.tick([status("a"), status("b", last_file="/data/[red]b[/red].h5")])

    a, b = map(json.loads, said.export_text().splitlines())
    assert (a["name"], b["last_file"]) == ("a", "/data/[red]b[/red].h5")


def test_a_stream_cannot_write_to_the_terminal_what_it_likes():
    said = console(force_terminal=True)

    with Display(said, as_json=False) as display:
        display.tick([status("a\x1b[2J[red]b", degraded=("\x1b]0;title\x07",))])

    row = "".join(last_table(said))
    assert "\x1b" not in row
    assert "[red]b" in row
