"""The tables of the documentation, made from the class, hold all that a running device has."""

from __future__ import annotations

import importlib
import re
from types import ModuleType

import pytest

from tests.docs.pages import DOC

tango = pytest.importorskip("tango")

from tests.tango_device.device.servers import INSTANCE  # noqa: E402


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOC / "extensions"))
    return importlib.import_module("device_tables")


def rows(table: str) -> dict[str, str]:
    """The last cell of each row by the name in the first."""
    return dict(re.findall(r"^\| `(\w+)` \|.* \| (.*) \|$", table, re.M))


def test_every_attribute_of_a_running_device_is_in_the_table(device, tables):
    documented = rows(tables.attributes())

    found = {re.sub(r"_Ch\d+$", "_Chn", name) for name in device.get_attribute_list()}

    assert documented.keys() == found


def test_what_the_table_says_of_an_attribute_is_what_clients_are_told(device, tables):
    documented = rows(tables.attributes())

    for told in device.attribute_list_query():
        if told.name not in ("State", "Status"):
            assert documented[re.sub(r"_Ch\d+$", "_Chn", told.name)].startswith(told.description), told.name


def test_every_command_of_a_running_device_is_in_the_table(device, tables):
    documented = rows(tables.commands())

    found = set(device.get_command_list()) - {"State", "Status"}  # they are attributes too

    assert documented.keys() == found


def test_every_property_that_the_server_knows_is_in_the_table(server, tables):
    documented = rows(tables.properties())
    admin = tango.DeviceProxy(f"tango://127.0.0.1:{server.port}/dserver/Xspress3DS/{INSTANCE}#dbase=no")

    name_text_default = admin.QueryWizardDevProperty("Xspress3DS")

    assert documented == dict(zip(name_text_default[::3], name_text_default[1::3], strict=True))
