"""Builds what must be built: the cffi tables and the simulator library; all else is in pyproject.toml."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from setuptools import Distribution, Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

SIM_LIBRARY = "xspress3.sim.libxspress3_sim"
SIM_SOURCES = sorted(path.as_posix() for path in Path("xspress3/sim/csrc").glob("*.c"))
SIM_HEADERS = sorted(path.as_posix() for path in Path("xspress3/sim/csrc").glob("*.h"))
NO_COMPILER = """
    xspress3-streamer needs a C compiler to build its detector simulator, and none was found
    (tried: {tried}).
    Install one, for example `apt-get install gcc` or `dnf install gcc`, or name yours in the
    environment variable CC, and run the installation again.
"""


class BuildSimulator(build_ext):
    """Compiles the simulator as a plain shared library: it is opened by path, never imported."""

    def get_ext_filename(self, fullname: str) -> str:
        return str(Path(*fullname.split("."))) + ".so"

    def get_export_symbols(self, ext: Extension) -> list[str]:  # noqa: ARG002
        return []  # there is no PyInit function to export

    def build_extension(self, ext: Extension) -> None:
        if ext.name == SIM_LIBRARY:
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


setup(
    distclass=BinaryDistribution,
    cmdclass={"build_ext": BuildSimulator, "bdist_wheel": PlatformWheel},
    cffi_modules=[
        "xspress3/sdk/_build.py:ffibuilder",
        "xspress3/sim/_build.py:ffibuilder",
        "xspress3/stream/_bitshuffle_build.py:ffibuilder",
    ],
    ext_modules=[
        Extension(
            SIM_LIBRARY,
            sources=SIM_SOURCES,
            depends=SIM_HEADERS,
            extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra"],
            libraries=["m", "pthread"],
        )
    ],
)
