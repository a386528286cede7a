"""Each example, run as a reader would run it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "examples"
SAYS = {
    "acquire": [r"acquired=20, streamed=20, lost=0", r"frame 19, channel 3: \d{4} counts, most in bin 6\d\d"],
    "custom_sink": [r"channel 3: \d{5} counts", r"^100 frames, 0 lost"],
    "custom_receiver": [r"40 frames will come", r"^frame 39: counts", r"complete, 40 frames were acquired"],
    "raster_scan": [r"300 frames, 0 lost", r"^file: .*\.h5"],
    "read_file": [r"data: \(50, 4, 4096\) uint32 counts", r"complete: True", r"^3 +\d+\.\d"],
    "fluorescence_map": [r"iron: \d+ to \d+ counts", r"^map: .*map\.png"],
}
"""Name of each example, and what is to be found in what it prints."""

pytestmark = pytest.mark.timeout(120)


def test_every_example_is_tested():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_an_example_is_explained_and_short(name):
    text = (FOLDER / f"{name}.py").read_text()

    assert f"python examples/{name}.py" in ast.get_docstring(ast.parse(text))
    code = text.split('"""', 2)[2].strip().splitlines()
    assert len(code) <= 40


@pytest.mark.parametrize("name", SAYS)
def test_an_example_runs_and_says_what_it_should(name, tmp_path):
    for needed in {"read_file": ["xarray"], "fluorescence_map": ["xarray", "matplotlib"]}.get(name, []):
        pytest.importorskip(needed)

    done = run(name, tmp_path)

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for pattern in SAYS[name]:
        assert re.search(pattern, done.stdout, re.MULTILINE), done.stdout
    for path in re.findall(r"^map: (.*)$", done.stdout, re.MULTILINE):
        check_image(path)


def check_image(path: str) -> None:
    """That it shows more than one colour."""
    image = pytest.importorskip("matplotlib.pyplot").imread(path)
    assert image.shape[0] > 100
    assert image.std() > 0


def run(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FOLDER / f"{name}.py"],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
