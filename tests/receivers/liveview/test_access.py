"""Who may look: by the name that was asked for, the page that asks, and the token."""

from __future__ import annotations

import pytest

from receivers.liveview.access import is_loopback, make_access


def refusal(access, host, *, origin=None, cookie=None, token=None, is_socket=False):
    headers = {"host": host, "origin": origin, "cookie": cookie}
    given = {name: value for name, value in headers.items() if value is not None}
    return access.refusal(given, {} if token is None else {"token": token}, is_socket=is_socket)


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.1"])
def test_on_loopback_its_names_are_let_in(host):
    assert refusal(make_access("127.0.0.1", 8080), host) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8080", "", "[::2]:8080", "10.0.0.1:8080"]
)
def test_a_name_that_somebody_else_points_here_is_refused(host):
    assert "not called" in refusal(make_access("127.0.0.1", 8080), host)


def test_more_names_can_be_given():
    assert refusal(make_access("127.0.0.1", 8080, ("hutch3",)), "hutch3:8080") is None


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:81", "null", "http://[", ""])
def test_a_socket_of_another_page_is_refused(origin):
    said = refusal(make_access("127.0.0.1", 8080), "127.0.0.1:8080", origin=origin, is_socket=True)

    assert "may not look" in said


def test_a_socket_of_our_page_and_of_a_program_are_let_in():
    access = make_access("127.0.0.1", 8080)

    assert refusal(access, "127.0.0.1:8080", origin="http://127.0.0.1:8080", is_socket=True) is None
    assert refusal(access, "127.0.0.1:8080", is_socket=True) is None


def test_elsewhere_a_token_is_needed_in_the_address_or_as_a_cookie():
    access = make_access("0.0.0.0", 8080)
    guess = "guess"

    assert "token" in refusal(access, "hutch3:8080")
    assert "token" in refusal(access, "hutch3:8080", token=guess, cookie=f"{access.cookie}=guess")
    assert "token" in refusal(access, "hutch3:8080", token=f"\ud800{guess}")
    assert refusal(access, "hutch3:8080", token=access.token) is None
    assert refusal(access, "hutch3:8080", cookie=f"a=b; {access.cookie}={access.token}") is None


def test_tokens_are_long_and_new_each_time():
    tokens = {make_access("0.0.0.0", 8080).token for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) >= 32 for token in tokens)


def test_servers_at_other_ports_keep_their_cookies():
    assert make_access("0.0.0.0", 8080).cookie != make_access("0.0.0.0", 8081).cookie


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("hutch3", False),
        ("", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host, expected):
    assert is_loopback(host) is expected
