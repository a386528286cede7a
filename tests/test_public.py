"""What is public exists, is described, and works as the README says."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import receivers
import tango_device
import xspress3

with contextlib.suppress(ModuleNotFoundError):  # an import of OCS brings it, and it is kept for ever
    import twisted.internet.reactor  # noqa: F401

REPOSITORY = Path(__file__).resolve().parents[1]
BUILT = {
    "xspress3.sdk._sdk",
    "xspress3.sim._sim",
    "xspress3.stream._bitshuffle",
    "xspress3.stream.shared._shm",
}


def modules():
    for package in (xspress3, receivers, tango_device):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not re.search(r"_build$|__main__$|libxspress3", found.name) and found.name not in BUILT:
                yield found.name


OPTIONAL = {"tango", "bluesky", "ophyd_async", "sardana", "google_crc32c", "ocs", "dranspose"}


def load(name):
    try:
        with warnings.catch_warnings():
            if name.startswith("tango_device.clients."):
                warnings.simplefilter("ignore")  # not ours: what scan software warns of
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = str(error.name).split(".")[0]
        if missing not in OPTIONAL:
            raise
        return pytest.skip(f"{missing} is not installed")


@pytest.mark.parametrize("name", list(modules()))
def test_a_module_says_what_it_is_and_what_it_gives(name):
    module = load(name)

    assert module.__doc__
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, f"{name}.{public} has no docstring"


@pytest.mark.parametrize("name", list(modules()))
def test_methods_of_public_classes_are_described(name):
    module = load(name)

    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        if inspect.isclass(value) and value.__module__ == name:
            for method, function in vars(value).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    assert function.__doc__, f"{name}.{public}.{method} has no docstring"


def test_the_example_of_the_readme_prints_what_it_took():
    (example,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)

    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "Counts(acquired=100, streamed=100, lost=0)\n"
