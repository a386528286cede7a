"""Dead time and rates against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from xspress3 import dead_time
from xspress3.model import SCALER_DTYPE

CLOCK_PERIOD = 12.5e-9
# A frame recorded at NanoMAX, channel with an event width of 6 ticks.
RECORDED = {"clock_ticks": 3999990, "reset_ticks": 1713480, "all_events": 12303}


def frame(**values: int) -> np.ndarray:
    scalers = np.zeros((1, 1), dtype=SCALER_DTYPE)
    for name, value in values.items():
        scalers[name] = value
    return scalers


def test_each_event_costs_its_width_and_one_tick_more():
    # 12303 * (6 + 1) + 1713480
    assert dead_time.dead_ticks(frame(**RECORDED), [6]).item() == 1799601


def test_correction_of_a_recorded_frame():
    # 3999990 / (3999990 - 1799601)
    assert dead_time.dead_time_correction(frame(**RECORDED), [6]).item() == pytest.approx(1.81786, abs=5e-6)


def test_dead_fraction_of_a_recorded_frame():
    # 1799601 / 3999990
    assert dead_time.dead_time_fraction(frame(**RECORDED), [6]).item() == pytest.approx(0.449901, abs=5e-7)


def test_output_rate_is_good_events_per_second_of_real_time():
    # 3999990 ticks of 12.5 ns are 0.049999875 s; 12303 events in them are 246060.6 per second
    rate = dead_time.output_count_rate(frame(all_good=12303, total_ticks=3999990), CLOCK_PERIOD)

    assert rate.item() == pytest.approx(246060.6, abs=0.05)


def test_input_rate_is_all_events_per_second_of_live_time():
    # 12303 / ((3999990 - 1799601) * 12.5 ns) = 12303 / 0.0275048625 s
    rate = dead_time.input_count_rate(frame(**RECORDED), [6], CLOCK_PERIOD)

    assert rate.item() == pytest.approx(447302.7, abs=0.1)


# Of 1000 ticks 800 arrived; 10 events of 6 + 1 ticks and 30 ticks of reset: 100 dead, 700 live.
LOSSY = {"clock_ticks": 800, "total_ticks": 1000, "reset_ticks": 30, "all_events": 10, "all_good": 7}


def test_lost_packets_are_made_up_for_to_the_whole_exposure():
    scalers = frame(**LOSSY)

    assert dead_time.exposure_scale(scalers).item() == 1.25
    assert dead_time.dead_time_correction(scalers, [6]).item() == pytest.approx(1000 / 700, rel=1e-15)


def test_rates_with_lost_packets():
    scalers = frame(**LOSSY)

    # The input rate is that of the live time that arrived: it does not know of the loss.
    assert dead_time.input_count_rate(scalers, [6], 1e-3).item() == pytest.approx(10 / 0.7)
    assert dead_time.output_count_rate(scalers, 1e-3).item() == pytest.approx(7.0)
    assert dead_time.dead_time_fraction(scalers, [6]).item() == pytest.approx(100 / 800)


def test_a_total_below_the_ticks_that_arrived_is_not_believed():
    # One tick apart is how cards differ; 0 is a recording without total ticks.
    for total_ticks in (999, 0):
        scalers = frame(clock_ticks=1000, total_ticks=total_ticks, reset_ticks=500)

        assert dead_time.dead_time_correction(scalers, [6]).item() == 2.0
        assert dead_time.exposure_scale(scalers).item() == 1.0


def test_a_frame_of_which_nothing_arrived_gives_nan():
    scalers = frame(clock_ticks=0, total_ticks=1000)

    assert np.isnan(dead_time.exposure_scale(scalers).item())
    assert np.isnan(dead_time.dead_time_correction(scalers, [6]).item())
    assert np.isnan(dead_time.input_count_rate(scalers, [6], CLOCK_PERIOD).item())


def test_each_frame_and_channel_has_its_own_loss():
    scalers = np.zeros((2, 2), dtype=SCALER_DTYPE)
    scalers["total_ticks"] = 1000
    scalers["clock_ticks"] = [[1000, 500], [250, 0]]

    np.testing.assert_array_equal(dead_time.dead_time_correction(scalers, [6, 6]), [[1, 2], [4, np.nan]])


@pytest.mark.parametrize("reset_ticks", [4000000, 4000001])
def test_a_saturated_channel_gives_nan_not_a_number_that_looks_right(reset_ticks):
    scalers = frame(clock_ticks=4000000, reset_ticks=reset_ticks, all_events=1)

    assert np.isnan(dead_time.dead_time_correction(scalers, [6]).item())
    assert np.isnan(dead_time.input_count_rate(scalers, [6], CLOCK_PERIOD).item())
    assert np.isnan(dead_time.dead_time_fraction(scalers, [6]).item())


def test_a_frame_without_time_gives_nan():
    scalers = frame()

    assert np.isnan(dead_time.output_count_rate(scalers, CLOCK_PERIOD).item())
    assert np.isnan(dead_time.dead_time_correction(scalers, [6]).item())
    assert np.isnan(dead_time.dead_time_fraction(scalers, [6]).item())


def test_counters_near_their_end_do_not_wrap():
    # 4294967295 * (99 + 1) is beyond 32 bits
    assert dead_time.dead_ticks(frame(all_events=4294967295), [99]).item() == 429496729500


def test_each_channel_has_its_own_event_width():
    scalers = np.zeros((2, 3), dtype=SCALER_DTYPE)
    scalers["all_events"] = 10

    ticks = dead_time.dead_ticks(scalers, [0, 1, 5])

    assert ticks.tolist() == [[10, 20, 60], [10, 20, 60]]
