"""The library's side of the C interface against the table that the binding is made from."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from xspress3.sdk._sdk import ffi
from xspress3.sim import library_path

PACKAGE = library_path().parent
TABLE = (PACKAGE.parent / "sdk" / "_cdef.h").read_text()
DECLARED = set(re.findall(r"\b(xsp3_\w+)\(", TABLE))
CONTROLS = {
    "xsp3sim_set",
    "xsp3sim_advance",
    "xsp3sim_truth",
    "xsp3sim_fault",
    "xsp3sim_ttl",
    "xsp3sim_edges",
    "xsp3sim_gates",
}
STRUCTS = sorted(set(re.findall(r"^\} (\w+);", TABLE, re.MULTILINE)))


@pytest.fixture(scope="module")
def compiler():
    found = shutil.which("cc") or shutil.which("gcc")
    if found is None:
        pytest.skip("no C compiler")
    return [found, "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", PACKAGE / "csrc"]


def test_only_functions_of_the_sdk_and_of_the_simulator_are_exported():
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("no nm")
    listing = subprocess.run(
        [nm, "-D", "--defined-only", library_path()], capture_output=True, text=True, check=True
    )
    names = {line.split()[-1] for line in listing.stdout.splitlines()}

    assert names == DECLARED | CONTROLS


def test_the_header_declares_the_functions_as_the_table_does(compiler, tmp_path):
    functions = TABLE[TABLE.index("/* Configuration and information */") :]
    source = tmp_path / "both.c"
    source.write_text(f'#include "xsp3_api.h"\n{functions}\n')

    done = subprocess.run([*compiler, "-fsyntax-only", source], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_structs_lie_in_memory_as_the_binding_thinks(compiler, tmp_path):
    lines = [_print_of(name) for name in STRUCTS]
    source, program = tmp_path / "layout.c", tmp_path / "layout"
    source.write_text(
        '#include <stddef.h>\n#include <stdio.h>\n#include "xsp3_api.h"\n'
        "int main(void)\n{\n" + "\n".join(lines) + "\nreturn 0;\n}\n"
    )
    subprocess.run([*compiler, "-o", program, source], check=True)

    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()

    assert len(STRUCTS) == 4
    assert [int(word) for word in printed] == [number for name in STRUCTS for number in _layout_of(name)]


def _print_of(name: str) -> str:
    """C that prints the size of a struct, then offset and size of each member."""
    members = "".join(
        f'printf("%zu %zu\\n", offsetof({name}, {member}), sizeof((({name} *)0)->{member}));\n'
        for member, _ in ffi.typeof(name).fields
    )
    return f'printf("%zu\\n", sizeof({name}));\n{members}'


def _layout_of(name: str) -> list[int]:
    layout = [ffi.sizeof(name)]
    for _, field in ffi.typeof(name).fields:
        layout += [field.offset, ffi.sizeof(field.type)]
    return layout


def test_every_function_that_can_fail_can_be_made_to():
    listed = re.findall(
        r'^    \{"(xsp3_\w+)", SIM_TOUCHES_\w+\},$', (PACKAGE / "csrc" / "api_names.c").read_text(), re.M
    )

    assert sorted(listed) == sorted(DECLARED - {"xsp3_get_error_message"})
