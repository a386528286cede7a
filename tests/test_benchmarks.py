"""Figures are held against what is wanted of them."""

from __future__ import annotations

import json
import math

import pytest

from benchmarks import __main__ as program
from benchmarks.rows import Row, Wanted, missed


@pytest.mark.parametrize(
    ("wanted", "figure", "holds"),
    [
        (Wanted(least=0.6), 0.6, True),
        (Wanted(least=0.6), 0.599, False),
        (Wanted(most=1.5), 1.5, True),
        (Wanted(most=1.5), 1.51, False),
        (Wanted(least=1, most=2), 3, False),
        (Wanted(), -1e9, True),
        (Wanted(most=1.5), math.nan, False),
    ],
)
def test_bounds_belong_to_what_is_wanted(wanted, figure, holds):
    assert wanted.holds(figure) is holds


def test_the_ratio_counts_where_there_is_one_else_the_value():
    by_ratio = Row("a", 5.0, "s", "b", ratio=0.5, wanted=Wanted(least=1))
    by_value = Row("a", 5.0, "s", wanted=Wanted(least=1))
    by_nothing = Row("a", 5.0, "s")

    assert missed([by_ratio, by_value, by_nothing]) == [by_ratio]
    assert [str(row.wanted or "") for row in (by_ratio, by_nothing)] == ["at least 1", ""]


@pytest.mark.parametrize(
    ("options", "ratio", "code"), [([], 2.0, 0), (["--check"], 2.0, 1), (["--check"], 1.2, 0)]
)
def test_the_program_ends_with_1_when_it_shall_check_and_a_row_misses(
    monkeypatch, tmp_path, capsys, options, ratio, code
):
    rows = [Row("read", ratio, "copies", "copy", ratio, Wanted(most=1.5)), Row("frames", 7.0, "frames")]
    monkeypatch.setattr(program, "measure", lambda n_frames, directory: rows)
    output = tmp_path / "bench.json"

    assert program.main([*options, "--only", "detector", "--output", str(output)]) == code

    assert ("MISSED" in capsys.readouterr().out) == (ratio > 1.5)
    assert json.loads(output.read_text())[0]["wanted"] == {"least": None, "most": 1.5}
