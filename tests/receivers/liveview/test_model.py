"""What a viewer sees of a stream, fed by real messages of a sender that says what a test wants."""

from __future__ import annotations

import time

import numpy as np
import pytest

from receivers.liveview.model import MAX_ROLLING, LiveModel
from receivers.liveview.sums import Mode
from xspress3.stream import ArrayInfo

LATEST = Mode.parse("latest")
SESSION = Mode.parse("session")


@pytest.fixture
def model():
    return LiveModel()


def test_the_newest_frame_is_kept_after_the_session(sender, run, model):
    def say():
        sender.start(8)
        sender.block(0)
        sender.block(4)
        sender.end(8)

    run(say, model)

    spectra = model.spectra(LATEST)
    assert (spectra.frame, spectra.total.n_frames, spectra.n_passed) == (7, 1, 0)
    np.testing.assert_array_equal(spectra.total.histogram, sender.truth.histogram(7, 1)[0])
    np.testing.assert_array_equal(spectra.total.scalers, sender.truth.scalers(7, 1)[0])
    assert spectra.total.histogram.dtype == np.dtype("<u4")
    assert spectra.source.n_frames == 8


def test_the_sum_of_a_session_is_that_of_all_frames_that_came(sender, run, model):
    def say():
        sender.start(12)
        sender.block(0)
        sender.loss(4, 4)
        sender.block(8)
        sender.end(8, lost=4)

    run(say, model)

    spectra = model.spectra(SESSION)
    truth = sender.truth.histogram(0, 4).sum(axis=0, dtype="u8") + sender.truth.histogram(8, 4).sum(
        axis=0, dtype="u8"
    )
    np.testing.assert_array_equal(spectra.total.histogram, truth)
    assert (spectra.total.n_frames, spectra.n_passed) == (8, 4)
    assert (model.counts.seen, model.counts.missed, model.counts.passed_over) == (8, 4, 0)


def test_the_sum_of_a_session_begins_anew_with_the_next(sender, run, model):
    def say():
        sender.start(4)
        sender.block(0)
        sender.end(4)
        sender.session_id += 1
        sender.start(8)
        sender.block(0)
        sender.block(4)
        sender.end(8)

    run(say, model, sessions=2)

    assert model.spectra(SESSION).total.n_frames == 8


def test_a_sum_of_the_last_frames_goes_on_over_sessions(sender, run, model):
    def first():
        sender.start(4)
        sender.block(0)
        sender.end(4)

    def second():
        sender.session_id += 1
        first()

    run(first, model)
    model.spectra(Mode.parse("frames:6"))  # somebody looks, so it is kept from now on
    run(second, model)
    run(second, model)

    spectra = model.spectra(Mode.parse("frames:6"))
    truth = sender.truth.histogram(2, 2).sum(axis=0, dtype="u8") + sender.truth.histogram(0, 4).sum(
        axis=0, dtype="u8"
    )
    assert spectra.total.n_frames == 6
    np.testing.assert_array_equal(spectra.total.histogram, truth)


def test_other_windows_let_go_of_all_sums(sender, run, model):
    def say(**changes):
        sender.start(4, **changes)
        sender.block(0)
        sender.end(4)
        sender.session_id += 1

    run(say, model)
    model.spectra(Mode.parse("frames:100"))
    run(say, model)
    other = {**sender.start_message(4).detector, "windows": [[[1, 2], [3, 4]]] * 2}
    run(lambda: say(detector=other), model)

    assert model.spectra(Mode.parse("frames:100")).total.n_frames == 4


def test_points_of_other_windows_do_not_go_on_from_those_before(sender, run, model):
    def say(**changes):
        sender.start(4, **changes)
        sender.block(0)
        sender.end(4)
        sender.session_id += 1

    run(say, model)
    before = wait_for_points(model, 0)
    other = {**sender.start_message(4).detector, "windows": [[[1, 2], [3, 4]]] * 2}
    run(lambda: say(detector=other), model)
    after = wait_for_points(model, before.first + len(before.times))

    assert after.first == before.first + len(before.times) + 1
    assert np.isfinite(after.curves[3:, 0]).all()  # none of the first is left out


