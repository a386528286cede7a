"""Measurements with tiny numbers: that they run and count right, never how fast anything is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict

import pytest

from benchmarks.rows import Row


@pytest.fixture
def by_name() -> Callable[[Iterable[Row]], dict[str, Row]]:
    """Rows by name, all different, and each a finite number.

    Of so short a run nobody may have looked at memory or at a reader's place: these may be missing.
    """

    def arrange(rows: Iterable[Row]) -> dict[str, Row]:
        rows = list(rows)
        found = {row.name: row for row in rows}
        assert len(found) == len(rows)
        json.dumps([asdict(row) for row in rows])  # as the program writes them
        for row in rows:
            assert math.isfinite(row.value) or row.unit in ("MB", "blocks"), row
            assert row.ratio is None or row.ratio > 0, row
        return found

    return arrange
