"""The files of the page, and the table of emission lines."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from receivers.liveview import assets
from xspress3.errors import ConfigurationError

pytestmark = pytest.mark.skipif(find_spec("uplot") is None, reason="needs the extra view")

BEARDEN = {  # eV, from the tables of J. A. Bearden, Rev. Mod. Phys. 39 (1967) 78
    ("Ca", "Ka1"): 3691.7,
    ("Fe", "Ka1"): 6403.8,
    ("Fe", "Kb1"): 7058.0,
    ("Cu", "Ka1"): 8047.8,
    ("Zn", "Ka1"): 8638.9,
    ("Pb", "La1"): 10551.5,
    ("Pb", "Lb1"): 12613.7,
}
SVG_NAMESPACE = "http://www.w3.org"
"""A name, never fetched."""
REFERENCE = re.compile(r"""(?:src|href|from|fetch\()[= ]?["'](\.?/[^"']+)["']""")


@pytest.fixture(scope="module")
def elements() -> dict[str, dict[str, float]]:
    return json.loads(assets.load_assets()["/elements.json"].content)["elements"]


def test_whatever_the_page_refers_to_is_served_and_nothing_comes_from_elsewhere():
    served = assets.load_assets()
    ours = [asset.content.decode() for path, asset in served.items() if not path.startswith("/library/")]

    named = {name.lstrip(".") for text in ours for name in REFERENCE.findall(text)}

    assert {"/main.js", "/style.css", "/library/uPlot.js", "/elements.json"} <= named <= set(served)
    assert set(re.findall(r"(?:https?:)?//[\w-]+\.[\w.]+", "\n".join(ours))) <= {SVG_NAMESPACE}


def test_a_missing_library_is_named_with_the_way_to_get_it(monkeypatch):
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(assets, "distribution", absent)

    with pytest.raises(ConfigurationError, match=r"uplot-python is missing: pip install '\.\[view\]'"):
        assets.load_assets()


def test_a_library_without_the_file_is_named_with_its_version(monkeypatch):
    monkeypatch.setattr(assets, "LIBRARY_FILES", {"/library/uPlot.js": str(Path("uplot/static/gone.js"))})

    with pytest.raises(ConfigurationError, match=r"uplot-python \d[\d.]* has no uplot/static/gone.js"):
        assets.load_assets()


def test_lines_lie_where_the_literature_has_them(elements):
    for (symbol, line), energy in BEARDEN.items():
        assert elements[symbol][line] == pytest.approx(energy, abs=9)


def test_all_elements_from_boron_to_uranium_are_there_and_their_lines_rise(elements):
    k_alpha = [lines["Ka1"] for lines in elements.values()]

    assert [lines["Z"] for lines in elements.values()] == list(range(5, 93))
    assert all(below < above for below, above in pairwise(k_alpha))
