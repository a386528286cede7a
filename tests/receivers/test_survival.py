"""A writer that is killed at random moments: its file opens, and holds what it told as written."""

from __future__ import annotations

import random

import pytest

from benchmarks.survival import kill_once


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(10))
def test_a_killed_writer_leaves_what_it_told_as_written(tmp_path, seed):
    left = kill_once(random.Random(seed), tmp_path)

    assert left.is_readable
    assert left.is_honest
    assert left.missing == 0
    assert left.wrong == 0
    assert left.found <= left.sent
