"""The demonstration: SQLite database server, device, writer, client."""

from __future__ import annotations

import pytest

from receivers.hdf5.summary import read_summary
from tests.programs import run

pytest.importorskip("databaseds")


@pytest.mark.timeout(60)
def test_the_demonstration_goes_through_database_and_device(tmp_path):
    done = run("xspress3.cli", "demo", "--frames", 200, "--exposure", 0.001, "--directory", tmp_path)

    assert done.returncode == 0, done.stderr
    assert "200 of 200 frames acquired, 200 streamed, 200 written" in done.stdout
    assert "Xspress3DS demo" in done.stdout
    assert read_summary(tmp_path / "demo.h5").is_complete


@pytest.mark.timeout(60)
def test_a_demonstration_that_cannot_be_ends_with_the_reason(tmp_path):
    done = run("tango_device.demo", "--frames", -3, "--directory", tmp_path)

    assert done.returncode != 0
    assert "nFramesPerTrigger" in done.stderr
    assert "Traceback" not in done.stderr
