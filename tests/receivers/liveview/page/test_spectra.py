"""Spectra on the page: lines where the simulated detector has them, and what keys and mouse do to them."""

from __future__ import annotations

import re

import pytest

LINES = {"Ca": 3.691, "Ti": 4.509, "Fe": 6.400, "Cu": 8.041, "Zn": 8.631}
"""keV, as the simulator makes them."""
BIN = 0.01

# How high the curve of channel 0 reaches at these bins, as drawn: 0 is the lower edge, 1 the upper.
HEIGHTS = """bins => {
  const {plot} = liveView.chart;
  const {data, width, height} = plot.ctx.getImageData(0, 0, plot.ctx.canvas.width, plot.ctx.canvas.height);
  const blue = [0x00, 0x72, 0xb2];
  const distance = at => blue.reduce((far, part, i) => far + Math.abs(data[at + i] - part), 0);
  const isBlue = at => distance(at) < 90 && data[at + 3] > 120;
  return bins.map(bin => {
    const x = Math.round(plot.valToPos(liveView.chart.toAxis(bin), "x", true));
    for (let y = 0; y < height; y++)
      if ([-1, 0, 1].some(aside => isBlue(4 * (y * width + x + aside)))) return 1 - y / height;
    return 0;
  });
}"""

# How many pixels at the lower edge of a bin have the colour of channel 0.
PAINTED = """bin => {
  const {plot} = liveView.chart;
  const {data, width, height} = plot.ctx.getImageData(0, 0, plot.ctx.canvas.width, plot.ctx.canvas.height);
  const blue = [0x00, 0x72, 0xb2];
  const at = place => Math.round(plot.valToPos(place, "x", true));
  const isNear = (part, found) => Math.abs(found - part) < 60;
  const isBlue = i => blue.every((part, colour) => isNear(part, data[i + colour])) && data[i + 3] > 120;
  const left = at(bin - 0.5);
  let painted = 0;
  for (let y = 0; y < height; y++)
    for (const x of [left - 1, left, left + 1]) painted += isBlue(4 * (y * width + x)) ? 1 : 0;
  return painted;
}"""

pytestmark = pytest.mark.timeout(120)


def energy_at_cursor(screen) -> float:
    found = re.search(r"([\d.]+) keV", screen.text("#readout .place"))
    assert found
    return float(found[1])


def counts_at_cursor(screen) -> list[int]:
    return [int(text.split(":")[1]) for text in screen.page.locator("#readout .counts").all_inner_texts()]


def sum_of_a_while(screen) -> None:
    """So many counts that no peak is a matter of luck."""
    screen.page.select_option("#mode", "session")
    screen.wait(
        lambda: screen.page.evaluate(
            "liveView.spectra.update.mode === 'session' && liveView.spectra.update.frames > 40"
        ),
        "40 frames",
    )


@pytest.mark.parametrize("symbol", LINES)
def test_a_simulated_line_is_at_its_energy_and_is_told_by_its_element(screen, symbol):
    sum_of_a_while(screen)
    line = LINES[symbol] / BIN

    screen.drag(line - 25, line + 25)
    screen.press("p")

    assert energy_at_cursor(screen) == pytest.approx(LINES[symbol], abs=2.1 * BIN)
    assert f"{symbol} K\u03b11" in screen.text("#readout .peak")


def test_the_curve_on_the_screen_rises_where_the_iron_line_is(screen):
    sum_of_a_while(screen)
    screen.page.select_option("#mode", "session")
    screen.page.evaluate("liveView.settings.set({chosen: [0]})")
    screen.wait(lambda: screen.page.evaluate("liveView.spectra.update.channels.length") == 1, "one channel")
    screen.drag(500, 800)

    heights = screen.page.evaluate(HEIGHTS, [640, 560, 760])

    at_iron, below, above = heights
    assert at_iron > 0.7
    assert at_iron > max(below, above) + 0.2


def test_counts_at_the_cursor_are_those_that_came(screen):
    screen.press("Space")
    screen.press("p")

    shown = counts_at_cursor(screen)

    came = screen.page.evaluate("liveView.chart.traces.map(t => t.values[liveView.chart.cursorBin])")
    assert shown == came
    assert len(shown) == 4


def test_arrows_move_the_cursor_by_a_bin_and_with_shift_by_ten(screen):
    screen.press("p")
    start = energy_at_cursor(screen)

    screen.press("ArrowRight", "ArrowRight")
    assert energy_at_cursor(screen) == pytest.approx(start + 2 * BIN)

    screen.press("Shift+ArrowLeft")
    assert energy_at_cursor(screen) == pytest.approx(start - 8 * BIN)


