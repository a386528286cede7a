"""A fluorescence map that grows while a simulated raster scan runs through a dranspose cluster.

    python -m examples.dranspose [--rows 20 --columns 30 --exposure 0.02] [--image map.png]

Brings up redis, controller, reducer, two workers, our ingester, and a streamer with a simulated detector;
shows the map as text while it grows, writes it as a picture, and ends all it has started. All of that
is in a network of its own where the system allows it (`unshare -rn`), because parts of dranspose listen on
all interfaces; `--open-network` does without, and then others can look at the map as well.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from examples.dranspose.cluster import Cluster, Ingester
from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.detector import Xspress3Detector
from xspress3.model import Acquisition
from xspress3.sim import library_path
from xspress3.streamer import Streamer

REGIONS = {"ca_ka": [355, 383], "fe_ka": [625, 655]}
"""Bins of 10 eV, both ends included: the lines of calcium and iron."""
SHADES = " .:-=+*#%@"
N_CHANNELS = 2
N_BINS = 4096
TICK = 12.5e-9
TIMEOUT = 300.0
_UP = struct.pack("16sh", b"lo", 0x41)
_SET_FLAGS = 0x8914

Map = npt.NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scan; 0 when every frame is on the map."""
    chosen = _parse(arguments)
    if shutil.which("redis-server") is None:
        print("no redis-server; install it, for example: apt-get install redis-server", file=sys.stderr)
        return 2
    if chosen.in_namespace:
        _bring_up_loopback()
    elif not chosen.open_network:
        return _run_in_namespace(sys.argv[1:] if arguments is None else arguments)
    with tempfile.TemporaryDirectory(prefix="xspress3-dranspose-") as directory:
        return _scan(chosen, Path(directory))


def _run_in_namespace(arguments: Sequence[str]) -> int:
    """Begin again in a network where nobody else is; returns only when that cannot be had."""
    unshare = ["unshare", "-rn"]
    if shutil.which("unshare") and not subprocess.run([*unshare, "true"], check=False).returncode:
        command = [*unshare, sys.executable, "-m", "examples.dranspose", "--in-namespace", *arguments]
        os.execvp(command[0], command)  # in place of this one, so that signals reach it
    print("no network namespace can be made here; --open-network runs it for all to see", file=sys.stderr)
    return 2


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, _UP)


def _scan(chosen: argparse.Namespace, directory: Path) -> int:
    os.environ["XSPRESS3_SIM_SOURCE"] = "playback"
    os.environ["XSPRESS3_SIM_PLAYBACK"] = str(_save_sample(directory / "sample.npz", chosen))
    with (
        Xspress3Detector.open(DetectorConfig(library=str(library_path()))) as detector,
        Streamer(detector, StreamerConfig(data_port=0, monitor_port=0)) as streamer,
    ):
        ours = Ingester("xspress3", "receivers.dranspose:Xspress3Ingester", streamer.data_endpoint)
        print("starting redis, controller, reducer, two workers and the ingester ...", flush=True)
        with Cluster(directory, [ours]) as cluster:
            print(f"the map is served at {cluster.reducer_url}", flush=True)
            return _take(chosen, cluster, streamer)


def _take(chosen: argparse.Namespace, cluster: Cluster, streamer: Streamer) -> int:
    n_frames = chosen.rows * chosen.columns
    cluster.post_map("xspress3", n_frames)
    metadata = {"scan": _scan_of(chosen), "rois": REGIONS}
    session = streamer.arm(Acquisition(chosen.exposure, frames_per_trigger=n_frames), metadata=metadata)
    deadline = time.monotonic() + TIMEOUT + n_frames * chosen.exposure
    while not cluster.progress()["finished"] and time.monotonic() < deadline:
        _show(cluster)
        time.sleep(1)  # a person looks at it
    counts = session.wait(TIMEOUT)
    _show(cluster)
    maps = {name: cluster.published(f"/corrected/{name}") for name in REGIONS}
    _draw(maps, chosen.image)
    state = cluster.state()
    print(f"{counts}; on the map {state['frames']} frames, {state['lost']} lost: {state['state']}")
    return int(state["state"] != "complete" or state["frames"] != n_frames)


