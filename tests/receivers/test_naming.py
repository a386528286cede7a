"""Names of files, from what the network says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers.hdf5.naming import (
    DEFAULT_PATTERN,
    ExistingFile,
    candidates,
    check_pattern,
    clear_way,
    file_name,
    safe_name,
)
from xspress3.errors import ConfigurationError, SinkError


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("xspress3.nanomax-1", "xspress3.nanomax-1"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        (".hidden", "_hidden"),
        ("", "_"),
        ("a b\n\0/c", "a_b___c"),
        ("Röntgen", "R_ntgen"),
    ],
)
def test_hostile_stream_ids_become_plain_names(said, name):
    assert safe_name(said) == name


@given(st.text(max_size=5000))
def test_no_stream_id_leaves_the_directory(said):
    name = file_name(DEFAULT_PATTERN, said, 1)

    assert Path("/data", name).parent == Path("/data")
    assert name.isascii()
    assert not name.startswith(".")
    assert len(name) < 255


def test_a_suffix_goes_before_the_extension_and_leaves_dots_elsewhere_alone():
    paths = candidates(Path("/data/v1.2/scan.7.h5"), ExistingFile.SUFFIX)

    assert [next(paths) for _ in range(3)] == [
        Path("/data/v1.2/scan.7.h5"),
        Path("/data/v1.2/scan.7_1.h5"),
        Path("/data/v1.2/scan.7_2.h5"),
    ]


def test_a_dot_in_a_name_without_extension_is_no_extension():
    assert list(candidates(Path("/data/run_1.5"), ExistingFile.SUFFIX))[1] == Path("/data/run_1.5_1")


@pytest.mark.parametrize("policy", [ExistingFile.FAIL, ExistingFile.OVERWRITE])
def test_only_the_suffix_policy_tries_other_names(policy):
    assert list(candidates(Path("/data/scan.h5"), policy)) == [Path("/data/scan.h5")]


@pytest.mark.parametrize(
    "pattern",
    ["", "a/b.h5", "../x.h5", ".x.h5", "{nothing}.h5", "{stream_id", "{}.h5", "{stream_id.nothing}"],
)
def test_patterns_that_make_no_plain_name_are_refused(pattern):
    with pytest.raises(ConfigurationError, match="file name pattern"):
        check_pattern(pattern)


def test_overwriting_takes_away_a_regular_file_only(tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    link, folder = tmp_path / "link.h5", tmp_path / "folder.h5"
    link.symlink_to(target)
    folder.mkdir()

    for path in (link, folder):
        with pytest.raises(SinkError, match="not a regular file"):
            clear_way(path)
    clear_way(target)
    clear_way(target)

    assert not os.path.lexists(target)
    assert link.is_symlink()