def test_where_there_is_no_peak_no_element_is_named(screen):
    sum_of_a_while(screen)
    screen.page.evaluate("liveView.chart.moveCursor(2500)")

    screen.wait_drawn()
    assert energy_at_cursor(screen) == 25.0
    assert screen.page.locator("#readout .peak").count() == 0


def test_the_cursor_stays_at_its_bin_when_the_zoom_changes(screen):
    screen.page.evaluate("liveView.chart.moveCursor(640)")

    screen.press("Space")  # no new spectra would put it right
    screen.page.evaluate("liveView.chart.look(500, 900)")
    screen.press("e", "e", "+")

    assert energy_at_cursor(screen) == 6.4
    assert cursor_line(screen) == pytest.approx(screen.place(640), abs=1)


def cursor_line(screen) -> float:
    """Where the line of the cursor is, in pixels from the left edge of the page."""
    return screen.page.evaluate("document.querySelector('.u-cursor-x').getBoundingClientRect().left")


def test_a_mouse_that_rests_does_not_take_the_cursor_from_the_keys(screen):
    there = """const over = liveView.chart.plot.over, {screenX, screenY, clientX, clientY} = rested;
      over.dispatchEvent(new MouseEvent("mousemove", {screenX, screenY, clientX, clientY, bubbles: true}))"""
    screen.page.evaluate("document.addEventListener('mousemove', event => globalThis.rested = event)")
    screen.page.mouse.move(screen.place(901), screen.middle())
    screen.page.evaluate("liveView.chart.moveCursor(640)")

    screen.page.evaluate(there)
    assert energy_at_cursor(screen) == 6.4

    screen.page.mouse.move(screen.place(800), screen.middle())
    assert energy_at_cursor(screen) == pytest.approx(8.0, abs=2 * BIN)


def test_keys_change_the_axes(screen):
    screen.press("r", "e", "p")
    assert not screen.is_pressed("#axis")
    assert screen.page.evaluate("liveView.chart.plot.scales.x.max") == 4095

    screen.press("e", "l")

    assert screen.page.evaluate("liveView.chart.plot.scales.x.max") == pytest.approx(40.95)
    assert screen.page.evaluate("liveView.chart.plot.scales.y.min") == 0
    assert screen.page.input_value("#scale") == "linear"


def test_square_roots_are_drawn_as_such_and_the_axis_names_counts(screen):
    screen.press("Space", "l", "l")
    assert screen.page.input_value("#scale") == "sqrt"
    drawn, came = screen.page.evaluate(
        "[liveView.chart.columns[0][640], liveView.chart.traces[0].values[640]]"
    )
    named = screen.page.evaluate("[0, 3, 10, 100].map(height => liveView.chart.countsName(height)).join(' ')")

    assert drawn == pytest.approx(came**0.5)
    assert named == "0 9 100 10k"
    screen.press("l")
    assert screen.page.input_value("#scale") == "log"


@pytest.mark.parametrize("most", [1, 7, 30, 1234, 5e6])
def test_an_axis_of_square_roots_has_round_places_that_rise(modules, most):
    heights = modules.module("heights", "m.heightsOf('sqrt').range(Math.sqrt(argument))", most)
    splits = modules.module(
        "heights", "m.heightsOf('sqrt').splits(null, 1, ...argument).map(height => height ** 2)", heights
    )

    assert heights[0] == 0
    assert heights[1] ** 2 >= most
    assert splits == sorted(splits)
    assert len(splits) >= 4
    assert all(float(f"{counts:.1g}") == pytest.approx(counts) for counts in splits[:-1])


def test_at_first_the_axis_ends_where_the_counts_do_and_a_key_shows_the_rest(screen):
    screen.wait(lambda: screen.shown()[1] < 2600, "the end of the counts")
    assert screen.shown()[0] == 0
    assert screen.shown()[1] > 1250  # the scattered light of the simulator ends at 12.4 keV

    screen.press("r")
    assert screen.shown() == (0, 4095)
    screen.wait_drawn(2)
    assert screen.shown() == (0, 4095)

    screen.press("f")
    assert screen.shown()[1] < 2600


def test_the_picture_against_time_says_which_part_of_the_axis_it_shows(screen):
    title = "#waterfall-title"
    screen.press("Space")
    screen.page.evaluate("liveView.chart.look(500, 900)")
    screen.wait(lambda: screen.text(title).startswith("5 to 9 keV, from now down to"), "energies")

    screen.press("e")

    screen.wait(lambda: screen.text(title).startswith("bins 500 to 900, from now"), "bins")


