"""Names of recorded files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers.recorder.names import MAX_PART, PartName, Shelf, file_name, part_text, session_directory
from xspress3.errors import ConfigurationError

parts = st.integers(0, MAX_PART)


@pytest.mark.parametrize(
    ("part", "text"),
    [(0, "000"), (7, "007"), (999, "999"), (1000, "a1000"), (9999, "a9999"), (10000, "b10000")],
)
def test_part_numbers_have_three_digits_and_a_letter_for_each_more(part, text):
    assert part_text(part) == text


@given(parts, parts)
def test_names_sort_as_their_numbers_do(one, other):
    assert (file_name(1763683200, one) < file_name(1763683200, other)) == (one < other)


@given(parts)
def test_a_name_says_what_it_was_made_of(part):
    assert PartName.parse(file_name(1763683200, part)) == PartName(1763683200, part, ".h5")


@pytest.mark.parametrize(
    "name", ["1763683200_1000.h5", "1763683200_a0001.h5", "1763683200.json", "x_000.h5", "1_00.h5"]
)
def test_other_names_are_not_taken_for_ours(name):
    assert PartName.parse(name) is None


def test_a_file_that_had_to_stand_beside_another_counts_as_its_part():
    assert PartName.parse("1763683200_004_1.h5") == PartName(1763683200, 4, ".h5")


def test_part_numbers_below_nothing_are_refused():
    with pytest.raises(ConfigurationError, match="-1"):
        part_text(-1)


def test_the_directory_has_the_first_digits_and_a_harmless_name(tmp_path):
    assert session_directory(tmp_path, 1763683200, "../a b") == tmp_path / "17636" / "_._a_b"


def test_a_shelf_counts_on_from_the_files_of_both_directories(tmp_path):
    for data_dir, part in ((tmp_path / "a", 3), (tmp_path / "b", 1000)):
        directory = session_directory(data_dir, 1763683200, "xsp3")
        directory.mkdir(parents=True)
        (directory / file_name(1763683200, part)).touch()
    shelf = Shelf([tmp_path / "a", tmp_path / "b"], "xsp3")

    assert shelf.next_part(1763683200) == 1001
    assert shelf.next_part(1763683201) == 0
    assert (shelf.is_taken(1763683200), shelf.is_taken(176368320)) == (True, False)


def test_an_index_alone_takes_an_id(tmp_path):
    directory = session_directory(tmp_path, 1763683200, "xsp3")
    directory.mkdir(parents=True)
    (directory / "1763683200.json").touch()

    assert Shelf([tmp_path], "xsp3").is_taken(1763683200)
    assert Shelf([tmp_path], "xsp3").next_part(1763683200) == 0
