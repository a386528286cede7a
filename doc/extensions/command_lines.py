"""Pages of command lines as Markdown, made from the parsers of the programs."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

__all__ = ["commands_of", "markdown"]


def markdown(program: str) -> str:
    """Every command of a program with its options.

    Parameters
    ----------
    program
        Where the function is that makes its parser, such as `xspress3.cli:build_parser`.
    """
    module, _, function = program.partition(":")
    parser = getattr(importlib.import_module(module), function)()
    return "\n".join(_section(command, text) for command, text in commands_of(parser))


def commands_of(
    parser: argparse.ArgumentParser, text: str = ""
) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """The parsers of all commands, and what each does; commands of commands too, in their place."""
    choices = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not choices:
        yield parser, text
    for action in choices:
        told = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            if name in told:  # others are aliases
                yield from commands_of(command, told[name])


def _section(parser: argparse.ArgumentParser, text: str) -> str:
    lines = [f"## {parser.prog}", "", _sentence(text), ""]
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if _is_told(action)]
        if actions:
            lines += [f"| {_heading(group)} | |", "| --- | --- |"]
            lines += [*(_row(parser, action) for action in actions), ""]
    return "\n".join(lines)


def _is_told(action: argparse.Action) -> bool:
    return action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction)


def _heading(group: argparse._ArgumentGroup) -> str:
    return {"positional arguments": "arguments"}.get(group.title or "", group.title or "")


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    text = formatter._expand_help(action) if action.help else ""
    return f"| {_names(parser, action)} | {_cell(text)}{_choices(action)} |"


def _names(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    if not action.option_strings:
        return _code(formatter._format_args(action, formatter._get_default_metavar_for_positional(action)))
    value = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
    return ", ".join(_code(f"{name} {value}".strip()) for name in action.option_strings)


def _choices(action: argparse.Action) -> str:
    if not action.choices or action.metavar is None:  # without a metavar the names show them
        return ""
    return "; one of " + ", ".join(_code(str(choice)) for choice in action.choices)


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _cell(text: str) -> str:
    """Text in a cell of a table: what looks like markup is none, but for code."""
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*").replace("<", "\\<")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("." if text and not text.endswith(".") else "")
