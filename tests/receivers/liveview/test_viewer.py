"""What one page gets, and when: never more than it draws, always the newest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from receivers.liveview.commands import View
from receivers.liveview.model import LiveModel
from receivers.liveview.sums import Mode
from receivers.liveview.updates import decode_update
from receivers.liveview.viewer import Encoder, Viewer

QUIET = View(has_history=False)


@pytest.fixture
def model():
    return LiveModel()


@pytest.fixture
def take(sender, run, model):
    """Let the model see a session of so many frames."""

    def take(n_frames=4, **changes):
        def say():
            sender.start(n_frames, **changes)
            for first in range(0, n_frames, 4):
                sender.block(first)
            sender.end(n_frames)
            sender.session_id += 1

        run(say, model)

    return take


@pytest.fixture
def viewer(model):
    return Viewer(Encoder(model), QUIET)


def answer(viewer, now):
    """The update that is due, drawn at once."""
    header, arrays = decode_update(viewer.next(now))
    viewer.drawn(header["sequence"])
    return header, arrays


def test_before_the_first_frame_nothing_is_sent(viewer):
    assert viewer.next(0.0) is None


def test_the_next_update_waits_until_the_last_is_drawn(viewer, take):
    take()
    header, _ = decode_update(viewer.next(0.0))
    take()

    assert viewer.next(10.0) is None
    viewer.drawn(header["sequence"] + 5)  # of another page, or made up
    assert viewer.next(10.0) is None
    viewer.drawn(header["sequence"])
    assert viewer.next(10.0) is not None


def test_spectra_come_ten_times_a_second_at_most(viewer, take):
    take()
    answer(viewer, 0.0)
    take()

    assert viewer.next(0.09) is None
    assert viewer.next(0.11) is not None


def test_what_has_not_changed_is_not_sent_again(viewer, take):
    take()
    answer(viewer, 0.0)

    assert viewer.next(60.0) is None


def test_pages_that_want_the_same_share_the_bytes(model, take):
    encoder = Encoder(model)
    one, two, other = (
        Viewer(encoder, QUIET),
        Viewer(encoder, QUIET),
        Viewer(encoder, replace(QUIET, is_sum=True)),
    )
    take()

    first = one.next(0.0)
    assert two.next(0.0) is first
    assert other.next(0.0) is not first


def test_spectra_of_chosen_channels_in_their_order(viewer, take, sender):
    take(8)
    viewer.set_view(replace(QUIET, channels=(1, 7)))

    header, arrays = answer(viewer, 0.0)

    assert header["channels"] == [1]
    assert (header["frame"], header["frames"]) == (7, 1)
    np.testing.assert_array_equal(arrays["spectra"], sender.truth.histogram(7, 1)[0, 1:])
    assert arrays["limits"].tolist() == [[10, 20, 30, 40]]
    assert arrays["windows"][0].tolist() == [7.0]


def test_the_sum_of_channels_is_one_spectrum_and_may_need_more_bits(viewer, take, sender):
    take(8)
    viewer.set_view(replace(QUIET, is_sum=True, mode=Mode.parse("session")))

    header, arrays = answer(viewer, 0.0)

    truth = sender.truth.histogram(0, 8).sum(axis=(0, 1), dtype="u8")
    assert truth.max() > 2**32
    assert arrays["spectra"].dtype == np.dtype("<f8")
    np.testing.assert_array_equal(arrays["spectra"], truth[None].astype(float))
    assert arrays["rates"].shape == (4, 2)
    assert header["frames"] == 8


def test_no_channels_are_no_spectra(viewer, take):
    take()
    viewer.set_view(replace(QUIET, channels=(5,)))

    header, arrays = answer(viewer, 0.0)

    assert header["channels"] == []
    assert arrays["spectra"].shape == (0, 256)


def test_another_view_is_sent_at_once(viewer, take):
    take()
    answer(viewer, 0.0)
    viewer.set_view(replace(QUIET, is_sum=True))

    assert viewer.next(0.01) is not None


def test_the_sum_of_a_session_can_begin_now_for_one_page(model, sender, run):
    encoder = Encoder(model)
    view = replace(QUIET, mode=Mode.parse("session"))
    one, other = Viewer(encoder, view), Viewer(encoder, view)

    class ResetAfterFirstBlock:
        def __getattr__(self, _name):
            return lambda *_: None

        def write(self, block):
            if block.first_frame == 0:
                one.reset_sum()

    def say():
        sender.start(8)
        sender.block(0)
        sender.block(4)
        sender.end(8)

    run(say, model, ResetAfterFirstBlock())

    header, arrays = answer(one, 0.0)
    assert header["frames"] == 4
    np.testing.assert_array_equal(
        arrays["spectra"], sender.truth.histogram(4, 4).sum(axis=0, dtype="u8").astype(float)
    )
    assert answer(other, 0.0)[0]["frames"] == 8


def test_a_map_is_sent_where_it_is_wanted(viewer, take):
    take(8, metadata={"scan": {"shape": [2, 4]}})
    viewer.set_view(replace(QUIET, map_window=(0, False)))

    header, arrays = answer(viewer, 0.0)

    assert (header["kind"], header["frames"], header["shape"]) == ("map", 8, [2, 4])
    np.testing.assert_array_equal(arrays["map"], [[0, 2, 4, 6], [8, 10, 12, 14]])


def test_points_are_sent_once(model, take, monkeypatch):
    viewer = Viewer(Encoder(model), View(has_waterfall=True))
    clock = iter(np.arange(1000.0, 2000.0, 0.5))
    monkeypatch.setattr("receivers.liveview.model.time.time", lambda: float(next(clock)))
    take()
    take()

    kinds = [answer(viewer, 0.0) for _ in range(2)]
    assert [header["kind"] for header, _ in kinds] == ["history", "waterfall"]
    times = kinds[0][1]["times"]
    assert len(times) >= 1
    assert answer(viewer, 0.0)[0]["kind"] == "spectra"
    assert viewer.next(60.0) is None
    take()
    header, arrays = answer(viewer, 120.0)
    assert (header["kind"], header["first"]) == ("history", len(times))
    assert arrays["input_rate"].shape == (len(arrays["times"]), 2)