def test_without_a_cursor_the_line_below_the_chart_says_how_to_get_one(screen):
    screen.wait(lambda: "press p" in screen.text("#readout"), "a hint")

    screen.press("p")

    assert counts_at_cursor(screen)


FIT = """argument => import('/fit.js').then(m => {
  const fit = new m.Fit();
  return argument.map(([last, counts]) => {
    const values = new Uint32Array(4096);
    values.fill(counts, last - 31, last + 1);
    return fit.follow([{values}], null, 4096);
  });
})"""


def test_the_axis_grows_with_the_counts_and_shrinks_only_when_most_of_it_is_empty(modules):
    # the last bin with counts, and how many each of the 32 below has
    ends = modules.page.evaluate(
        FIT, [(0x3FF, 0), (0x3FF, 9), (0x7FF, 9), (0x5FF, 9), (0x3FF, 0), (0x0FF, 9)]
    )

    assert ends == [None, 1500, 2500, 2500, 2500, 300]


def test_a_weak_line_is_not_left_out_and_a_stray_count_is(modules):
    reach = modules.module(
        "fit",
        """m.reachOf([{values: Uint32Array.from({length: 4096},
        (_, bin) => bin < 1024 ? 100 : bin === 2560 ? argument[0] : bin === 4000 ? argument[1] : 0)}])""",
        [22, 3],
    )

    assert reach == 2591  # the end of the 32 bins that hold bin 2560


def test_lines_of_a_family_that_lie_together_share_a_name(modules):
    lines = [
        {"symbol": "Fe", "line": "La1", "label": "Fe L1", "left": 40},
        {"symbol": "Cu", "line": "La1", "label": "Cu L1", "left": 52},
        {"symbol": "Fe", "line": "Lb1", "label": "Fe L2", "left": 54},
        {"symbol": "Cu", "line": "Ka1", "label": "Cu K1", "left": 400},
        {"symbol": "Cu", "line": "Kb1", "label": "Cu K2", "left": 430},
    ]

    labels = modules.module("marks", "m.labelsOf(argument, text => 6 * text.length)", lines)

    assert [(label["text"], label["left"], label["width"]) for label in labels] == [
        ("Fe L", 40, 24),
        ("Cu L1", 52, 30),
        ("Cu K1", 400, 30),
        ("Cu K2", 430, 30),
    ]


def test_no_line_leads_from_single_counts_down_to_none_on_the_logarithmic_axis(screen):
    screen.press("Space")
    screen.page.evaluate(
        """() => {
        const values = Uint32Array.from({length: 4096}, (_, bin) => (bin === 640 ? 100 : 0));
        liveView.chart.show([{key: "a", label: "a", channel: 0, values, calibration: null}], 4096);
        liveView.chart.look(600, 680);
        }"""
    )

    assert screen.page.evaluate(PAINTED, 640) < 12
    screen.press("l")
    assert screen.page.evaluate(PAINTED, 640) > 100


def test_a_drag_zooms_and_the_zoom_outlives_new_data_and_the_other_axis(screen):
    screen.drag(600, 700)
    low, high = screen.shown()
    assert (low, high) == (pytest.approx(600, abs=8), pytest.approx(700, abs=8))

    screen.wait_drawn(2)
    screen.press("e")
    assert screen.shown() == (low, high)

    screen.press("r")
    assert screen.shown() == (0, 4095)


def test_wheel_and_keys_zoom_and_move(screen):
    screen.press("r")
    screen.page.mouse.move(screen.place(640), screen.middle())
    before = screen.shown()

    screen.page.mouse.wheel(0, -100)
    screen.wait(lambda: screen.shown() != before, "zoomed by the wheel")
    assert screen.place(640) == pytest.approx(screen.place(640), abs=2)

    screen.press("+")
    low, high = screen.shown()
    screen.press("]")
    moved_low, moved_high = screen.shown()
    assert moved_low - low == pytest.approx(0.2 * (high - low))
    assert moved_high - moved_low == pytest.approx(high - low)


