"""Points of the strip charts are means over their second; where nothing was seen they are no numbers."""

from __future__ import annotations

import numpy as np
import pytest

from receivers.liveview.history import History
from receivers.liveview.sums import sum_of


@pytest.fixture
def history(geometry):
    return History(geometry)


def test_a_point_is_the_mean_over_the_frames_of_its_second(history, frames, geometry):
    history.add(sum_of(frames(1, 2), geometry), 100.1)
    history.add(sum_of(frames(3), geometry), 100.9)
    history.tick(101.0)

    points = history.since(0)
    assert points.times.tolist() == [100.5]
    input_rate, output_rate, dead_time, window0, window1 = points.curves[:, 0]
    np.testing.assert_allclose(dead_time, [0.1, 0.2], rtol=1e-6)
    np.testing.assert_allclose(input_rate, [20 / 0.9e-3, 20 / 0.8e-3], rtol=1e-6)
    np.testing.assert_allclose(output_rate, [18e3, 18e3], rtol=1e-6)
    np.testing.assert_allclose(window0, [(1 + 2 + 3) / 3e-3] * 2, rtol=1e-6)
    np.testing.assert_allclose(window1, [7e3, 7e3], rtol=1e-6)
    # Bin 2 of both channels in frames 1, 2 and 3: 3 + 13, 4 + 14, 5 + 15.
    np.testing.assert_allclose(points.rows[0, 2], 54 / 3e-3, rtol=1e-6)


def test_a_second_without_frames_is_not_a_number(history, frames, geometry):
    history.add(sum_of(frames(0), geometry), 10.0)
    history.tick(12.5)

    points = history.since(0)
    assert points.times.tolist() == [10.5, 11.5]
    assert np.isfinite(points.curves[:, 0]).all()
    assert np.isnan(points.curves[:, 1]).all()
    assert np.isnan(points.rows[1]).all()


def test_after_a_long_pause_only_what_is_kept_is_made(history, frames, geometry):
    history.add(sum_of(frames(0), geometry), 10.0)
    history.tick(10.0 + 1e9)

    points = history.since(0)
    assert history.end == 1e9
    assert len(points.times) == history.keep
    assert points.times[-1] == 1e9 + 9.5
    assert np.isnan(points.curves).all()


def test_a_clock_that_is_set_back_makes_no_points(history, frames, geometry):
    history.add(sum_of(frames(0), geometry), 100.0)
    assert not history.tick(50.0)
    assert history.tick(51.0)

    assert history.since(0).times.tolist() == [50.5]


def test_one_asks_for_what_is_new(history, frames, geometry):
    for second in range(5):
        history.add(sum_of(frames(second), geometry), float(second))

    assert history.since(2).times.tolist() == [2.5, 3.5]
    assert history.since(4).times.tolist() == []
    assert history.since(99).first == 4


def test_points_are_counted_from_the_number_that_was_told(frames, geometry):
    history = History(geometry, begin=51)
    for second in range(3):
        history.add(sum_of(frames(second), geometry), float(second))

    assert history.since(0).first == history.since(50).first == 51
    assert history.since(50).times.tolist() == [0.5, 1.5]
    assert history.since(52).times.tolist() == [1.5]


def test_old_points_make_room(history, frames, geometry):
    total = sum_of(frames(0), geometry)
    for second in range(history.keep + 50):
        history.add(total, float(second))

    points = history.since(0)
    assert points.first == 49
    assert len(points.times) == history.keep
    assert np.all(np.diff(points.times) == 1)
