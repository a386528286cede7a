"""Frames through a network of 1 Gbit/s: two network namespaces, and a pair of virtual cards between them.

`tc` lets no more than that through in either direction. What goes through uncompressed is measured too,
as the proof that the link is as narrow as is said: 1 Gbit/s are some 1,900 frames of 4 x 4096 bins.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.frames import make_frames, save_playback
from benchmarks.pipeline import Place, run_pipeline, verify
from benchmarks.rows import NOTHING, Row, Wanted

__all__ = ["NotPermittedError", "link_rows", "narrow_link"]

BITS_PER_SECOND = 1_000_000_000
PLAYED_FRAMES = 64
_OURS = re.compile(r"xs3bench-([0-9]+)-[ab]\b")
_ADDRESSES = ("10.213.71.1", "10.213.71.2")


class NotPermittedError(Exception):
    """No such link can be made here, and why."""


def link_rows(n_frames: int, directory: Path) -> list[Row]:
    """Frames a second from a simulator at one end to a verified file at the other.

    Parameters
    ----------
    n_frames
        Of the compressed run; of the other a tenth.
    """
    frames = make_frames(PLAYED_FRAMES)
    playback = save_playback(directory / "link.npz", frames)
    try:
        with narrow_link(BITS_PER_SECOND) as place:
            packed = run_pipeline(playback, n_frames, directory, place)
            plain = run_pipeline(playback, max(n_frames // 10, 1), directory, place, compression="none")
    except NotPermittedError as error:
        return [Row(f"through 1 Gbit/s: skipped, {error}", 0.0, "")]
    wrong = verify(packed, frames) + verify(plain, frames)
    limit = BITS_PER_SECOND / 8 / frames["histogram"][0].nbytes
    baseline = "1 Gbit/s, uncompressed frames"
    return [
        Row(baseline, limit, "frames/s"),
        Row(
            "uncompressed, through 1 Gbit/s",
            plain.rate,
            "frames/s",
            baseline,
            plain.rate / limit,
            Wanted(most=1),
        ),
        Row(
            "bslz4, through 1 Gbit/s",
            packed.rate,
            "frames/s",
            baseline,
            packed.rate / limit,
            Wanted(least=10),
        ),
        Row("bslz4, on the wire", packed.rate * packed.report["size_bytes"] / n_frames * 8e-6, "Mbit/s"),
        Row("frames wrong or missing behind the link", wrong, "frames", wanted=NOTHING),
    ]


@contextlib.contextmanager
def narrow_link(bits_per_second: int) -> Iterator[Place]:
    """Two network namespaces with a link between; gone afterwards, whatever happens.

    Raises
    ------
    NotPermittedError
        When this user may not make them, or the programs for it are missing.
    """
    _sweep()
    names = [f"xs3bench-{os.getpid()}-{end}" for end in "ab"]
    with contextlib.ExitStack() as stack:
        for name in names:
            _run("ip", "netns", "add", name)
            stack.callback(_remove, name)
        cards = [f"xs3{os.getpid()}{end}" for end in "ab"]
        # Both are made within the namespaces, so that the system's own network never sees them.
        _run(
            "ip", "-n", names[0], "link", "add", cards[0], "type", "veth", "peer", cards[1], "netns", names[1]
        )
        for name, card, address in zip(names, cards, _ADDRESSES, strict=True):
            _set_up(name, card, address, bits_per_second)
        inside = [("ip", "netns", "exec", name) for name in names]
        yield Place(inside[0], inside[1], _ADDRESSES[0])


def _set_up(name: str, card: str, address: str, bits_per_second: int) -> None:
    _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", card)
    _run("ip", "-n", name, "link", "set", card, "up")
    # A burst of 1 ms of traffic: less cannot be kept up by a timer, more would be a wider link.
    shape = ("rate", f"{bits_per_second}bit", "burst", str(bits_per_second // 8000), "latency", "20ms")
    _run("tc", "-n", name, "qdisc", "add", "dev", card, "root", "tbf", *shape)


def _remove(name: str) -> None:
    _tried("ip", "netns", "delete", name)


def _sweep() -> None:
    """Remove what runs left that were killed."""
    for line in _run("ip", "netns", "list").splitlines():
        match = _OURS.match(line)
        if match and not Path(f"/proc/{match[1]}").exists():
            _remove(match[0])


def _run(*command: str) -> str:
    """What it printed."""
    try:
        done = _tried(*command)
    except FileNotFoundError:
        raise NotPermittedError(f"there is no program {command[0]}") from None
    if done.returncode:
        raise NotPermittedError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _tried(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
