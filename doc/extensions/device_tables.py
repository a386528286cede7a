"""Tables of the Tango device as Markdown, made from its class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tango import AttrDataFormat, AttrWriteType, CmdArgType, DispLevel

from tango_device.attributes import ChannelAttribute, channel_attributes
from tango_device.server import Xspress3DS

__all__ = ["attributes", "channel_names", "commands", "markdown", "properties"]

_CLASS = Xspress3DS.TangoClassClass
_STANDARD = {
    "State": "`INIT`, `STANDBY`, `RUNNING` or `FAULT`.",
    "Status": "What the device does, how far it is, and what went wrong, in words.",
}


def markdown(table: str) -> str:
    """The table `attributes`, `commands` or `properties`."""
    makers: dict[str, Callable[[], str]] = {
        "attributes": attributes,
        "commands": commands,
        "properties": properties,
    }
    return makers[table]()


def attributes() -> str:
    """All attributes: those that clients write first, those of channels last, with n for the number."""
    named = [(name, _CLASS.attr_list[name]) for name in _CLASS.attr_list]
    named.sort(key=lambda one: one[1].attr_write == AttrWriteType.READ)
    of_channels = [(channel_names(one), one.make(one.name)) for one in channel_attributes(1)]
    rows = [_attribute_row(name, attribute) for name, attribute in named + of_channels]
    rows += [
        (f"`{name}`", "text" if name == "Status" else "state", "", "", text)
        for name, text in _STANDARD.items()
    ]
    return _table(("attribute", "type", "unit", "", "meaning"), rows)


def channel_names(one: ChannelAttribute) -> str:
    """Name of an attribute of channel 0 as that of any channel: `Window1_Chn`."""
    return one.name.removesuffix("0") + "n"


def _attribute_row(name: str, attribute: Any) -> tuple[str, ...]:
    given = attribute._kwargs
    return f"`{name}`", _type(attribute), given.get("unit", ""), _access(attribute), _meaning(attribute)


def _type(attribute: Any) -> str:
    sizes = [size for size in (attribute.dim_x, attribute.dim_y) if size]
    plain = str(attribute.attr_type).removeprefix("Dev")
    if attribute.attr_format == AttrDataFormat.SCALAR:
        return plain
    return f"{plain}, up to {' x '.join(str(size) for size in sizes)}"


def _access(attribute: Any) -> str:
    words = ["read"] if attribute.attr_write == AttrWriteType.READ else ["read, write"]
    words += ["memorized"] if attribute.memorized else []
    words += ["expert"] if attribute.display_level == DispLevel.EXPERT else []
    return ", ".join(words)


def _meaning(attribute: Any) -> str:
    low, high = (attribute._kwargs.get(limit) for limit in ("min_value", "max_value"))
    limits = f" Allowed: {low} to {high}." if low is not None and high is not None else ""
    return attribute.__doc__ + limits


def commands() -> str:
    """All commands, also those that every Tango device has and that ours gives a meaning."""
    rows = [_command_row(name, *_CLASS.cmd_list[name][:2]) for name in _CLASS.cmd_list]
    rows.append(("`Init`", "", "", "Close and open, with the properties read anew; goes on in `INIT`."))
    return _table(("command", "takes", "gives", "meaning"), rows)


def _command_row(name: str, taken: list[Any], given: list[Any]) -> tuple[str, ...]:
    meaning, _, gives = given[1].partition(" Gives: ")
    takes = "" if taken[0] == CmdArgType.DevVoid else f"{_short(taken[0])}: {taken[1]}"
    return f"`{name}`", takes, f"{_short(given[0])}: {gives}" if gives else "", meaning


def properties() -> str:
    """All properties."""
    rows = [
        (f"`{name}`", _short(kind), _default(value), text)
        for name, (kind, text, value, _) in _CLASS.device_property_list.items()
    ]
    return _table(("property", "type", "default", "meaning"), rows)


def _short(kind: CmdArgType) -> str:
    """A type without Tango's prefixes; arrays end in []."""
    text = str(kind).removeprefix("Dev")
    return text.removeprefix("Var").removesuffix("Array") + "[]" if text.startswith("Var") else text


def _default(value: Any) -> str:
    return "" if value in ("", []) else f"`{value}`"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
