"""Writes the table of emission lines that the live view carries, from the database of `xraydb`.

    pip install xraydb
    python doc/make_element_lines.py

Energies are in eV. An element is taken from boron to uranium, a line where the database has it.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import xraydb

TABLE = Path(__file__).resolve().parents[1] / "receivers" / "liveview" / "page" / "elements.json"
ATOMIC_NUMBERS = range(5, 93)
LINES = {"Ka1": "Ka1", "Ka2": "Ka2", "Kb1": "Kb1", "La1": "La1", "Lb1": "Lb1", "Lg1": "Lg1", "Ma": "Ma1"}
"""Lines as the database calls them, and as the page does."""


def element_lines(atomic_number: int) -> dict[str, float]:
    """Energy of each line that the element has, in eV."""
    found = xraydb.xray_lines(xraydb.atomic_symbol(atomic_number))
    return {ours: found[theirs].energy for theirs, ours in LINES.items() if theirs in found}


def write_table(path: Path) -> None:
    """One line for each element, so that changes can be read."""
    source = json.dumps(f"xraydb {version('xraydb')}")
    rows = [
        f"  {json.dumps(xraydb.atomic_symbol(number))}: {json.dumps({'Z': number, **element_lines(number)})}"
        for number in ATOMIC_NUMBERS
    ]
    body = ",\n".join(rows)
    path.write_text(f'{{"source": {source}, "units": "eV", "elements": {{\n{body}\n}}}}\n', encoding="ascii")


if __name__ == "__main__":
    write_table(TABLE)
