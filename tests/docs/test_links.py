"""Links between pages lead somewhere, in the sources as on the web site of the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOC, REPOSITORY, pages

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.M)
CODE = re.compile(r"^```.*?^```$|^(?: {4}|\t)[^\n]*$|`[^`\n]+`", re.M | re.S)
MENTION = re.compile(r"`((?:doc|packaging|tests)/[\w./-]+\.\w+)`")


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text)}


def targets(page: Path) -> list[str]:
    """Where the links of a page go, but for those to other sites."""
    found = LINK.findall(CODE.sub("", page.read_text()))
    return [target for target in found if not re.match(r"\w+:", target)]


def test_links_are_found_behind_code(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A\n\n    [no](code)\n\n```sh\n[no](fence)\n```\n\n`[no](inline)` [one](a.md) and\n[two](b.md#c)\n"
    )

    assert targets(page) == ["a.md", "b.md#c"]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_of_a_page_lead_somewhere(page):
    for target in targets(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page

        assert file.exists(), f"{target}: no such file"
        assert file.is_relative_to(REPOSITORY), f"{target}: outside of the repository"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_files_that_a_page_mentions_are_there(page):
    for mentioned in MENTION.findall(page.read_text()):
        assert (REPOSITORY / mentioned).exists(), mentioned


def test_every_page_can_be_reached():
    """By links or lists of pages, from the first page on."""
    reached, waiting = set(), [DOC / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [found for found in linked_pages(page) if found.suffix == ".md" and found.exists()]

    assert {page for page in pages() if DOC in page.parents} <= reached


def linked_pages(page: Path) -> list[Path]:
    """Pages that a page links to, and those of its toctree, patterns included."""
    text = page.read_text()
    found = [(page.parent / target.partition("#")[0]).resolve() for target in targets(page)]
    for tree in re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.M | re.S):
        for entry in re.findall(r"^(?!:)(\S+)$", tree, re.M):
            found += [one.resolve() for one in page.parent.glob(f"{entry}.md")]
    return found
