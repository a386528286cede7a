"""What is public exists, is described, and works as the README says."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
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


def load(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "tango":
            raise
        return pytest.skip("PyTango is not installed")


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


PRINTED = {
    "README.md": "Counts(acquired=100, streamed=100, lost=0)\n",
    "doc/detector.md": "",
    "doc/security.md": "",
}


@pytest.mark.parametrize("page", PRINTED)
def test_the_example_on_a_page_runs(page):
    text = (REPOSITORY / page).read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)

    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == PRINTED[page]


def test_pictures_and_pages_that_the_readme_names_are_there():
    text = (REPOSITORY / "README.md").read_text()

    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (REPOSITORY / target).exists(), target
