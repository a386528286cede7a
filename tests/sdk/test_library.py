"""The library is found where it was said to be, and what was tried is told when it is not."""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys

import pytest

from xspress3.errors import LibraryError, SdkBusyError, SdkConnectionError, SdkError, SdkRangeError
from xspress3.sdk import open_library
from xspress3.sdk.library import ENVIRONMENT, SYSTEM_NAMES

ERROR_TEXT = """
static char text[1024] = "xsp3_some_call: something was 5";
char *xsp3_get_error_message(void) { return text; }
"""


def test_a_path_that_does_not_exist_is_told_with_the_loaders_words(tmp_path):
    path = tmp_path / "libnothing.so"

    with pytest.raises(LibraryError, match=rf"tried {path}: .*cannot open shared object.*{ENVIRONMENT}"):
        open_library(path)


def test_a_file_that_is_no_library_is_told(tmp_path):
    path = tmp_path / "text.so"
    path.write_text("not a library")

    with pytest.raises(LibraryError, match=rf"{path}: .*(invalid ELF|too short)"):
        open_library(path)


def test_a_library_of_something_else_is_told(compile_library):
    path = compile_library("libother.so", "int other(void) { return 1; }")

    with pytest.raises(LibraryError, match="opened, but it has no function xsp3_get_error_message"):
        open_library(path)


def test_the_environment_names_the_library_when_no_path_is_given(compile_library, monkeypatch):
    path = compile_library("libfake.so", ERROR_TEXT)
    monkeypatch.setenv(ENVIRONMENT, str(path))

    assert open_library().path == str(path)


def test_a_path_given_goes_before_the_environment(compile_library, monkeypatch):
    path = compile_library("libfake.so", ERROR_TEXT)
    monkeypatch.setenv(ENVIRONMENT, "/nowhere/libxspress3.so")

    assert open_library(path).path == str(path)


def test_without_any_choice_the_names_of_the_system_are_tried_and_listed():
    if is_installed():
        pytest.skip("this machine has the vendor's library")

    with pytest.raises(LibraryError) as caught:
        open_library()

    assert all(name in str(caught.value) for name in SYSTEM_NAMES)


def is_installed():
    return ctypes.util.find_library("xspress3") is not None


IMAGE_USER = (
    ERROR_TEXT + "int _os_datmod(void); int xsp3_get_revision(int path) { return path + _os_datmod(); }"
)


def test_the_image_module_library_is_opened_first_for_a_library_that_needs_it(compile_library):
    # The vendor's library uses libimg_mod without naming it; in a process of its own, because what
    # is opened globally stays.
    compile_library("libimg_mod.so.1.0", "int _os_datmod(void) { return 7; }")
    path = compile_library("libneedy.so", IMAGE_USER)
    program = (
        "import sys; from xspress3.sdk import open_library;"
        "print(open_library(sys.argv[1]).call('xsp3_get_revision', 35))"
    )

    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)

    assert done.stdout == "42\n"


def test_a_missing_image_module_library_is_told_with_the_symbol(compile_library):
    path = compile_library("libneedy.so", IMAGE_USER)

    with pytest.raises(LibraryError, match=r"undefined symbol: _os_datmod; libimg_mod.so.1.0"):
        open_library(path)


def test_a_function_that_this_build_lacks_is_told_when_it_is_used(compile_library):
    path = compile_library("libfake.so", ERROR_TEXT)
    library = open_library(path)

    assert not library.has("xsp3_get_revision")
    with pytest.raises(LibraryError, match=f"{path} has no function xsp3_get_revision"):
        library.call("xsp3_get_revision", 0)


@pytest.mark.parametrize(
    ("code", "error", "name"),
    [
        (-1, SdkError, "XSP3_ERROR"),
        (-2, SdkError, "XSP3_INVALID_PATH"),
        (-6, SdkRangeError, "XSP3_RANGE_CHECK"),
        (-9, SdkConnectionError, "XSP3_ERR_DEV_NOT_FOUND"),
        (-20, SdkBusyError, "XSP3_WOULD_BLOCK"),
        (-12345, SdkError, "XSP3_UNKNOWN"),
    ],
)
def test_a_negative_code_is_an_error_with_the_librarys_text(compile_library, code, error, name):
    path = compile_library("libfake.so", ERROR_TEXT + "int xsp3_get_num_chan(int path) { return path; }")

    with pytest.raises(error) as caught:
        open_library(path).call("xsp3_get_num_chan", code)

    assert (caught.value.call, caught.value.code, caught.value.name) == ("xsp3_get_num_chan", code, name)
    assert caught.value.text == "xsp3_some_call: something was 5"


def test_nobody_at_the_address_is_an_error_of_its_own(compile_library):
    text = ERROR_TEXT.replace("xsp3_some_call: something was 5", "xsp3_config: Cannot initialise Fem 1.2.3.5")
    path = compile_library("libfake.so", text + "int xsp3_get_num_chan(int path) { return -1; }")

    with pytest.raises(SdkConnectionError, match="Cannot initialise Fem"):
        open_library(path).call("xsp3_get_num_chan", 0)


def test_a_text_that_is_not_utf8_is_shown_as_well_as_it_can_be(compile_library):
    text = ERROR_TEXT.replace("something was 5", "\\377\\376 temperature 25 \\260C\\n\\n")
    path = compile_library("libfake.so", text + "int xsp3_get_num_chan(int path) { return -1; }")

    with pytest.raises(SdkError) as caught:
        open_library(path).call("xsp3_get_num_chan", 0)

    assert caught.value.text == "xsp3_some_call: �� temperature 25 �C"


def test_a_library_without_any_text_still_gives_the_error(compile_library):
    source = "char *xsp3_get_error_message(void) { return 0; } int xsp3_get_num_chan(int path) { return -1; }"
    path = compile_library("libfake.so", source)

    with pytest.raises(SdkError, match="no text"):
        open_library(path).call("xsp3_get_num_chan", 0)


def test_a_result_of_64_bits_is_not_cut(compile_library):
    source = ERROR_TEXT + (
        "#include <stdint.h>\nint64_t xsp3_histogram_get_circ_overrun(int p, int c, int64_t *f)"
        "{ return ((int64_t)1 << 40) + 5; }"
    )
    path = compile_library("libfake.so", source)

    assert open_library(path).call("xsp3_histogram_get_circ_overrun", 0, -1, _null()) == (1 << 40) + 5


def _null():
    from xspress3.sdk._sdk import ffi

    return ffi.NULL


def test_importing_the_package_opens_nothing():
    program = (
        "import sys, xspress3.sdk, xspress3.streamer;"
        "print(sorted({'h5py', 'tango', 'matplotlib'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, ENVIRONMENT: "/nowhere"},
    )

    assert done.stdout == "[]\n"