def touch(session, kind: str, *places: tuple[float, float]) -> None:
    points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_two_fingers_zoom_and_one_moves(address, open_page):
    screen = open_page(address, has_touch=True)
    screen.wait_drawn()
    screen.press("r")
    session, height = screen.page.context.new_cdp_session(screen.page), screen.middle()
    left, right = screen.place(1000), screen.place(2000)

    touch(session, "touchStart", (left, height), (right, height))
    touch(session, "touchMove", (left - 100, height), (right + 100, height))
    touch(session, "touchEnd")

    screen.wait(lambda: screen.shown() != (0, 4095), "zoomed by two fingers")
    assert screen.place(1000) == pytest.approx(left - 100, abs=4)
    assert screen.place(2000) == pytest.approx(right + 100, abs=4)

    low, high = screen.shown()
    touch(session, "touchStart", (right, height))
    touch(session, "touchMove", (right - 50, height))
    touch(session, "touchEnd")

    screen.wait(lambda: screen.shown()[0] > low, "moved by one finger")
    assert screen.shown()[1] - screen.shown()[0] == pytest.approx(high - low)


def test_digits_take_channels_away_and_back_and_the_last_one_stays(screen):
    screen.press("1", "2", "3")
    screen.wait(
        lambda: screen.page.evaluate("liveView.spectra.update.channels.join()") == "0", "channel 0 alone"
    )

    screen.press("0")
    assert "only one" in screen.text("#notice")

    screen.press("2")
    screen.wait(
        lambda: screen.page.evaluate("liveView.spectra.update.channels.join()") == "0,2", "channel 2 again"
    )


def test_the_sum_is_one_curve_with_the_counts_of_all(screen):
    screen.press("s")
    screen.wait(lambda: screen.page.evaluate("liveView.spectra.update.sum"), "the sum")

    screen.press("p")

    assert len(counts_at_cursor(screen)) == 1
    assert screen.text("#readout .counts").startswith("sum:")


def test_the_page_says_of_which_frames_a_sum_is(screen):
    sum_of_a_while(screen)
    screen.press("Space")

    frame, frames = screen.page.evaluate("[liveView.spectra.update.frame, liveView.spectra.update.frames]")

    assert screen.text("#caption").startswith(f"counts of {frames} frames up to frame {frame}, ")


def test_frames_that_are_not_in_a_sum_are_told(modules):
    sum_of_some = {"frame": 12345, "frames": 10, "frames_passed": 7, "counting_time": None}

    said = modules.module("readout", "m.describeFrames(argument)", sum_of_some)

    assert said.replace("\u202f", "") == "counts of 10 frames up to frame 12345; 7 between them are not in"


@pytest.mark.parametrize(
    ("value", "shown"), [(999999, "999\u202f999"), (1155608, "1.1556M"), (2.5e9, "2.5000G"), (None, "\u2013")]
)
def test_counts_fit_into_the_table(modules, value, shown):
    assert modules.module("format", "m.fitting(argument)", value) == shown


def test_a_held_picture_stays_and_goes_on_again(screen):
    screen.press("Space")
    frozen = screen.page.evaluate("liveView.spectra.update.frame")

    screen.wait_drawn(2)
    assert screen.page.evaluate("liveView.spectra.update.frame") == frozen

    screen.press("Space")
    screen.wait(lambda: screen.page.evaluate("liveView.spectra.update.frame") > frozen, "newer spectra")


def test_kept_spectra_stay_beside_the_new_ones_until_they_are_forgotten(screen):
    screen.press("k")
    kept = screen.page.evaluate("Array.from(liveView.spectra.kept[0].values)")

    screen.wait_drawn(3)
    traces = screen.page.evaluate("liveView.chart.traces.map(t => [t.key, Array.from(t.values)])")
    assert [key for key, _ in traces][4:] == [f"kept channel {channel}" for channel in range(4)]
    assert traces[4][1] == kept
    assert traces[0][1] != kept

    screen.press("k")
    screen.wait(lambda: screen.page.evaluate("liveView.chart.traces.length") == 4, "nothing kept")


def test_rates_and_dead_time_are_those_of_the_simulated_detector(screen):
    row = "#channel-rows tr[data-channel='0']"

    rate, dead = screen.text(f"{row} [data-column='in']"), screen.text(f"{row} [data-column='dead']")

    assert float(rate.removesuffix("k")) == pytest.approx(200, rel=0.1)  # Poisson of a short frame
    assert 0.5 < float(dead) < 5


def test_saved_spectra_are_a_table_of_what_is_shown(screen, tmp_path):
    screen.press("Space")
    with screen.page.expect_download() as started:
        screen.page.click("#save")

    lines = (started.value.path()).read_text().splitlines()

    assert lines[0] == "bin,energy_keV,channel 0,channel 1,channel 2,channel 3"
    counts = screen.page.evaluate("liveView.chart.traces.map(t => t.values[640])")
    assert lines[641].split(",") == ["640", "6.4000000", *map(str, counts)]
