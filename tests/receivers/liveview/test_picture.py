"""Pictures hold the counts that were seen, at their bins or energies."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from receivers.calibration import Calibration
from receivers.liveview.model import LiveModel
from receivers.liveview.picture import LOWEST, draw
from receivers.liveview.sums import Mode


@pytest.fixture
def spectra(sender, run):
    """The newest frame of a session of eight."""
    model = LiveModel()

    def say():
        sender.start(8)
        sender.block(0)
        sender.block(4)
        sender.end(8)

    run(say, model)
    return model.spectra(Mode.parse("latest"))


def test_each_line_is_a_channel_and_no_counts_lie_below_one(spectra, sender):
    figure = Figure()
    draw(figure, spectra, None)

    truth = sender.truth.histogram(7, 1)[0].astype(float)
    truth[truth == 0] = LOWEST
    lines = figure.axes[0].lines
    assert len(lines) == 2
    for line, counts in zip(lines, truth, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(256))
        np.testing.assert_array_equal(line.get_ydata(), counts)
    assert "frame 7" in figure.axes[0].get_title()


def test_channels_lie_at_their_own_energies(spectra):
    figure = Figure()
    draw(figure, spectra, (Calibration(0, 0.01), Calibration(1, 0.02)))

    first, second = figure.axes[0].lines
    assert first.get_xdata()[100] == pytest.approx(1.0)
    assert second.get_xdata()[100] == pytest.approx(3.0)


def test_whoever_has_zoomed_in_stays_there(spectra):
    figure = Figure()
    draw(figure, spectra, None)
    figure.axes[0].set_xlim(10, 20)
    draw(figure, spectra, None)

    assert figure.axes[0].get_xlim() == (10, 20)
    assert len(figure.axes[0].lines) == 2
