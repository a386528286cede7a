"""The example does what the page says, and leaves nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import sys

import psutil
import pytest

pytestmark = pytest.mark.timeout(300)


def test_the_example_shows_the_whole_map_and_ends_all_it_started(tmp_path):
    pytest.importorskip("dranspose", reason="dranspose is not installed: pip install dranspose")
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server: apt-get install redis-server")
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    picture = tmp_path / "map.png"
    options = ["--rows", "6", "--columns", "8", "--exposure", "0.01", "--image", str(picture)]
    environment = {"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}

    done = subprocess.run(
        [sys.executable, "-m", "examples.dranspose", *options],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        env=environment,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    last = done.stdout.splitlines()[-1]
    assert last == "Counts(acquired=48, streamed=48, lost=0); on the map 48 frames, 0 lost: complete"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [picture]
    assert not [p for p in psutil.process_iter(["environ"]) if _is_ours(p, str(tmp_path))]


def _is_ours(process, directory):
    return (process.info["environ"] or {}).get("TMPDIR") == directory
