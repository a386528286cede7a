"""Several cards are one detector."""

from __future__ import annotations

import numpy as np

from tests.detector.runs import internal, pattern, read


def test_several_cards_give_the_same_frames_on_all_channels(open_detector, control, monkeypatch):
    detector = open_detector(n_cards=2, cards=2, channels=8)
    timing = detector.arm(internal(5))
    control.advance(5 * timing.period)

    histogram, _ = read(detector, 0, 5)

    assert detector.info.n_cards == 2
    np.testing.assert_array_equal(histogram, pattern(0, 5, n_channels=8))
