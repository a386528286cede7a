"""Measures the way from the detector to a file, and streams; prints tables, and writes the same as JSON."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.baselines import compression_rate, copy_rate, plain_writer_rate
from benchmarks.frames import make_frames, save_playback
from benchmarks.latency import latency_rows
from benchmarks.library import arming_loop, physics_rate, read_cost
from benchmarks.link import link_rows
from benchmarks.loading import loading_rows
from benchmarks.pipeline import PipelineRun, run_pipeline, verify
from benchmarks.recorder import recorder_rows
from benchmarks.rows import FLAT, NOTHING, Row, Wanted, missed
from benchmarks.soak import soak_rows
from benchmarks.streams import Plan, stream_rows
from benchmarks.survival import survival_rows
from benchmarks.view import view_rows

FRAMES_PER_BLOCK = 64
PLAYED_FRAMES = 64


def measure(n_frames: int, directory: Path) -> list[Row]:
    """All rows; the baselines are measured before and after the pipeline, because machines drift."""
    frames = make_frames(PLAYED_FRAMES)
    playback = save_playback(directory / "frames.npz", frames)
    rounds = [_baselines(frames, directory)]
    run = run_pipeline(playback, n_frames, directory)
    rounds.append(_baselines(frames, directory))
    copy, compression, plain = (statistics.median(values) for values in zip(*rounds, strict=True))
    frame_bytes = frames["histogram"][0].nbytes
    return [
        Row("copy of the same bytes", copy, "frames/s"),
        Row("bitshuffle-LZ4, one thread", compression, "frames/s"),
        Row("plain per-frame writer", plain, "frames/s"),
        Row(
            "simulator to file",
            run.rate,
            "frames/s",
            "bitshuffle-LZ4, one thread",
            run.rate / compression,
            Wanted(least=0.75),
        ),
        Row(
            "simulator to file",
            run.rate,
            "frames/s",
            "plain per-frame writer",
            run.rate / plain,
            Wanted(least=30),
        ),
        Row("simulator to file", run.rate, "frames/s", "copy of the same bytes", run.rate / copy),
        Row("simulator to file, data", run.rate * frame_bytes / 1e6, "MB/s"),
        Row("frames written", run.n_frames, "frames"),
        Row("frames wrong or missing when read back", verify(run, frames), "frames", wanted=NOTHING),
        Row(
            "file size per frame",
            run.path.stat().st_size / n_frames,
            "bytes",
            "raw frame",
            _packing(run, frame_bytes),
        ),
        *(_memory_row(run, process) for process in run.memory),
        *_library_rows(playback),
    ]


def _library_rows(playback: Path) -> list[Row]:
    """The library and the detector layer alone, in this process."""
    arming = arming_loop()
    copy = "copy of the same bytes"
    pattern, played = read_cost("pattern"), read_cost("playback", playback)
    return [
        Row("read4d, 64 frames, source pattern", pattern, "copies", copy, pattern, Wanted(most=1.5)),
        Row("read4d, 64 frames, source playback", played, "copies", copy, played, Wanted(most=1.5)),
        Row("simulated physics, 250 counts a channel", physics_rate(), "frames/s", wanted=Wanted(least=5000)),
        Row("arm, take a frame, stop", arming.rate, "times/s", wanted=Wanted(least=200)),
        Row("memory growth over 10,000 of these", arming.memory_growth / 1e6, "MB", wanted=Wanted(most=2)),
        Row(
            "descriptors and threads more after them",
            arming.descriptor_growth + arming.thread_growth,
            "",
            wanted=NOTHING,
        ),
    ]


def _device_rows(n_files: int, directory: Path) -> list[Row]:
    from benchmarks.device import device_rows  # noqa: PLC0415  # needs Tango, which no other part does

    return device_rows(n_files, directory)


def _baselines(frames: dict, directory: Path) -> tuple[float, float, float]:
    return (
        copy_rate(frames),
        compression_rate(frames, FRAMES_PER_BLOCK),
        plain_writer_rate(frames, directory / "plain.h5"),
    )


def _packing(run: PipelineRun, frame_bytes: int) -> float:
    return run.path.stat().st_size / run.n_frames / frame_bytes


def _memory_row(run: PipelineRun, process: str) -> Row:
    peak = max(run.memory[process]) / 1e6
    growth = run.memory_growth(process) / 1e6
    return Row(
        f"memory growth of the {process}, first to last tenth (peak {peak:.0f} MB)", growth, "MB", wanted=FLAT
    )


@dataclass(frozen=True)
class Part:
    """A table: its title, and what measures its rows, given what was chosen and where files may go."""

    title: str
    measure: Callable[[argparse.Namespace, Path], list[Row]]


PARTS = {
    "detector": Part(
        "From the detector to a file: 4 x 4096 bins, uint32",
        lambda chosen, path: measure(chosen.frames, path),
    ),
    "streams": Part(
        "Streams of samples, one producer and one consumer",
        lambda chosen, _path: stream_rows(Plan(rounds=chosen.rounds)),
    ),
    "link": Part(
        "Through a network of 1 Gbit/s: 4 x 4096 bins, uint32",
        lambda chosen, path: link_rows(chosen.link_frames, path),
    ),
    "latency": Part(
        "At 1,000 frames/s: 4 x 4096 bins, uint32", lambda chosen, _path: latency_rows(chosen.latency_frames)
    ),
    "device": Part(
        "Through the Tango device: 4 x 4096 bins, uint32",
        lambda chosen, path: _device_rows(chosen.device_files, path),
    ),
    "recorder": Part(
        "Two ways to files: 4 x 4096 bins, uint32",
        lambda chosen, path: recorder_rows(chosen.recorder_frames, path),
    ),
    "survival": Part("A writer that is killed", lambda chosen, path: survival_rows(chosen.kills, path)),
    "loading": Part(
        "A session of 10,000 frames in 20 files: 4 x 4096 bins",
        lambda _chosen, path: loading_rows(path),
    ),
    "soak": Part("Three readers at once", lambda chosen, path: soak_rows(chosen.soak_frames, path)),
    "view": Part("The live view in browsers", lambda chosen, _path: view_rows(chosen.view_seconds)),
}


def show(rows: list[Row], title: str) -> None:
    """Print the table."""
    table = Table(title=title)
    for column, justify in (
        ("what", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("against", "left"),
        ("ratio", "right"),
        ("wanted", "left"),
    ):
        table.add_column(column, justify=justify)
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
        wanted = f"{row.wanted or ''}{' [red]MISSED[/red]' if row.is_missed else ''}"
        table.add_row(row.name, f"{row.value:,.1f}", row.unit, row.baseline, ratio, wanted)
    Console(width=150).print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show, write; 1 when that was asked for and something is not as wanted."""
    chosen = _parse(arguments)
    rows: list[Row] = []
    for name in chosen.only or PARTS:
        part = PARTS[name]
        with tempfile.TemporaryDirectory(dir=chosen.directory) as directory:
            found = part.measure(chosen, Path(directory))
        show(found, part.title)
        rows += found
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return int(chosen.check and bool(missed(rows)))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="measure this part; repeatable (default: all)"
    )
    parser.add_argument("--frames", type=int, default=500_000, help="of `detector` (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="of `streams` (default: %(default)s)")
    parser.add_argument("--link-frames", type=int, default=100_000, help="(default: %(default)s)")
    parser.add_argument("--latency-frames", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument(
        "--device-files", type=int, default=1000, help="of one frame each (default: %(default)s)"
    )
    parser.add_argument("--recorder-frames", type=int, default=50_000, help="(default: %(default)s)")
    parser.add_argument("--soak-frames", type=int, default=1_000_000, help="(default: %(default)s)")
    parser.add_argument("--kills", type=int, default=200, help="of `survival` (default: %(default)s)")
    parser.add_argument("--view-seconds", type=float, default=10.0, help="(default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--directory", help="where the files go; on a local disk (default: a temporary one)")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a figure is not as wanted")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
