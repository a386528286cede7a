"""Windows dragged on the page are written to the detector; counts in them are shown; maps grow."""

from __future__ import annotations

import pytest

from tests.receivers.conftest import Sender
from tests.receivers.liveview.page.conftest import free_port, simulated, view

pytestmark = pytest.mark.timeout(180)
IRON = (625, 655)
FIRST_ROW = "#channel-rows tr[data-channel='0']"
NONE = [[0, 0], [0, 0]]
WIDE, NEAR = 300, 10
"""Pixels: what 200 bins take when no others are shown, and how far a handle is from its bin at most."""


@pytest.fixture(scope="module")
def writable_address(browser):
    """The page of a detector that takes short sessions without end, and lets windows be written."""
    port, monitor_port = free_port(), free_port()
    sessions = ("--frames", 20, "--sessions", 0, "--allow-control")
    with (
        simulated(port, monitor_port, *sessions),
        view(port, monitor_port, "--port", 0, "--control", "serve") as url,
    ):
        yield url


@pytest.fixture
def writable(writable_address, open_page):
    """A page that may write windows; none is set, and none was when what is drawn was counted."""
    screen = open_page(writable_address)
    screen.wait_drawn()
    if windows(screen) != NONE:
        forget_windows(screen)
        screen.page.reload()
        screen.wait_drawn()
    return screen


def forget_windows(screen) -> None:
    for window in (0, 1):
        command = {"type": "window", "channel": None, "window": window, "low": 0, "high": 0}
        screen.page.evaluate("command => liveView.connection.send(command)", command)
    screen.wait(lambda: windows(screen) == NONE, "no windows")
    screen.wait(lambda: in_force(screen) == (0, 0), "a session without windows")


def in_force(screen) -> tuple[int, int]:
    """Limits with which the detector counted window 0 of channel 0."""
    return tuple(screen.page.evaluate("Array.from(liveView.spectra.update.arrays.limits.values.slice(0, 2))"))


def cell_texts(screen) -> list[str]:
    """Counts of channel 0 in window 0, raw and freed of dead time."""
    return screen.text(f"{FIRST_ROW} [data-column='window0']").split()


def windows(screen) -> list[list[int]]:
    return screen.page.evaluate("liveView.hello.windows[0]")


def shift_drag(screen, low: int, high: int) -> None:
    screen.page.keyboard.down("Shift")
    screen.drag(low, high)
    screen.page.keyboard.up("Shift")


def test_a_window_that_is_drawn_is_what_the_detector_counts_from_the_next_session_on(writable):
    shift_drag(writable, *IRON)

    writable.wait(lambda: writable.page.get_attribute("#notice", "data-kind") == "done", "an answer")
    low, high = windows(writable)[0]
    assert (low, high) == (pytest.approx(IRON[0], abs=5), pytest.approx(IRON[1], abs=5))
    writable.wait(lambda: in_force(writable) == (low, high), "a session with the new window")
    writable.press("Space")
    counts, corrected = (int(text) for text in cell_texts(writable))
    spectrum = writable.page.evaluate("Array.from(liveView.chart.traces[0].values)")
    assert counts == sum(spectrum[low : high + 1]) > 0
    assert corrected > counts


def test_until_then_the_spectrum_is_counted_in_it_and_marked(open_page):
    port, monitor_port = free_port(), free_port()
    with (
        simulated(port, monitor_port, "--allow-control"),  # one session without end
        view(port, monitor_port, "--port", 0, "--control", "serve") as url,
    ):
        screen = open_page(url)
        screen.wait_drawn()
        shift_drag(screen, *IRON)
        screen.wait(lambda: cell_texts(screen)[0].endswith("*"), "counts that are marked")
        screen.press("Space")

        low, high = windows(screen)[0]
        spectrum = screen.page.evaluate("Array.from(liveView.chart.traces[0].values)")

        assert cell_texts(screen)[0] == f"{sum(spectrum[low : high + 1])}*"
        assert "from the next session on" in screen.page.get_attribute(
            f"{FIRST_ROW} [data-column='window0']", "title"
        )


