"""Temperatures, supplies and fans, by generation."""

from __future__ import annotations

import pytest

from xspress3.sdk._sdk import ffi

MARK = -1000.0


def temperatures(call, *arguments):
    out = ffi.new("float[]", [MARK] * 8)
    code = call(*arguments, out)
    return code, [value for value in out if value != MARK]


@pytest.mark.parametrize(
    ("generation", "adc", "fem", "mid_plane"), [("3", 4, 2, 0), ("mini", 4, 0, 0), ("4", 5, 0, 3)]
)
def test_each_generation_has_its_own_sensors(simulate, generation, adc, fem, mid_plane):
    system = simulate(generation=generation)
    calls = [
        (adc, temperatures(system.i2c_read_adc_temp, 0)),
        (fem, temperatures(system.i2c_read_fem_temp, 0)),
        (mid_plane, temperatures(system.i2c_read_mid_plane_temp)),
    ]

    for n, (code, values) in calls:
        assert (code, len(values)) == ((0, n) if n else (-1, 0))
        assert all(20 < value < 80 for value in values)


def test_temperatures_are_steady_and_differ_between_cards(simulate):
    system = simulate(cards=2, ncards=2)
    first, again, other = (temperatures(system.i2c_read_adc_temp, card) for card in (0, 0, 1))

    assert first == again != other
    assert system.i2c_set_adc_temp_limit(1, 80) == 0


@pytest.mark.parametrize("generation", ["mini", "4"])
def test_the_monitor_gives_temperatures_and_supplies(simulate, generation):
    system = simulate(generation=generation)
    values = ffi.new("uint32_t[]", 12)

    assert system.read_xadc(0, 0, 11, values) == 0
    assert all(20_000 < value < 90_000 for value in values[0:2])
    assert all(800 < value < 3500 for value in values[2:11])
    some = ffi.new("uint32_t[]", 3)
    assert system.read_xadc(0, 8, 3, some) == 0
    assert list(some) == list(values[8:11])


@pytest.mark.parametrize(("first", "n"), [(0, 12), (11, 1), (-1, 1), (0, -1), (2147483647, 2147483647)])
def test_the_monitor_has_eleven_values(simulate, library, first, n):
    system = simulate(generation="4")

    assert system.read_xadc(0, first, n, ffi.new("uint32_t[]", 12)) == -6
    assert "out of range 0..10" in library.text()
    assert system.read_xadc(1, 0, 1, ffi.new("uint32_t[]", 12)) == -3


def test_fans_keep_what_is_written_but_for_what_is_measured(simulate):
    system = simulate(cards=2, ncards=2)
    words, other = ffi.new("uint32_t[]", 16), ffi.new("uint32_t[]", 16)
    system.read_fan_cont(0, 0, 16, words)
    before = list(words)

    assert system.write_fan_cont(0, 0, 16, ffi.new("uint32_t[]", [7] * 16)) == 0
    system.read_fan_cont(0, 0, 16, words)
    system.read_fan_cont(1, 0, 16, other)

    assert list(words) == [7, 7, before[2], *[7] * 13]
    assert list(other) == before
    assert before[7] <= before[6]
