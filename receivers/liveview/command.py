"""The command `xspress3-receiver view`: a page for browsers, a picture, or a window."""

from __future__ import annotations

import argparse
import contextlib
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from receivers.liveview.calibration import read_calibrations
from receivers.liveview.control import open_control
from receivers.liveview.feed import Feed
from receivers.liveview.model import LiveModel
from receivers.liveview.sums import Mode
from xspress3.errors import ConfigurationError
from xspress3.stream.contract import LATEST, every
from xspress3.terminal import say

if TYPE_CHECKING:
    from receivers.liveview.web import LiveServer

__all__ = ["add_to"]

DEFAULT_HOST = "127.0.0.1"
VIEW_PORT = 8080
MONITOR_PORT = 9998
Secure = Callable[[zmq.Socket[bytes]], None]
Signals = Callable[[], AbstractContextManager[tuple[threading.Event, list[int]]]]


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    add_keys: Callable[[argparse.ArgumentParser], None],
    secure: Callable[[argparse.Namespace], Secure],
    signals: Signals,
) -> None:
    """Add the command.

    Parameters
    ----------
    add_keys, secure
        Add the options for keys, and make of them what puts keys on a socket.
    signals
        Gives an event that is set when this program shall end, and the signals that came.
    """
    parser = commands.add_parser("view", help="show spectra and rates live, in any number of browsers")
    _add_stream(parser)
    _add_page(parser)
    _add_pictures(parser)
    add_keys(parser)
    parser.set_defaults(command=lambda arguments: _view(arguments, secure(arguments), signals))


def _add_stream(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("stream")
    group.add_argument("--stream-host", default=DEFAULT_HOST, help="of the sender (default: %(default)s)")
    group.add_argument("--stream-port", type=_port, default=9999, help="(default: %(default)s)")
    group.add_argument(
        "--monitor-port",
        type=_any_port,
        default=MONITOR_PORT,
        help="of the sender, where it tells its state; 0 for none (default: %(default)s)",
    )
    group.add_argument(
        "--every-frame",
        action="store_true",
        help="take all frames as long as that is possible, for maps and sums without holes; the default "
        "is the newest only. The sender waits in neither case",
    )


def _add_page(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("page")
    group.add_argument(
        "--host",
        default=DEFAULT_HOST,
        help="address to listen on; elsewhere than on loopback the page needs the token that is printed "
        "(default: %(default)s)",
    )
    group.add_argument("--port", type=_any_port, default=VIEW_PORT, help="0 for any (default: %(default)s)")
    group.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME",
        help="by which browsers may call this server as well; repeatable",
    )
    group.add_argument("--open", action="store_true", help="open the page in a browser here")
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help='JSON: {"offset": 0, "gain": 0.01} in keV and keV per bin, or a list with one for each channel',
    )
    group.add_argument(
        "--control",
        metavar="serve|tango://HOST:PORT/DEVICE",
        help="let pages write windows: through `xspress3 serve --allow-control`, or a Tango device",
    )


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("instead of a page").add_mutually_exclusive_group()
    group.add_argument("--once", type=Path, metavar="FILE.png", help="draw the spectra into a file, and end")
    group.add_argument("--window", action="store_true", help="show them in a window of matplotlib")
    parser.add_argument(
        "--sum",
        type=_mode,
        default=Mode(),
        metavar="latest|session|frames:N|seconds:T",
        help="with --once and --window: which frames are summed (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="with --once (default: %(default)s)"
    )


def _port(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value}, allowed is 1..65535")
    return value


def _any_port(text: str) -> int:
    return 0 if text == "0" else _port(text)


def _mode(text: str) -> Mode:
    try:
        return Mode.parse(text)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _view(arguments: argparse.Namespace, secure: Secure, signals: Signals) -> int:
    with signals() as (stop, caught):
        if arguments.once is not None or arguments.window:
            _draw(arguments, secure, stop)
        else:
            _serve(arguments, secure, stop)
    return 128 + caught[0] if caught else 0


@contextlib.contextmanager
def _feed(arguments: argparse.Namespace, secure: Secure) -> Iterator[Feed]:
    """The stream that the options name."""
    host = arguments.stream_host
    monitor = f"tcp://{host}:{arguments.monitor_port}" if arguments.monitor_port else None
    contract = every(1) if arguments.every_frame else LATEST
    endpoint = f"tcp://{host}:{arguments.stream_port}"
    with Feed(LiveModel(), endpoint, monitor, contract=contract, secure=secure) as feed:
        yield feed


def _serve(arguments: argparse.Namespace, secure: Secure, stop: threading.Event) -> None:
    server_class = _web_server()
    monitor = f"tcp://{arguments.stream_host}:{arguments.monitor_port}"
    control = open_control(arguments.control, monitor, secure)
    calibration = None if arguments.calibration is None else read_calibrations(arguments.calibration)
    with (
        _feed(arguments, secure) as feed,
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
    calibration = None if arguments.calibration is None else read_calibrations(arguments.calibration)
    with _feed(arguments, secure) as feed:
        if arguments.window:
            picture.show(feed, arguments.sum, calibration, stop)
        else:
            picture.save(feed, arguments.sum, calibration, arguments.once, arguments.timeout, stop)
            say(f"wrote {arguments.once}")
