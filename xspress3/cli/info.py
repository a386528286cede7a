"""`xspress3 info`: which library was found, and what detector answers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from xspress3.cli.options import add_detector, detector_config
from xspress3.detector import Xspress3Detector

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("info", help="show the library and the detector behind it")
    add_detector(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Open the detector, tell what it is, close it."""
    with Xspress3Detector.open(detector_config(arguments)) as detector:
        info = detector.info
        windows = detector.windows()
    rows = {
        "library": info.library,
        "generation": info.generation.name.lower(),
        "firmware": info.revision,
        "cards": info.n_cards,
        "channels": info.n_channels,
        "bins": info.n_bins,
        "clock": f"{1e-6 / info.clock_period:g} MHz, {info.clock_period * 1e9:g} ns a tick",
        "ring": f"{info.ring_frames} frames",
        "event widths": ", ".join(map(str, info.event_widths)) + " ticks",
        "windows": ", ".join(f"{a[0]}-{a[1]} {b[0]}-{b[1]}" for a, b in windows),
    }
    for name, value in rows.items():
        print(f"{name:>13}  {value}")
    return 0
