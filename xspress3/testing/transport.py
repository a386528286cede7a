"""What every transport of messages must keep to, as checks for whoever writes one.

A transport is a sender and readers that join it. No test framework is needed: a check that fails raises
`AssertionError`, and says what was expected and what came instead. See `check_transport`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Union

from xspress3.testing.checks import CHECKS
from xspress3.testing.ends import MakeReader, SendingEnd, TransportPair
from xspress3.testing.transport_tools import Bench

__all__ = ["check_transport", "transport_checks"]

MakePair = Callable[[], Union[TransportPair, tuple[SendingEnd, MakeReader]]]


def transport_checks() -> list[str]:
    """Names of all checks, for `check_transport`; as parameters of one test each, for example."""
    return [*CHECKS]


def check_transport(make_pair: MakePair, *names: str, patience: float = 5.0) -> None:
    """Check a transport.

    Parameters
    ----------
    make_pair
        Gives a new sender and a function that makes its readers, each time it is called: a
        `TransportPair`, or a tuple of these two. Called once for each check. The sender should keep few
        messages (2 to 64) on the way to a reader, and some of a session for readers that join late.
    names
        Of the checks to make, see `transport_checks`; all of them when none is named. Checks for which
        the pair lacks the means pass.
    patience
        Seconds for each thing that must happen sooner or later.

    Raises
    ------
    AssertionError
        Names the check, what was expected, and what came.
    ValueError
        For a name that there is not.
    """
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        raise ValueError(f"checks {unknown}, there are {list(CHECKS)}")
    for name in names or CHECKS:
        _check(name, CHECKS[name], make_pair, patience)


def _check(name: str, check: Callable[[Bench], None], make_pair: MakePair, patience: float) -> None:
    made = make_pair()
    pair = made if isinstance(made, TransportPair) else TransportPair(*made)
    began = time.monotonic()
    try:
        with Bench(pair, patience) as bench:
            check(bench)
    except Exception as error:
        what = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        after = time.monotonic() - began
        raise AssertionError(f"check {name!r} failed after {after:.1f} s: {what}") from error
    finally:
        if pair.cleanup is not None:
            pair.cleanup()
