"""How the documentation is built: `make docs`, every warning an error."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

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
# Packages of extras that the pages can be made without.
autodoc_mock_imports = [
    "bluesky",
    "dranspose",
    "google_crc32c",
    "ocs",
    "ophyd_async",
    "sardana",
    "spt3g",
    "starlette",
    "txaio",
    "uvicorn",
    "websockets",
]
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
    for package in ("xspress3", "receivers", "tango_device")
]

# A short name in a type may be that of two classes; which one it is, the signature does not say.
suppress_warnings = ["ref.python"]

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
