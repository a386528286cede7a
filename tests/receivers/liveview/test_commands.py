"""What a page may say; everything else is an error in words, and nothing more."""

from __future__ import annotations

import pytest

from receivers.calibration import Calibration
from receivers.liveview.commands import (
    Drawn,
    ResetSum,
    SetCalibration,
    SetView,
    SetWindow,
    View,
    kind_of,
    parse_command,
)
from receivers.liveview.sums import Mode
from xspress3.errors import Xspress3Error
from xspress3.model import Window


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ('{"type": "drawn", "sequence": 17}', Drawn(17)),
        ('{"type": "reset_sum"}', ResetSum()),
        (
            '{"type": "calibration", "channel": 1, "offset": 0, "gain": 0.01}',
            SetCalibration(1, Calibration(0, 0.01)),
        ),
        ('{"type": "calibration", "channel": null}', SetCalibration(None, None)),
        ('{"type": "window", "channel": 2, "window": 1, "low": 3, "high": 4}', SetWindow(2, 1, Window(3, 4))),
        ('{"type": "window", "window": 0, "low": 3, "high": 4}', SetWindow(None, 0, Window(3, 4))),
        ('{"type": "dance"}', None),
    ],
)
def test_a_command_is_what_was_said(said, command):
    assert parse_command(said) == command


def test_a_view_changes_only_in_what_was_said():
    said = '{"type": "view", "mode": "frames:5", "channels": [2, 0], "map": {"window": 1, "corrected": true}}'

    command = parse_command(said)

    assert isinstance(command, SetView)
    before = View(is_sum=True, has_waterfall=True)
    assert command.apply(before) == View(
        mode=Mode.parse("frames:5"), channels=(2, 0), is_sum=True, has_waterfall=True, map_window=(1, True)
    )


@pytest.mark.parametrize(
    "said",
    [
        "",
        "5",
        "[]",
        "{}",
        "null",
        '{"type": 5}',
        '{"type": "drawn"}',
        '{"type": "drawn", "sequence": -1}',
        '{"type": "drawn", "sequence": 1.0}',
        '{"type": "drawn", "sequence": 1, "sequence": 2}',
        '{"type": "view", "mode": "everything"}',
        '{"type": "view", "mode": 5}',
        '{"type": "view", "channels": "all"}',
        '{"type": "view", "channels": [0, 0]}',
        '{"type": "view", "channels": [-1]}',
        '{"type": "view", "channels": [true]}',
        '{"type": "view", "channels": [1024]}',
        '{"type": "view", "sum": 1}',
        '{"type": "view", "map": 1}',
        '{"type": "view", "map": {"window": 2}}',
        '{"type": "calibration", "channel": "x", "gain": 1}',
        '{"type": "calibration", "gain": "1"}',
        '{"type": "calibration", "gain": NaN}',
        '{"type": "calibration", "gain": 1e999}',
        '{"type": "calibration", "gain": 1' + "0" * 400 + "}",
        '{"type": "window", "window": 0, "low": 5, "high": 4}',
        '{"type": "window", "window": 0, "low": 0, "high": 4096}',
        '{"type": "window", "window": 2, "low": 0, "high": 1}',
        '{"type": "window", "window": 0, "low": "0", "high": 1}',
        '{"type": "window", "channel": 0.5, "window": 0, "low": 0, "high": 1}',
        "[" * 4000,
        '{"type": "' + "x" * 5000 + '"}',
        b"\xff\xfe",
        '{"type": "\ud800"}',
    ],
)
def test_anything_else_is_an_error_of_ours(said):
    with pytest.raises(Xspress3Error) as error:
        parse_command(said)

    assert 0 < len(str(error.value)) < 400
    kind_of(said)  # and this never fails


def test_the_type_is_told_also_of_what_cannot_be():
    assert kind_of('{"type": "window", "low": -1}') == "window"
    assert kind_of('{"type": 7}') is None