def centre(handle):
    """Where it is, in pixels from the left and the top of the page."""
    box = handle.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_an_edge_can_be_dragged_and_moved_by_keys(writable):
    shift_drag(writable, *IRON)
    writable.wait(lambda: windows(writable)[0][0] > 0, "the window")
    low, high = windows(writable)[0]
    writable.page.evaluate("liveView.chart.look(560, 760)")
    handle = writable.page.locator(".window0 .handle.high")
    writable.wait(lambda: writable.place(760) - writable.place(560) > WIDE, "the chart drawn anew")
    writable.wait(lambda: abs(centre(handle)[0] - writable.place(high)) < NEAR, "the handle at its bin")

    start, middle = centre(handle)
    writable.page.mouse.move(start, middle)
    writable.page.mouse.down()
    writable.page.mouse.move(start + writable.place(700) - writable.place(high), middle)
    writable.page.mouse.up()
    writable.wait(lambda: windows(writable)[0] == [low, 700], "the edge at bin 700")

    handle.focus()
    writable.press("ArrowLeft", "Shift+ArrowLeft", "Enter")
    writable.wait(lambda: windows(writable)[0] == [low, 689], "the edge at bin 689")
    assert high < 689


def test_the_other_window_is_set_after_its_key(writable):
    writable.press("w")

    shift_drag(writable, 790, 820)

    writable.wait(lambda: windows(writable)[1][0] > 700, "window 1")
    assert windows(writable)[0] == [0, 0]


def test_limits_can_be_typed_for_another_channel_and_wrong_ones_are_refused(writable):
    writable.page.click("#channel-rows tr[data-channel='3'] .choose")
    row = writable.page.locator("#window-form [data-window='0']")
    low, high = row.locator("input").nth(0), row.locator("input").nth(1)
    low.fill("300")
    high.fill("5000")
    row.locator(".set").click()
    writable.wait(lambda: "5000" in writable.text("#notice"), "the reason")

    low.fill("300")
    high.fill("310")
    row.locator(".set").click()

    writable.wait(
        lambda: writable.page.evaluate("liveView.hello.windows[3][0].join()") == "300,310", "the window"
    )
    assert windows(writable)[0] == [0, 0]


def test_limits_can_be_set_for_all_channels_at_once(writable):
    row = writable.page.locator("#window-form [data-window='1']")
    row.locator("input").nth(0).fill("785")
    row.locator("input").nth(1).fill("823")

    row.get_by_role("button", name="all").press("Enter")

    every = "liveView.hello.windows.map(([, limits]) => limits.join()).join(' ')"
    writable.wait(lambda: writable.page.evaluate(every) == " ".join(["785,823"] * 4), "the windows")
    assert windows(writable)[0] == [0, 0]


def test_windows_set_on_one_page_are_seen_on_another(writable, open_page):
    other = open_page(writable.page.url)
    other.wait_drawn()

    shift_drag(writable, *IRON)

    other.wait(lambda: windows(other)[0][0] > 0, "the window")
    assert other.page.locator(".window0").is_visible()


def test_a_map_grows_with_the_counts_of_its_window(open_page):
    port, sender = free_port(), Sender()
    try:
        options = ("--every-frame", "--port", 0)
        with view(sender.port, port, *options) as url:
            screen = open_page(url)
            sender.wait_joined()
            scan = {"shape": [2, 3], "names": ["y", "x"], "ranges": [[0, 1], [5, 7]], "units": "mm"}
            sender.start(6, metadata={"scan": scan})
            sender.block(0)
            screen.wait(lambda: screen.page.locator("#map").is_visible(), "a map")
            screen.wait(lambda: screen.text("#map-readout").startswith("4 of 6 places"), "four places")

            places = screen.page.evaluate("Array.from(liveView.map.update.arrays.map.values, String)")

            # Window 0 of the sender counts the number of the frame, in each of two channels.
            assert places == ["0", "2", "4", "6", "NaN", "NaN"]
            painted = screen.page.evaluate(
                """Array.from(liveView.map.image.getContext('2d').getImageData(0, 0, 3, 2).data)"""
            )
            assert painted[3::4] == [255, 255, 255, 255, 0, 0]
    finally:
        sender.close()
