"""A helper runs our functions in a process of its own."""

from __future__ import annotations

import os
import sys

import pytest

from benchmarks.helper import Helper


def where_am_i(tell, *, greeting):
    sys.stdout.write("this is no answer\n")
    tell(greeting)
    return os.getpid()


def fail(tell):
    del tell
    raise ValueError("the reason")


@pytest.fixture
def helper():
    with Helper() as made:
        yield made


def test_what_a_function_tells_and_returns_is_heard_in_order(helper):
    helper.start("tests.benchmarks.test_helper:where_am_i", greeting="hello")

    assert [helper.hear(), helper.hear()] == ["hello", helper.pid]


def test_an_error_is_raised_by_who_asked_and_the_helper_goes_on(helper):
    helper.start("tests.benchmarks.test_helper:fail")
    with pytest.raises(RuntimeError, match="the reason"):
        helper.hear()

    helper.start("tests.benchmarks.test_helper:where_am_i", greeting="again")

    assert helper.hear() == "again"


def test_a_helper_that_is_gone_is_noticed():
    helper = Helper()
    helper.close()

    with pytest.raises((RuntimeError, ValueError)):
        helper.hear()
