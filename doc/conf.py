"""How the documentation is built: `make docs`, every warning an error."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = ("xspress3", "receivers", "tango_device")
sys.path.insert(0, str(HERE / "extensions"))


def imported() -> Iterator[str]:
    """Names of the packages that ours import."""
    for package in PACKAGES:
        for module in (HERE.parent / package).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text())):
                if isinstance(node, ast.Import):
                    yield from (alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    yield node.module.partition(".")[0]


# What their classes inherit has pages of its own, which need more than can be described here.
SCAN_SOFTWARE = ("bluesky", "event_model", "ophyd_async", "sardana")


def not_installed() -> list[str]:
    """Packages of extras that are not here: they are imitated, so that the pages can be made without."""
    return sorted(name for name in set(imported()) if importlib.util.find_spec(name) is None)


project = "xspress3-streamer"
author = "the authors of xspress3-streamer"
version = release = importlib.metadata.version("xspress3-streamer")

extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "made_from_code",
]
exclude_patterns = ["reference/python/*/modules.rst"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_mock_imports = sorted({*not_installed(), *SCAN_SOFTWARE})
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
default_role = "code"

# What C code was made of, and what only starts a program, is not for readers.
NOT_SHOWN = ["**/_[!_]*.py", "**/__main__.py", "**/*.so"]
apidoc_modules = [
    {
        "path": f"../{package}",
        "destination": f"reference/python/{package}",
        "exclude_patterns": NOT_SHOWN,
        "module_first": True,
        "automodule_options": {"members", "show-inheritance", "ignore-module-all"},
    }
    for package in PACKAGES
]

# A short name in a type may be that of two classes; which one it is, the signature does not say.
suppress_warnings = ["ref.python"]

# Names of functions would fill the lists of pages.
toc_object_entries = False

html_theme = "furo"
html_title = "xspress3-streamer"
html_copy_source = False


def indent_the_example(_app, _what, _name, _object, _options, lines: list[str]) -> None:
    """Indent a docstring that is a line and an example again: Python takes the indentation away."""
    if len(lines) > 2 and lines[0].endswith("::") and lines[2] and not lines[2].startswith(" "):
        lines[1:] = ["    " + line if line else "" for line in lines[1:]]


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", indent_the_example, priority=400)