def wait_for_points(model, first):
    """Points from `first` on, as soon as there is one: a second is over then."""
    deadline = time.monotonic() + 20
    while True:
        model.tick()
        found = model.points_since(first)
        if found is not None and len(found[1].times):
            return found[1]
        assert time.monotonic() < deadline, "no point"
        time.sleep(0.01)


def test_between_sessions_with_other_windows_old_counts_are_not_shown_as_new(sender, run, model):
    def say():
        sender.start(4)
        sender.block(0)
        sender.end(4)
        sender.session_id += 1
        sender.start(4, detector={**sender.start_message(4).detector, "windows": None})
        sender.end(0)

    run(say, model, sessions=2)

    assert model.spectra(LATEST) is None


def test_a_session_that_is_joined_late_has_missed_nothing(sender, run, model):
    def say():
        sender.sequence = 7
        sender.start(1000, is_repeat=True, next_frame=800)
        sender.block(800)
        sender.end(1000)

    run(say, model)

    assert (model.counts.seen, model.counts.passed_over) == (4, 0)
    assert model.counts.missed == 196
    assert model.spectra(SESSION).n_passed == 0


def test_a_stream_that_is_none_of_a_detector_is_told_and_passed_over(sender, run, model):
    def say():
        sender.start(4, arrays=(ArrayInfo("samples", "<f4", (16,)),))
        sender.end(0)

    run(say, model)

    assert "no array 'histogram'" in model.complaint
    assert model.source is None


def test_spectra_that_would_take_too_much_memory_are_refused_before_it_is_taken(sender, run, model):
    arrays = (ArrayInfo("histogram", "<u4", (1024, 65536)), ArrayInfo("scalers", "<u4", (1024, 9)))
    detector = {"clock_period": 1e-8, "event_widths": [6] * 1024}

    def say():
        sender.start(4, arrays=arrays, detector=detector)
        sender.end(0)

    run(say, model)

    assert "1024 channels of 65536 bins" in model.complaint


def test_a_scan_that_cannot_be_is_told(sender, run, model):
    def say():
        sender.start(4, metadata={"scan": {"shape": [1 << 30, 1 << 30]}})
        sender.end(0)

    run(say, model)

    assert "scan: shape" in model.complaint


def test_a_map_grows_with_the_frames(sender, run, model):
    def say():
        sender.start(8, metadata={"scan": {"shape": [2, 4]}})
        sender.block(0)
        sender.end(4)

    run(say, model)

    scan_map, values = model.map_values(0, corrected=False)
    # Window 0 of the truth holds the number of the frame, in each of two channels.
    np.testing.assert_array_equal(values, [[0, 2, 4, 6], [np.nan] * 4])
    assert scan_map.n_filled == 4


def test_frames_tell_where_they_belong(sender, run, model):
    arrays = (*sender.start_message(4).arrays, ArrayInfo("positions", "<i4", (2,)))

    def say():
        sender.start(4, arrays=arrays, metadata={"scan": {"shape": [2, 2]}})
        sender.send(with_positions(sender.block_message(0, 4), [[1, 1], [1, 0], [0, 1], [0, 0]]))
        sender.sequence += 1
        sender.end(4)

    run(say, model)

    np.testing.assert_array_equal(model.map_values(0, corrected=False)[1], [[6, 4], [2, 0]])


def with_positions(block, positions):
    from dataclasses import replace

    from xspress3.stream import EncodedArray

    array = np.array(positions, dtype="<i4")
    encoded = EncodedArray("positions", array.dtype, array.shape, "none", array.tobytes())
    return replace(block, arrays=(*block.arrays, encoded))


def test_only_so_many_rolling_sums_are_kept(sender, run, model):
    def say():
        sender.start(4)
        sender.block(0)
        sender.end(4)

    run(say, model)
    for limit in range(1, 1000):
        model.spectra(Mode.parse(f"frames:{limit}"))

    assert len(model._rolling) == MAX_ROLLING
