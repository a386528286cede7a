"""Builds what must be built: the cffi tables and our C libraries; all else is in pyproject.toml."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

from setuptools import Distribution, Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

C_FLAGS = ["-std=c11", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra"]
NO_COMPILER = """
    xspress3-streamer needs a C compiler to build its detector simulator and its shared memory,
    and none was found (tried: {tried}).
    Install one, for example `apt-get install gcc` or `dnf install gcc`, or name yours in the
    environment variable CC, and run the installation again.
"""


class BuildLibraries(build_ext):
    """Compiles our C code to plain shared libraries: they are opened by path, never imported."""

    def get_ext_filename(self, fullname: str) -> str:
        return str(Path(*fullname.split("."))) + ".so"

    def get_export_symbols(self, ext: Extension) -> list[str]:  # noqa: ARG002
        return []  # there is no PyInit function to export

    def build_extension(self, ext: Extension) -> None:
        if ext.name in {library.name for library in LIBRARIES}:
            self._require_compiler()
        super().build_extension(ext)

    def _require_compiler(self) -> None:
        command = getattr(self.compiler, "compiler_so", None) or ["cc"]
        if shutil.which(command[0]) is None:
            tried = shlex.join(command[:1])
            raise SystemExit(NO_COMPILER.format(tried=tried))


class PlatformWheel(bdist_wheel):
    """The wheel holds a shared library but nothing of one Python version."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class BinaryDistribution(Distribution):
    def has_ext_modules(self) -> bool:
        return True


def plain_library(name: str, folder: str, **how: Any) -> Extension:
    """The library `name` of all C files in `folder`."""
    sources = sorted(path.as_posix() for path in Path(folder).glob("*.c"))
    headers = sorted(path.as_posix() for path in Path(folder).parent.glob("**/*.h"))
    return Extension(name, sources=sources, depends=headers, extra_compile_args=C_FLAGS, **how)


LIBRARIES = [
    plain_library("xspress3.sim.libxspress3_sim", "xspress3/sim/csrc", libraries=["m", "pthread"]),
    plain_library(
        "xspress3.stream.shared.libxspress3_shm", "xspress3/stream/shared/csrc", libraries=["pthread"]
    ),
]

setup(
    distclass=BinaryDistribution,
    cmdclass={"build_ext": BuildLibraries, "bdist_wheel": PlatformWheel},
    cffi_modules=[
        "xspress3/sdk/_build.py:ffibuilder",
        "xspress3/sim/_build.py:ffibuilder",
        "xspress3/stream/_bitshuffle_build.py:ffibuilder",
        "xspress3/stream/shared/_build.py:ffibuilder",
    ],
    ext_modules=LIBRARIES,
)
