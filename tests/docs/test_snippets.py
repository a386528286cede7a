"""What pages show runs: each Python block by itself, the tutorial from its first line to its last."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOC, REPOSITORY, pages, snippets

TUTORIAL = DOC / "tutorial" / "first-plot.md"
README = REPOSITORY / "README.md"  # its example is run, and what it prints compared, by test_public
PYTHON = [
    snippet
    for page in pages()
    if page not in (TUTORIAL, README)
    for snippet in snippets(page)
    if snippet.language == "python" and not snippet.reason
]
TIMEOUT = 60
ANY_PORT = "xspress3 serve --port 0 --monitor-port 0 "


def run(command: list[str], directory: Path, text: str | None = None) -> str:
    """What a command prints, which must end well and warn of nothing."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_STATE_HOME": str(directory),
    }
    done = subprocess.run(
        command,
        input=text,
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(2 * TIMEOUT)
@pytest.mark.parametrize("snippet", PYTHON, ids=lambda snippet: snippet.name)
def test_a_python_snippet_runs(snippet, tmp_path):
    (tmp_path / "data").mkdir()

    run([sys.executable, "-"], tmp_path, snippet.text)


@pytest.mark.timeout(4 * TIMEOUT)
def test_the_tutorial_ends_with_a_plot(tmp_path):
    pytest.importorskip("matplotlib")

    printed = []
    for snippet in snippets(TUTORIAL):
        interpreter = {"sh": ["bash", "-eu"], "python": [sys.executable, "-"]}[snippet.language]
        text = snippet.text.replace("xspress3 serve ", ANY_PORT)  # others may use the usual ports just now
        printed.append(run(interpreter, tmp_path, text))

    told, served, shown, plotted = printed
    assert "4096" in told
    assert "200 of 200 frames, 0 lost, complete" in served
    assert "200 of 200 frames written" in shown
    assert plotted.startswith("200 frames, correction 1.0")
    assert (tmp_path / "spectrum.png").read_bytes().startswith(b"\x89PNG")


def test_snippets_were_found():
    names = {snippet.page.name for snippet in PYTHON}

    assert {"streams.md", "upgrading.md", "wire-protocol.md"} <= names