def _scan_of(chosen: argparse.Namespace) -> dict[str, Any]:
    return {
        "shape": [chosen.rows, chosen.columns],
        "snake": True,
        "names": ["y", "x"],
        "ranges": [[0.0, (chosen.rows - 1) * 0.1], [0.0, (chosen.columns - 1) * 0.1]],
        "units": "mm",
    }


def _save_sample(path: Path, chosen: argparse.Namespace) -> Path:
    """Frames of a sample with a grain of calcium and a ring of iron, in the order of the scan."""
    y, x = np.mgrid[0 : 1 : chosen.rows * 1j, 0 : 1 : chosen.columns * 1j]
    calcium = 400 * np.exp(-((x - 0.3) ** 2 + (y - 0.35) ** 2) / 0.03)
    iron = 300 * np.exp(-((np.hypot(x - 0.6, y - 0.6) - 0.25) ** 2) / 0.006)
    lines = {"ca_ka": calcium, "fe_ka": iron}
    random = np.random.default_rng(1)
    bins = np.arange(N_BINS)
    mean = np.full((chosen.rows, chosen.columns, N_BINS), 0.01)
    for name, image in lines.items():
        image[1::2] = image[1::2, ::-1]  # a snake comes back
        centre = sum(REGIONS[name]) / 2
        peak = np.exp(-0.5 * ((bins - centre) / 6) ** 2)
        mean += image[:, :, None] * peak / peak.sum()
    flat = mean.reshape(-1, 1, N_BINS).repeat(N_CHANNELS, axis=1)
    histogram = random.poisson(flat).astype("<u4")
    events = histogram.sum(axis=2, dtype="<u4")
    ticks = np.full_like(events, round(chosen.exposure / TICK))
    np.savez(
        path,
        histogram=histogram,
        all_events=events,
        all_good=events,
        clock_ticks=ticks,
        total_ticks=ticks,
        reset_ticks=ticks // 10,
    )
    return path


def _show(cluster: Cluster) -> None:
    """Print the map of iron as far as it is known."""
    state = cluster.state()
    print(
        f"\nsession {state['session_id']}, {state['state']}: {state['frames']} frames, {state['lost']} lost"
    )
    if "corrected" in cluster.names():
        print(as_text(cluster.published("/corrected/fe_ka")), flush=True)


def as_text(image: Map) -> str:
    """A map in characters; `·` where nothing is known."""
    known = image[np.isfinite(image)]
    top = known.max(initial=0.0) or 1.0
    levels = np.nan_to_num(image / top * (len(SHADES) - 1)).astype(int)
    rows = [
        "".join(SHADES[level] if is_known else "·" for level, is_known in zip(row, known_row, strict=True))
        for row, known_row in zip(levels, np.isfinite(image), strict=True)
    ]
    return "\n".join(rows)


def _draw(maps: dict[str, Map], path: Path) -> None:
    """Write the maps as a picture, where matplotlib is installed."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # the extra `plot`
    except ModuleNotFoundError:
        print("no picture: pip install matplotlib")
        return
    figure = Figure(figsize=(4.5 * len(maps), 3.5), layout="constrained")
    axes = figure.subplots(1, len(maps), squeeze=False)[0]
    for plot, (name, image) in zip(axes, maps.items(), strict=True):
        figure.colorbar(plot.imshow(image, cmap="viridis"), ax=plot, label="counts, dead-time corrected")
        plot.set(title=name, xlabel="column", ylabel="row")
    figure.savefig(path)
    print(f"picture: {path}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.dranspose", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rows", type=int, default=20, help="(default: %(default)s)")
    parser.add_argument("--columns", type=int, default=30, help="(default: %(default)s)")
    parser.add_argument(
        "--exposure", type=float, default=0.02, help="frame period in s (default: %(default)s)"
    )
    parser.add_argument("--image", type=Path, default=Path("map.png"), help="(default: %(default)s)")
    parser.add_argument("--open-network", action="store_true", help="stay in the network of this machine")
    parser.add_argument("--in-namespace", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
