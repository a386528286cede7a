"""What was, on the page: the rate that the strip chart shows, and what the colours of the picture mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest

from tests.receivers.conftest import Sender, Truth
from tests.receivers.liveview.page.conftest import Screen, free_port, view

pytestmark = pytest.mark.timeout(180)

# Frames of 80,000 ticks of 12.5 ns, a millisecond. Channel 0 counts 200 events of 7 ticks, channel 1 400 of
# 5 ticks, and each waits 500 ticks for resets.
RATES = {
    "input_rate": [200 / ((80000 - 200 * 7 - 500) * 12.5e-9), 400 / ((80000 - 400 * 5 - 500) * 12.5e-9)],
    "output_rate": [180e3, 360e3],
    "window0": [50e3, 100e3],
    "window1": [20e3, 40e3],
}
NEXT_RATE = {"input_rate": "output_rate", "output_rate": "window0", "window0": "window1"}
# Counts a frame in a bin of each channel: a count is 2000/s of both together.
COUNTS = {10: 50, 20: 1, 30: 5}
LATER = 10
"""By so much brighter is what the sender counts later."""


class SteadyTruth(Truth):
    """Each frame counts the same, so that each interval has the rates of a frame."""

    def __init__(self) -> None:
        self.brightness = 1

    def histogram(self, first: int, n_frames: int) -> npt.NDArray[np.uint32]:
        histogram = np.zeros((n_frames, self.n_channels, self.n_bins), dtype="<u4")
        for number, counts in COUNTS.items():
            histogram[..., number] = counts * self.brightness
        return histogram

    def scalers(self, first: int, n_frames: int) -> npt.NDArray[np.uint32]:
        one = (80000, 500, 3, 200, 180, 50, 20, 5, 80000)
        other = (80000, 500, 3, 400, 360, 100, 40, 5, 80000)
        return np.array([[one, other]] * n_frames, dtype="<u4")


class SteadySender(Sender):
    """Sends frames as long as somebody waits for the page, and not longer."""

    def __init__(self) -> None:
        super().__init__()
        self.truth: SteadyTruth = SteadyTruth()
        self.n_sent = 0

    def go_on(self) -> None:
        self.block(self.n_sent)
        self.n_sent += 4
        self.serve()

    def pause(self) -> None:
        """Have no frame, but stay in the session."""
        self.alive(self.session_id)
        self.serve()


@pytest.fixture
def sender() -> Iterator[SteadySender]:
    made = SteadySender()
    yield made
    made.close()


@pytest.fixture
def steady(sender: SteadySender, open_page) -> Iterator[Screen]:
    """The page of a detector that counts always the same, with a history of some seconds."""
    with view(sender.port, free_port(), "--every-frame", "--port", 0) as url:
        screen = open_page(url)
        sender.wait_joined()
        sender.start()
        wait_while(screen, sender.go_on, lambda: len(known(screen)) > 1, "some points")
        yield screen


def wait_while(screen: Screen, act: Callable[[], None], condition: Callable[[], object], what: str) -> None:
    """Wait until `condition` holds, and `act` before each look."""

    def act_and_ask() -> object:
        act()
        return condition()

    screen.wait(act_and_ask, what)


def curve(screen: Screen, channel: int = 0) -> list[float | None]:
    """What the chart of rates draws for a channel, the oldest first."""
    code = "channel => Array.from(liveView.rates.rateChart.plot?.data[channel + 1] ?? [])"
    return screen.page.evaluate(code, channel)


def known(screen: Screen, channel: int = 0) -> list[float]:
    return [value for value in curve(screen, channel) if value is not None]


# Whether the chart of rates is painted in the colour of channel 0 at the newest point that is known.
IS_DRAWN = """async rate => {
  const {plot} = liveView.rates.rateChart;
  await new Promise(requestAnimationFrame);
  const [times, values] = plot.data;
  const at = values.findLastIndex(value => value !== null);
  const [x, y] = [plot.valToPos(times[at], 'x', true), plot.valToPos(rate, 'y', true)].map(Math.round);
  const {data} = plot.ctx.getImageData(x - 2, y - 2, 5, 5);
  const blue = [0x00, 0x72, 0xb2];
  const far = pixel => blue.reduce((sum, part, i) => sum + Math.abs(part - data[4 * pixel + i]), 0);
  return [...Array(25).keys()].some(pixel => data[4 * pixel + 3] > 120 && far(pixel) < 120);
}"""


def test_the_chart_shows_the_rate_that_was_chosen_as_the_detector_counted_it(steady):
    for name, rates in RATES.items():
        steady.page.select_option("#rate", name)

        for channel, rate in enumerate(rates):
            assert set(known(steady, channel)) == {np.float32(rate)}
        assert steady.page.evaluate(IS_DRAWN, rates[0])
        assert not steady.page.evaluate(IS_DRAWN, rates[0] / 2)


def test_the_rate_is_chosen_with_the_keyboard_and_is_there_after_a_reload(steady, sender):
    steady.page.focus("#rate")
    for before, name in NEXT_RATE.items():
        assert steady.page.input_value("#rate") == before
        steady.press("ArrowDown")
        assert known(steady)[-1] == pytest.approx(RATES[name][0], rel=1e-6)

    steady.page.reload()

    wait_while(steady, sender.go_on, lambda: known(steady), "the history")
    assert steady.page.input_value("#rate") == "window1"
    assert known(steady)[-1] == pytest.approx(RATES["window1"][0], rel=1e-6)


def test_seconds_without_frames_are_gaps_in_each_rate_and_never_nothing(steady, sender):
    wait_while(steady, sender.pause, lambda: None in curve(steady), "a gap")
    wait_while(steady, sender.go_on, lambda: curve(steady)[-1] is not None, "a point after the gap")
    assert not steady.page.evaluate("liveView.rates.rateChart.plot.series[1].spanGaps")

    for name, rates in RATES.items():
        steady.page.select_option("#rate", name)

        assert set(curve(steady)) == {None, np.float32(rates[0])}


ALONE = """rate => {
  const part = (values, Type) => ({values: new Type(values), shape: [values.length, 1]});
  const rates = part([NaN, rate, NaN], Float32Array);
  liveView.connection.handlers.update = () => null; // nothing else comes
  liveView.rates.add({first: 1000, keep: 600, arrays: {times: part([1, 2, 3], Float64Array),
    input_rate: rates, output_rate: rates, dead_time: rates, window0: rates, window1: rates}}, [0]);
}"""


def test_a_second_of_frames_between_two_gaps_is_a_dot(screen):
    screen.wait(lambda: known(screen), "the history")

    screen.page.evaluate(ALONE, 7)

    assert curve(screen) == [None, 7, None]
    assert screen.page.evaluate(IS_DRAWN, 7)
    assert not screen.page.evaluate(IS_DRAWN, 3)


@pytest.mark.parametrize("kept", ['{"rate": "dead_time"}', '{"rate": "__proto__"}', '{"rate": ["window0"]}'])
def test_a_rate_that_is_none_becomes_the_input_rate(screen, kept):
    screen.page.evaluate("kept => localStorage.setItem('xspress3-live-view', kept)", kept)

    screen.page.reload()

    screen.wait(lambda: known(screen), "the history")
    assert screen.page.input_value("#rate") == "input_rate"
    assert known(screen)[-1] == pytest.approx(200e3, rel=0.1)


def test_where_nothing_is_counted_the_axis_of_rates_ends_at_one(screen):
    screen.wait(lambda: known(screen), "the history")

    screen.page.select_option("#rate", "window1")  # which has no limits, and counts nothing

    assert set(curve(screen)) <= {0, None}
    assert screen.page.evaluate("liveView.rates.rateChart.plot.scales.y.max") == 1


def legend(screen: Screen) -> tuple[str, str, str]:
    """Numbers at the ends of the colours, and what they are."""
    least, most, unit = (screen.text(f"#waterfall-scale .{part}") for part in ("least", "most", "unit"))
    return least, most, unit


# The colour of the legend at a part of its length, and of the newest row of the picture at a bin.
COLOURS = """([part, bin]) => {
  const {ramp} = liveView.waterfall.scale;
  const {image} = liveView.waterfall;
  const pixel = (canvas, x) => Array.from(canvas.getContext('2d').getImageData(x, 0, 1, 1).data);
  return [pixel(ramp, Math.round(part * (ramp.width - 1))), pixel(image, bin)];
}"""


def is_coloured_as_told(screen: Screen, number: int, brightness: int = 1) -> bool:
    """Whether a bin has the colour that the legend, which goes over four decades, gives to its rate."""
    rate = 2000.0 * COUNTS[number] * brightness
    part = 1 + (math.log10(rate) - math.log10(100e3 * brightness)) / 4
    told, painted = screen.page.evaluate(COLOURS, [part, number])
    return np.allclose(told, painted, atol=3)  # a shade beside


def test_the_legend_says_which_rates_the_colours_are(steady):
    assert legend(steady) == ("\u2264 10", "100k", "counts/s in 1 bin, log")
    assert [is_coloured_as_told(steady, number) for number in COUNTS] == [True] * 3


def test_bins_without_counts_have_the_first_colour_of_the_legend(steady):
    told, painted = steady.page.evaluate(COLOURS, [0, 5])

    assert told == painted == [0x44, 0x01, 0x54, 255]


def test_the_legend_grows_with_the_rates_and_the_colours_with_it(steady, sender):
    sender.truth.brightness = LATER

    wait_while(steady, sender.go_on, lambda: legend(steady)[1] == "1M", "a larger scale")
    wait_while(steady, sender.go_on, lambda: is_coloured_as_told(steady, 10, LATER), "a row of these rates")

    assert legend(steady) == ("\u2264 100", "1M", "counts/s in 1 bin, log")
    assert all(is_coloured_as_told(steady, number, LATER) for number in COUNTS)


def test_rows_of_another_detector_begin_without_those_of_the_first(steady):
    steady.page.evaluate("liveView.connection.handlers.update = () => null")  # nothing else comes
    row = """liveView.waterfall.add({first: 1000, interval: 1, bins_per_cell: 1, arrays: {
      rows: {values: new Float32Array(256).fill(NaN), shape: [1, 256]}}})"""

    steady.page.evaluate(row)

    assert not steady.page.locator("#waterfall-scale").is_visible()
    assert not any(steady.page.evaluate(COLOURS, [0, 10])[1])
    below = "Array.from(liveView.waterfall.image.getContext('2d').getImageData(0, 0, 256, 9).data)"
    assert not any(steady.page.evaluate(below))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_the_legend_is_whole_and_within_its_panel(address, open_page, scheme, width, height):
    screen = open_page(address, color_scheme=scheme, viewport={"width": width, "height": height})
    screen.wait(lambda: screen.page.locator("#waterfall-scale").is_visible(), "a legend")

    panel = screen.page.locator("#waterfall").bounding_box()
    for part in ("least", "ramp", "most", "unit"):
        box = screen.page.locator(f"#waterfall-scale .{part}").bounding_box()
        assert box["x"] >= panel["x"]
        assert box["x"] + box["width"] <= panel["x"] + panel["width"]
        assert box["y"] + box["height"] <= panel["y"] + panel["height"]
    assert screen.page.locator("#waterfall-scale .ramp").bounding_box()["width"] >= 60
