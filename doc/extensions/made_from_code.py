"""Directives whose text is made from the code, `command-line` and `device-table`.

::

    ```{command-line} xspress3.cli:build_parser
    ```

    ```{device-table} attributes
    ```
"""

from __future__ import annotations

from typing import ClassVar

import command_lines
import device_tables
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

__all__ = ["setup"]


class CommandLine(SphinxDirective):
    """A section for each command of a program; the argument is where the maker of its parser is."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        text = command_lines.markdown(self.arguments[0])
        return self.parse_text_to_nodes(text, allow_section_headings=True)


class DeviceTable(SphinxDirective):
    """A table of the Tango device; the argument is `attributes`, `commands` or `properties`."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(device_tables.markdown(self.arguments[0]))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_directive("command-line", CommandLine)
    app.add_directive("device-table", DeviceTable)
    return {"version": "1", "parallel_read_safe": True}
