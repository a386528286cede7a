"""Statistics of the physics source. Seeds are fixed, so a limit of 3 sigma either always holds or never."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

CLOCK, RESET_TICKS, RESETS, ALL_EVENTS, ALL_GOOD, _, _, PILEUP, TOTAL = range(9)
TICK = 12.5e-9


def take(system, n_frames, seconds):
    system.setup(n_frames=n_frames, ticks=round(seconds / TICK))
    system.histogram_start(-1)
    assert system.progress() == n_frames
    return system.spectra(0, n_frames), system.scalers(0, n_frames).astype(np.int64)


@pytest.mark.parametrize("rate", [10e3, 100e3, 500e3])
@pytest.mark.parametrize(("event_width", "seconds"), [(6, 0.002), (60, 0.05)])
def test_the_practical_scheme_recovers_the_true_rate(simulate, rate, event_width, seconds):
    n_frames = 2000 if seconds < 0.01 else 100
    system = simulate(
        clock="demand",
        source="physics",
        channels=2,
        rate=[rate] * 2,
        event_width=event_width,
        num_tf=n_frames,
    )
    _, scalers = take(system, n_frames, seconds)
    totals = scalers.sum(axis=0)

    dead = totals[:, ALL_EVENTS] * (event_width + 1) + totals[:, RESET_TICKS]
    recovered = totals[:, ALL_EVENTS] / ((totals[:, CLOCK] - dead) * TICK)

    part = rate * (event_width + 1) * TICK  # of the counting error that the correction magnifies
    sigma = (1 + part) / np.sqrt(totals[:, ALL_EVENTS])
    assert (np.abs(recovered / rate - 1) < 3 * sigma).all()


@pytest.mark.parametrize("seconds", [1e-6, 1e-4, 0.01, 1.0])
def test_counts_agree_with_each_other_at_every_exposure(simulate, seconds):
    system = simulate(clock="demand", source="physics", rate=400e3)
    spectra, scalers = take(system, 20, seconds)

    assert np.array_equal(spectra.sum(axis=2), scalers[..., ALL_GOOD])
    assert np.array_equal(scalers[..., ALL_GOOD] + scalers[..., PILEUP], scalers[..., ALL_EVENTS])
    assert np.array_equal(scalers[..., RESET_TICKS], 240 * scalers[..., RESETS])
    assert (scalers[..., CLOCK] == round(seconds / TICK)).all()
    assert (scalers[..., TOTAL] == scalers[..., CLOCK]).all()
    assert (scalers[..., ALL_EVENTS] * 7 + scalers[..., RESET_TICKS] < scalers[..., CLOCK]).all()


def test_the_lines_are_where_they_belong_and_as_wide_as_they_should_be(simulate):
    system = simulate(clock="demand", source="physics")
    spectra, _ = take(system, 20, 1.0)
    total = spectra.sum(axis=0).astype(np.int64)

    # Lines that stand alone: the elastic one is on the flank of the Compton peak, which moves its maximum.
    for energy, low, high in [(4509, 430, 475), (6400, 560, 680), (8041, 780, 830)]:
        peak = low + total[:, low:high].argmax(axis=1)
        assert (np.abs(peak - energy / 10) <= 2).all(), energy
    # Full width at half maximum of Fe Ka: 80 eV noise, Fano 0.115, 3.65 eV per pair.
    fwhm = np.sqrt(80**2 + 2.355**2 * 0.115 * 3.65 * 6400) / 10
    above_half = (total[:, 600:680] > total[:, 600:680].max(axis=1, keepdims=True) / 2).sum(axis=1)
    assert (np.abs(above_half - fwhm) < 2).all()


def test_pileup_is_the_part_of_events_that_meet_within_its_time(simulate):
    system = simulate(clock="demand", source="physics", channels=1, rate=[500e3])
    _, scalers = take(system, 20, 0.1)
    events, pileup = scalers[..., ALL_EVENTS].sum(), scalers[..., PILEUP].sum()

    part = 1 - np.exp(-500e3 * 50e-9)
    assert abs(pileup - part * events) < 3 * np.sqrt(part * events)


def test_a_single_rate_differs_from_channel_to_channel(simulate):
    system = simulate(clock="demand", source="physics", rate=100e3, channels=5)
    _, scalers = take(system, 20, 0.1)
    per_second = scalers[..., ALL_EVENTS].sum(axis=0) / 2.0

    assert np.allclose(per_second / 100e3, [1, 0.9, 0.8, 0.7, 1], rtol=0.02)


def test_no_rate_no_events(simulate):
    system = simulate(clock="demand", source="physics", rate=0)
    spectra, scalers = take(system, 5, 0.01)

    assert not spectra.any()
    assert not scalers[..., ALL_EVENTS].any()


@pytest.mark.parametrize("ticks", [0, 1, 2, 10])
def test_frames_of_hardly_any_ticks_hold_no_nonsense(simulate, ticks):
    system = simulate(clock="demand", source="physics", rate=1e7)
    _, scalers = take(system, 60, ticks * TICK)

    assert (scalers[..., RESET_TICKS] <= ticks).all()
    assert (scalers[..., ALL_EVENTS] * 7 <= ticks).all()


def test_few_and_many_events_are_drawn_from_the_same_shape(simulate):
    few = simulate(clock="demand", source="physics", rate=[90e3] * 4)
    many = simulate(clock="demand", source="physics", rate=[900e3] * 4, card_index=1)
    a = take(few, 60, 1.0)[0].sum(axis=0).astype(np.float64)
    b = take(many, 6, 1.0)[0].sum(axis=0).astype(np.float64)

    for channel in range(4):
        x, y = a[channel].reshape(-1, 16).sum(axis=1), b[channel].reshape(-1, 16).sum(axis=1)
        used = (x + y) > 50
        k1, k2 = np.sqrt(y.sum() / x.sum()), np.sqrt(x.sum() / y.sum())
        chi2 = ((k1 * x - k2 * y)[used] ** 2 / (x + y)[used]).sum()
        degrees = used.sum() - 1
        assert abs(chi2 - degrees) < 4 * np.sqrt(2 * degrees)


def test_content_depends_on_seed_channel_and_frame_and_on_nothing_else(simulate):
    def digests(**description):
        system = simulate(clock="demand", source="physics", rate=[1e5] * 3, channels=3, **description)
        spectra, scalers = take(system, 4, 0.001)
        system.library.close(system.handle, 0)
        return [hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
                for x, y in zip(spectra.reshape(-1, 4096), scalers.reshape(-1, 9), strict=True)]  # fmt: skip

    first, again, other = digests(seed=3), digests(seed=3, num_tf=8, nchan=3), digests(seed=4)

    assert first == again
    assert len({*first, *other}) == 24
