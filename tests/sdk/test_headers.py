"""The comparison with a header of the SDK, held against headers made here."""

from __future__ import annotations

import pytest

from tests.sdk.headers import OURS, absent, differences, read_numbers, write_header

STYLES = ["plain", "parentheses"]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("#define XSP3_ERROR -1", -1),
        ("#define XSP3_ERROR (-1)", -1),
        ("#define XSP3_ERROR ( -1 ) //!< general", -1),
        ("#define XSP3_RANGE_CHECK\t-6  /* wrong */", -6),
        ("# define XSP3_RUN_FLAGS_CIRCULAR_BUFFER 0x100", 0x100),
        ("#define XSP3_MAX_ROI 8 // regions", 8),
        ("#define XSP3_CLK_FLAGS_NO_DITHER (1<<1)", 2),
        ("#define XSP3_CLK_FLAGS_TS_SYNC ((1u) << 30)", 1 << 30),
        ("#define XSP3_ITFG_MAX_NUM_FRAMES 0xFFFFFFu", 0xFFFFFF),
    ],
)
def test_a_number_is_read_in_each_spelling_of_a_header(line, value):
    assert list(read_numbers(line).values()) == [value]


@pytest.mark.parametrize(
    "line",
    [
        "#define XSP3_A(x) (x)",
        "#define XSP3_B XSP3_C",
        "#define XSP3_D (((x)&7)<<24)",
        "//#define XSP3_E 2",
        "/* #define XSP3_F 3\n */",
        "int xsp3 = 5;",
    ],
)
def test_what_is_no_plain_number_is_passed_over(line):
    assert read_numbers(line) == {}


def test_an_enum_counts_on_from_the_last_number_given():
    text = "typedef enum {Error= -1, First, Second, /* gap */ Far=0x40, Further} Kind; enum { Shift = 1<<4 };"

    assert read_numbers(text) == {
        "Error": -1,
        "First": 0,
        "Second": 1,
        "Far": 0x40,
        "Further": 0x41,
        "Shift": 16,
    }


def test_members_after_one_that_is_not_understood_are_left_out():
    assert read_numbers("enum { A = sizeof(int), B, C = 7, D };") == {"C": 7, "D": 8}


@pytest.mark.parametrize("style", STYLES)
def test_a_header_with_our_numbers_is_read_whole_and_agrees(style):
    header = read_numbers(write_header(style))

    assert header == OURS
    assert absent(header) == []
    assert differences(header) == {}


@pytest.mark.parametrize("name", OURS)
def test_each_number_that_differs_is_noticed(name):
    header = read_numbers(write_header("parentheses", **{name: 77}))

    assert differences(header) == {name: (77, OURS[name])}


def test_a_header_that_was_not_understood_does_not_pass_for_one_that_agrees():
    assert "XSP3_ITFG_TRIG_MODE_HARDWARE" in absent(read_numbers("#define XSP3_ERROR -1"))


def test_the_numbers_of_the_contract_are_ours():
    # By hand: what clients give to the library.
    assert (OURS["XSP3_GTIMA_SRC_LVDS_BOTH"], OURS["XSP3_ITFG_TRIG_MODE_HARDWARE_ONLY_FIRST"]) == (7, 6)
    assert (OURS["XSP3_CLK_FLAGS_SHUTDOWN5678"], OURS["XSP3_CLK_FLAGS_TS_SYNC"]) == (0x200, 0x40000000)
    assert (OURS["XSP3M_CLK_SRC_CDCM61004"], OURS["XSP4_CLK_SRC_MIDPLN_LMK61E2"]) == (0x10, 0x21)
    assert (OURS["XSP3_SYNC_LEMO_DAISYCHAIN_TEE"], OURS["Xsp3ErrFlag_CircBuffOverRun"]) == (5, 0x10000)
