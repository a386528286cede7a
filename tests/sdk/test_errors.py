"""Every error code of the contract comes out of the library as an exception that names it."""

from __future__ import annotations

import pytest

from xspress3 import sim
from xspress3.errors import SdkBusyError, SdkConnectionError, SdkError, SdkRangeError
from xspress3.sdk.constants import ErrorCode
from xspress3.sim.control import SimControl

BY_CODE = {
    ErrorCode.XSP3_RANGE_CHECK: SdkRangeError,
    ErrorCode.XSP3_ERR_DEV_NOT_FOUND: SdkConnectionError,
    ErrorCode.XSP3_WOULD_BLOCK: SdkBusyError,
}


@pytest.fixture(autouse=True)
def no_faults():
    yield
    SimControl(sim.library_path()).fault("clear")


@pytest.mark.parametrize("code", list(ErrorCode))
@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("xsp3_histogram_start", lambda sdk: sdk.histogram_start()),
        ("xsp3_scaler_check_progress_details", lambda sdk: sdk.check_progress()),
    ],
    ids=["control", "unlocked"],
)
def test_a_code_has_its_name_its_text_and_the_call(sdk, code, function, call):
    SimControl(sim.library_path()).fault(f"fail {function} 1 {int(code)} xsp3_other: went \\xff wrong")

    with pytest.raises(SdkError) as caught:
        call(sdk)

    error = caught.value
    assert type(error) is BY_CODE.get(code, SdkError)
    assert (error.call, error.code, error.name) == (function, code, code.name)
    assert "xsp3_other: went � wrong" in error.text
    call(sdk)  # once, and not again


def test_codes_that_the_table_does_not_have_are_told_by_number(sdk):
    SimControl(sim.library_path()).fault("fail xsp3_get_num_chan 1 -77 what")

    with pytest.raises(SdkError, match=r"xsp3_get_num_chan gave -77 \(XSP3_UNKNOWN\): .*what"):
        sdk.get_num_chan()
