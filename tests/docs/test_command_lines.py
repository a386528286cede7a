"""The page of command lines leaves out no command and no option."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator

import pytest

import receivers.cli
import xspress3.cli
from tests.docs.pages import DOC

PROGRAMS = {"xspress3": xspress3.cli, "xspress3-receiver": receivers.cli}


def helps(main: Callable[[list[str]], int], capsys, *words: str) -> Iterator[tuple[str, str]]:
    """What `--help` prints of each command that has no further ones, found by reading it."""
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    text = capsys.readouterr().out
    below = re.findall(r"^ {4}([\w-]+)(?: \([\w, -]+\))?(?: {2,}\S.*)?$", text, re.M)
    if not below:
        yield " ".join(words), text
    for command in below:
        yield from helps(main, capsys, *words, command)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_and_option_is_on_the_page(program, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(DOC / "extensions"))
    monkeypatch.setenv("COLUMNS", "400")  # so that nothing is broken into lines
    module = PROGRAMS[program]
    made = importlib.import_module("command_lines").markdown(f"{module.__name__}:build_parser")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", made, re.M | re.S))

    told = {f"{program} {command}": text for command, text in helps(module.main, capsys)}

    assert sections.keys() == told.keys()
    for command, text in told.items():
        options = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", text, re.M)) - {"--help"}
        assert options == set(re.findall(r"^\| (?:`-\w[^`]*`, )?`(--[\w-]+)", sections[command], re.M))


def test_the_page_shows_both_programs():
    page = (DOC / "reference" / "command-lines.md").read_text()

    shown = re.findall(r"\{command-line\} (\S+):build_parser", page)
    assert shown == [module.__name__ for module in PROGRAMS.values()]
