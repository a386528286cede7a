"""The command `xspress3-receiver`: print a stream, write it to files, see it live, show a file, capture
and replay.

Exit codes: 0 when every session was complete, 7 when frames were lost or a session broke off,
6 when the sender failed, 130 and 143 after Ctrl-C and SIGTERM, else the `exit_code` of the error.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import zmq
from rich.console import Console

from receivers.capture import capture
from receivers.liveview import command as liveview
from receivers.print_sink import PrintSink
from receivers.progress import ProgressSink
from receivers.receiver import Receiver
from receivers.replay import DIALECTS, Replay
from receivers.report import Outcome, SessionReport
from receivers.sink import Sink
from receivers.text import printable
from xspress3.errors import (
    AcquisitionError,
    ConfigurationError,
    SequenceGapError,
    StreamTimeoutError,
    Xspress3Error,
)
from xspress3.stream import Contract, Subscriber
from xspress3.stream.contract import LOSSLESS
from xspress3.stream.control import MAX_NAME
from xspress3.stream.security import client_keys, no_keys, server_keys
from xspress3.terminal import run_program, say

if TYPE_CHECKING:
    from receivers.hdf5.writer import Hdf5Sink

__all__ = ["main"]

PROGRAM = "xspress3-receiver"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9999
READER_KEY, SERVER_KEY = "XSPRESS3_READER_KEY", "XSPRESS3_SERVER_KEY"
"""Variables that name the files with the keys of a reader."""
WRITER = "writer"
"""Name under which a writer joins, unless told otherwise, so that the sender can wait for it."""
JOIN_TURN = 0.1
"""Seconds within which a signal is obeyed while nobody answers."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; gives the exit code."""
    arguments = _parser().parse_args(argv)
    return run_program(PROGRAM, lambda: int(arguments.command(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Reads streams of an Xspress3 detector.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_print(commands)
    _add_write(commands)
    _add_capture(commands)
    _add_replay(commands)
    liveview.add_to(commands, _add_keys, _secure, _stop_on_signals)
    show = commands.add_parser("show", help="say what is in a file")
    show.add_argument("files", type=Path, nargs="+", metavar="FILE")
    show.add_argument("--json", action="store_true", help="print JSON instead of a table")
    show.set_defaults(command=_show)
    return parser


def _add_print(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("print", help="print what comes, about two lines a second")
    _add_stream_options(parser, "print")
    parser.add_argument(
        "--contract",
        type=_contract,
        default=LOSSLESS,
        metavar="lossless|latest|every:N",
        help="get all frames, and let the sender wait; the newest only; or each N-th (default: %(default)s)",
    )
    parser.set_defaults(command=_print)


def _add_write(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("write", help="write each session, all its frames, to an HDF5 file")
    _add_stream_options(parser, WRITER)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--directory", type=Path, help="where files go; must exist")
    where.add_argument(
        "--follow",
        action="store_true",
        help="write where the metadata of each session say, and tell what happens as JSON lines: "
        "for a sender that is trusted",
    )
    parser.add_argument(
        "--allow",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="with --follow: files may be made below here only; repeatable (default: anywhere)",
    )
    parser.add_argument(
        "--while-stdin", action="store_true", help="end when standard input does, as with its parent process"
    )
    parser.add_argument(
        "--policy",
        choices=["fail", "suffix", "overwrite"],
        default="suffix",
        help="when a file of that name exists (default: %(default)s, which takes a name_1, name_2, ...)",
    )
    parser.add_argument(
        "--pattern", metavar="PATTERN", help="file name (default: {stream_id}_{session_id}.h5)"
    )
    parser.add_argument(
        "--flush-interval", type=float, metavar="SECONDS", default=1.0, help="(default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--json", action="store_true", help="print the counts as one line of JSON")
    parser.set_defaults(command=_write)


def _add_stream_options(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--host", default=DEFAULT_HOST, help="of the sender (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="(default: %(default)s)")
    parser.add_argument("--sessions", type=_positive, metavar="N", help="end after so many sessions")
    parser.add_argument(
        "--name",
        type=_name,
        default=name,
        help="by which the sender knows this reader (default: %(default)s)",
    )
    _add_keys(parser)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("keys", "both or neither, as the sender has them")
    group.add_argument("--key", metavar="FILE", help=f"secret key of this reader (default: {READER_KEY})")
    group.add_argument(
        "--server-key", metavar="FILE", help=f"public key of the sender (default: {SERVER_KEY})"
    )


def _add_capture(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("capture", help="write the raw messages of a stream to a file")
    parser.add_argument("file", type=Path, metavar="FILE", help="must not exist")
    _add_stream_options(parser, "capture")
    _add_dialect(parser)
    parser.set_defaults(command=_capture)


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("replay", help="send a recording as a live stream")
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="HDF5 file of ours, .npz, or what capture wrote"
    )
    _add_dialect(parser)
    parser.add_argument(
        "--interface", default=DEFAULT_HOST, help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_any_port, default=DEFAULT_PORT, help="0 for any (default: %(default)s)"
    )
    parser.add_argument(
        "--rate", type=_rate, metavar="FRAMES/S", help="(default: as fast as readers take them)"
    )
    parser.add_argument("--loop", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument(
        "--wait-readers",
        type=_count,
        metavar="N",
        default=1,
        help="before each session (default: %(default)s)",
    )
    group = parser.add_argument_group("keys", "both or neither; without them everybody is admitted")
    group.add_argument("--key", metavar="FILE", help="secret key of this sender")
    group.add_argument("--clients", metavar="DIR", help="public keys of those who are admitted")
    parser.set_defaults(command=_replay)


def _add_dialect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dialect", choices=DIALECTS, default=DIALECTS[0], help="(default: %(default)s)")


def _port(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value}, allowed is 1..65535")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}, allowed is 1 and more")
    return value


def _any_port(text: str) -> int:
    return 0 if text == "0" else _port(text)


def _count(text: str) -> int:
    return 0 if text == "0" else _positive(text)


def _name(text: str) -> str:
    if not 1 <= len(text) <= MAX_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text[:MAX_NAME]!r}, allowed are 1..{MAX_NAME} characters")
    return text


def _contract(text: str) -> Contract:
    try:
        return Contract.parse(text)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _secure(arguments: argparse.Namespace) -> Callable[[zmq.Socket[bytes]], None]:
    """Puts the keys on a socket that options or the environment name, where there are any."""
    key = arguments.key or os.environ.get(READER_KEY) or None
    security = client_keys(key, arguments.server_key or os.environ.get(SERVER_KEY) or None)
    return no_keys if security is None else security.apply


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{value}, allowed is more than 0 frames a second")
    return value


def _capture(arguments: argparse.Namespace) -> int:
    endpoint = f"tcp://{arguments.host}:{arguments.port}"
    with _stop_on_signals() as (stop, signals):
        done = capture(
            arguments.file,
            endpoint,
            arguments.dialect,
            name=arguments.name,
            secure=_secure(arguments),
            sessions=arguments.sessions,
            stop=stop,
        )
    print(printable(done.describe(), 4096))
    return 128 + signals[0] if signals else 0


def _replay(arguments: argparse.Namespace) -> int:
    endpoint = f"tcp://{arguments.interface}:{arguments.port}"
    security = server_keys(arguments.key, arguments.clients)
    with (
        _stop_on_signals() as (stop, signals),
        Replay(arguments.file, endpoint, arguments.dialect, security=security) as replay,
    ):
        say(f"replaying {printable(str(arguments.file), 4096)} at {replay.endpoint}")
        done = replay.run(rate=arguments.rate, loop=arguments.loop, readers=arguments.wait_readers, stop=stop)
    print(done.describe())
    return 128 + signals[0] if signals else 0


def _print(arguments: argparse.Namespace) -> int:
    _, code, error = _receive(arguments, [PrintSink(sys.stdout)], arguments.contract, _tell)
    if error is not None:
        raise error
    return code


def _write(arguments: argparse.Namespace) -> int:
    return _write_directed(arguments) if arguments.follow else _write_all(arguments)


def _write_directed(arguments: argparse.Namespace) -> int:
    """Write what its sender wants written, telling each event; the counts are in the events."""
    with _needs_hdf5():
        from receivers.hdf5 import directed  # noqa: PLC0415  # h5py is an extra
    sink = directed.DirectedSink(_tell_event, arguments.allow, flush_interval=arguments.flush_interval)
    _, code, error = _receive(arguments, [sink], LOSSLESS, None, on_joined=lambda: _tell_event("joined"))
    if error is not None:
        _tell_event("failed", text=str(error))
    if sink.is_broken:
        _leave_without_hdf5(code if error is None else error.exit_code)
    if error is not None:
        raise error
    return code


def _tell_event(event: str, **values: object) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


def _write_all(arguments: argparse.Namespace) -> int:
    sink = _hdf5_sink(arguments)
    sinks: list[Sink] = [sink]
    if not arguments.quiet:
        sinks.append(ProgressSink())
    receiver, code, error = _receive(arguments, sinks, LOSSLESS, None if arguments.quiet else _tell)
    if sink.is_broken:
        code = error.exit_code if error is not None else code
        _leave_without_hdf5(code)
    _print_results(receiver, sink, as_json=arguments.json)
    if error is not None:
        raise error
    return code


def _hdf5_sink(arguments: argparse.Namespace) -> Hdf5Sink:
    with _needs_hdf5():
        from receivers.hdf5 import naming, writer  # noqa: PLC0415  # h5py is an extra
    return writer.Hdf5Sink(
        arguments.directory,
        naming.ExistingFile(arguments.policy),
        pattern=arguments.pattern or naming.DEFAULT_PATTERN,
        flush_interval=arguments.flush_interval,
    )


def _show(arguments: argparse.Namespace) -> int:
    with _needs_hdf5():
        from receivers.hdf5 import summary  # noqa: PLC0415  # h5py is an extra
    for path in arguments.files:
        found = summary.read_summary(path)
        if arguments.json:
            print(json.dumps(found.as_dict()))
        else:
            Console().print(summary.summary_table(found))
    return 0


@contextlib.contextmanager
def _needs_hdf5() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is missing: pip install '.[hdf5]' in a clone of xspress3-streamer"
        ) from error


def _receive(
    arguments: argparse.Namespace,
    sinks: list[Sink],
    contract: Contract,
    announce: Callable[[str], None] | None,
    on_joined: Callable[[], None] | None = None,
) -> tuple[Receiver, int, Xspress3Error | None]:
    """Run a receiver; gives it, the exit code, and the error that ended it, for the counts come first."""
    error: Xspress3Error | None = None
    with _stop_on_signals() as (stop, signals), contextlib.ExitStack() as stack:
        for sink in sinks:
            stack.callback(sink.close)
        if getattr(arguments, "while_stdin", False):
            stack.enter_context(_stop_with_stdin(stop))
        endpoint = f"tcp://{arguments.host}:{arguments.port}"
        subscriber = stack.enter_context(
            Subscriber(endpoint, name=arguments.name, contract=contract, secure=_secure(arguments))
        )
        if on_joined is not None and _wait_joined(subscriber, stop):
            on_joined()
        receiver = Receiver(subscriber, sinks, notify=_tell, announce=announce)
        try:
            receiver.run(sessions=arguments.sessions, stop=stop)
        except Xspress3Error as caught:
            error = caught
    if receiver.protocol_errors or receiver.orphans:
        _tell(
            f"passed over: {receiver.protocol_errors} unreadable messages, {receiver.orphans} without a start"
        )
    code = 128 + signals[0] if signals else _exit_code(receiver.reports)
    return receiver, code, error


def _wait_joined(subscriber: Subscriber, stop: threading.Event) -> bool:
    """Wait until the sender has answered; `False` when told to stop before."""
    while not stop.is_set():
        with contextlib.suppress(StreamTimeoutError):
            subscriber.wait_joined(JOIN_TURN)
            return True
    return False


@contextlib.contextmanager
def _stop_with_stdin(stop: threading.Event) -> Iterator[None]:
    """Set `stop` when standard input ends, which it does when the process that holds its other end does."""
    wake, left = os.pipe()

    def watch() -> None:
        stdin = sys.stdin.fileno()
        while True:
            ready, _, _ = select.select([stdin, wake], [], [])
            if wake in ready or not os.read(stdin, 4096):
                break
        stop.set()

    thread = threading.Thread(target=watch, name="xsp3-stdin")
    thread.start()
    try:
        yield
    finally:
        os.close(left)
        thread.join()
        os.close(wake)


def _exit_code(reports: Sequence[SessionReport]) -> int:
    incomplete = [report for report in reports if not report.is_complete]
    if not incomplete:
        return 0
    if all(report.outcome is Outcome.FAILED and not report.frames_lost for report in incomplete):
        return AcquisitionError.exit_code
    return SequenceGapError.exit_code


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[tuple[threading.Event, list[int]]]:
    """An event that is set by the first SIGINT or SIGTERM; the second one acts as it always does."""
    stop = threading.Event()
    caught: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    is_main = threading.current_thread() is threading.main_thread()
    for number in before if is_main else ():
        signal.signal(number, on_signal)
    try:
        yield stop, caught
    finally:
        for number, handler in before.items() if is_main else ():
            signal.signal(number, handler)


def _print_results(receiver: Receiver, sink: Hdf5Sink, *, as_json: bool) -> None:
    paths = {_key(report): str(path) for report, path in sink.finished}
    if as_json:
        values = {
            "sessions": [
                {**report.as_dict(), "path": paths.get(_key(report))} for report in receiver.reports
            ],
            "protocol_errors": receiver.protocol_errors,
            "orphans": receiver.orphans,
        }
        print(json.dumps(values))
        return
    for report in receiver.reports:
        path = paths.get(_key(report), "no file")
        print(f"{report.describe()}: {printable(path, 4096)}")


def _key(report: SessionReport) -> tuple[int, float]:
    """Tells a session from others, also when it was joined twice, or its report was corrected later."""
    return report.session_id, report.end_time


def _leave_without_hdf5(code: int) -> None:
    """Let the process end with `code` before the HDF5 library takes itself down.

    After a failed write it can crash there (seen with HDF5 1.14.6 and 2.0.0), which would turn a
    clear message into "segmentation fault".
    """

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)

    atexit.register(leave)


def _tell(line: str) -> None:
    print(f"{PROGRAM}: {printable(line, 2000)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
