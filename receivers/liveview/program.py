"""What `xspress3-receiver view` does: a page for browsers, a picture, or a window."""

from __future__ import annotations

import argparse
import contextlib
import threading
import webbrowser
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import zmq

from receivers.calibration import read_calibrations
from receivers.liveview.control import Written, open_control
from receivers.liveview.feed import Feed
from receivers.liveview.model import LiveModel
from receivers.liveview.sums import Mode
from xspress3.errors import ConfigurationError
from xspress3.stream.contract import LATEST, every
from xspress3.terminal import say

if TYPE_CHECKING:
    from receivers.liveview.web import LiveServer

__all__ = ["run"]

Secure = Callable[[zmq.Socket[bytes]], None]


def run(arguments: argparse.Namespace, secure: Secure, stop: threading.Event) -> None:
    """Do what the options of `view` say, until that is done or `stop` is set."""
    if arguments.once is not None or arguments.window:
        _draw(arguments, secure, stop)
    else:
        _serve(arguments, secure, stop)


@contextlib.contextmanager
def _feed(
    arguments: argparse.Namespace, secure: Secure, ask_written: Callable[[], Written] | None = None
) -> Iterator[Feed]:
    """The stream that the options name."""
    host = arguments.stream_host
    monitor = f"tcp://{host}:{arguments.monitor_port}" if arguments.monitor_port else None
    contract = every(1) if arguments.every_frame else LATEST
    endpoint = f"tcp://{host}:{arguments.stream_port}"
    with Feed(
        LiveModel(), endpoint, monitor, contract=contract, secure=secure, ask_written=ask_written
    ) as feed:
        yield feed


def _serve(arguments: argparse.Namespace, secure: Secure, stop: threading.Event) -> None:
    server_class = _web_server()
    monitor = f"tcp://{arguments.stream_host}:{arguments.monitor_port}"
    control = open_control(arguments.control, monitor, secure)
    calibration = None if arguments.calibration is None else read_calibrations(arguments.calibration)
    with (
        _feed(arguments, secure, None if control is None else control.written) as feed,
        server_class(
            feed,
            arguments.host,
            arguments.port,
            names=arguments.name,
            calibration=calibration,
            control=control,
        ) as server,
    ):
        say(f"live view of {feed.endpoint} at {server.url}")
        if arguments.open:
            webbrowser.open(server.url)
        stop.wait()


def _web_server() -> type[LiveServer]:
    try:
        from receivers.liveview import web  # noqa: PLC0415  # needs an extra
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is missing: pip install '.[view]' in a clone of xspress3-streamer"
        ) from error
    return web.LiveServer


def _draw(arguments: argparse.Namespace, secure: Secure, stop: threading.Event) -> None:
    try:
        from receivers.liveview import picture  # noqa: PLC0415  # matplotlib is an extra
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is missing: pip install '.[plot]' in a clone of xspress3-streamer"
        ) from error
    mode = Mode.parse(arguments.sum)
    calibration = None if arguments.calibration is None else read_calibrations(arguments.calibration)
    with _feed(arguments, secure) as feed:
        if arguments.window:
            picture.show(feed, mode, calibration, stop)
        else:
            picture.save(feed, mode, calibration, arguments.once, arguments.timeout, stop)
            say(f"wrote {arguments.once}")
