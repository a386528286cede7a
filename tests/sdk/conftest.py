"""Small libraries, compiled for a test, that behave as the vendor's may."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Compile = Callable[..., Path]


@pytest.fixture
def compile_library(tmp_path: Path) -> Compile:
    """Make a shared library of C text in the test's own folder."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")

    def compile_text(name: str, text: str, *options: str) -> Path:
        source = tmp_path / f"{name}.c"
        source.write_text(text)
        library = tmp_path / name
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, *options], check=True)
        return library

    return compile_text
