"""Three readers at once, each gets what its contract says, and all of it is counted."""

from __future__ import annotations

import numpy as np

from benchmarks.soak import _lag, soak_rows


def test_a_short_soak_accounts_for_every_frame(tmp_path, by_name):
    n_frames = 3000

    rows = by_name(soak_rows(n_frames, tmp_path, pause=0.05))

    received, told, neither = (
        rows[f"reader that stops for 0.05 s: {what}"].value
        for what in ("received", "told as lost", "neither")
    )
    assert received + told == n_frames
    assert neither == 0
    assert rows["writer: frames wrong or missing"].value == 0
    assert rows["viewer: behind when all was over"].value == 0
    assert sum(name.startswith("memory growth of the ") for name in rows) == 4


def test_the_lag_is_what_was_sent_less_what_the_viewer_had_when_it_was_asked():
    looks = np.array([[5, 32], [10, 64], [25, 160], [40, 192]])
    blocks = np.array([[10, 32], [20, 128], [40, 256]])

    assert _lag(looks, blocks).tolist() == [32, 32, 32, 0]


def test_without_a_look_there_is_no_lag():
    nothing = np.empty((0, 2), np.int64)

    assert len(_lag(nothing, np.array([[10, 32]]))) == 0
