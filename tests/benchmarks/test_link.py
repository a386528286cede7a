"""The narrow link is made, used, and gone afterwards; or it is said why not."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks import link
from benchmarks.link import NotPermittedError, link_rows, narrow_link


def namespaces():
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    return {line.split()[0] for line in listed.stdout.splitlines()}


@pytest.fixture
def permitted():
    try:
        with narrow_link(1_000_000_000):
            pass
    except NotPermittedError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("permitted")
def test_frames_go_through_a_narrow_link_and_nothing_of_it_stays(tmp_path, by_name):
    before = namespaces()

    rows = by_name(link_rows(200, tmp_path))

    assert rows["frames wrong or missing behind the link"].value == 0
    assert rows["bslz4, through 1 Gbit/s"].value > 0
    assert namespaces() == before


@pytest.mark.usefixtures("permitted")
def test_the_link_goes_also_after_an_error():
    before = namespaces()

    def fail_within():
        with narrow_link(1_000_000_000) as place:
            assert namespaces() - before == {place.serve_in[-1], place.write_in[-1]}
            raise KeyError

    with pytest.raises(KeyError):
        fail_within()

    assert namespaces() == before


@pytest.mark.parametrize(
    ("program", "reason"), [("/no/such/program", "there is no"), ("/bin/false", "false")]
)
def test_where_no_link_can_be_made_the_row_says_why(monkeypatch, tmp_path, program, reason):
    run = link._run
    monkeypatch.setattr(link, "_run", lambda *words: run(program, *words[1:]))

    (row,) = link_rows(200, tmp_path)

    assert "skipped" in row.name
    assert reason in row.name
    assert not row.is_missed
