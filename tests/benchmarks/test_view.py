"""The measurement of the live view sees updates come, and frames not get lost."""

from __future__ import annotations

import pytest

from benchmarks.browsers import can_browse
from benchmarks.view import view_rows


@pytest.mark.timeout(240)
def test_pages_get_updates_and_the_streamer_loses_nothing():
    rows = {row.name: row for row in view_rows(1.0, pages=(2,), n_browsers=2)}

    assert rows["2 pages, 8 x 4096 bins: updates of the slowest"].value > 0
    assert 0 < rows["2 pages, 8 x 4096 bins: one core of the server"].value < 200
    assert 0 < rows["2 pages, 8 x 4096 bins: read to received, median"].value < 10_000
    assert rows["frames lost meanwhile"].value == 0
    if can_browse():
        assert 0 < rows["1 browser, 8 x 4096 bins: read to drawn, median"].value < 30_000
        assert rows["2 browsers, 8 x 4096 bins: pictures of the slowest"].value > 0
