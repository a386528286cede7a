"""Files that `Hdf5Sink` writes, from real sockets, read back with h5py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime

import h5py
import hdf5plugin  # registers the filter
import numpy as np
import pytest

from receivers.hdf5.columns import NO_COUNT
from receivers.hdf5.layout import COUNTS, DETECTOR
from receivers.hdf5.naming import ExistingFile
from receivers.hdf5.summary import read_summary
from receivers.hdf5.writer import Hdf5Sink
from receivers.report import Outcome
from xspress3.errors import ConfigurationError, SinkError
from xspress3.model import SCALER_NAMES
from xspress3.stream import EndReason
from xspress3.stream.compression import compress_bslz4


def written(sink):
    """The file of the last session that ended in `sink`."""
    return h5py.File(sink.finished[-1][1], "r")


def close(sink):
    """Close the open file of `sink` as if the session had gone on elsewhere."""
    sink._series.roll()


def counts(file):
    names = ("frames_expected", "frames_written", "frames_lost", "duplicates")
    return tuple(int(file[COUNTS][name][()]) for name in names)


def session(sender, n_frames, *blocks, **options):
    """Sends a session of `blocks`, each (first frame, frames)."""

    def say():
        sender.start(n_frames, **options)
        for first, n in blocks:
            sender.block(first, n)
        sender.end(n_frames)

    return say


def stored(dataset):
    """Filter mask and bytes of each chunk."""
    return [
        dataset.id.read_direct_chunk(dataset.id.get_chunk_info(i).chunk_offset)
        for i in range(dataset.id.get_num_chunks())
    ]


@pytest.mark.parametrize("compression", ["bslz4", "none"])
@pytest.mark.parametrize(
    "blocks",
    [
        [(0, 4), (4, 4), (8, 4)],
        [(0, 4), (4, 4), (8, 2), (10, 2)],
        [(0, 1), (1, 4), (5, 4), (9, 3)],
        [(0, 12)],
    ],
    ids=["whole chunks", "partial blocks", "misaligned blocks", "one block of three chunks"],
)
def test_histograms_and_scalers_come_back_exactly(sender, run, tmp_path, compression, blocks):
    sender.compression = compression
    sink = Hdf5Sink(tmp_path)

    run(session(sender, 12, *blocks), sink)

    with written(sink) as file:
        detector = file[DETECTOR]
        np.testing.assert_array_equal(detector["data"][()], sender.truth.histogram(0, 12))
        for i, name in enumerate(SCALER_NAMES):
            np.testing.assert_array_equal(detector[name][()], sender.truth.scalers(0, 12)[..., i])
        assert detector["frame_number"][()].tolist() == list(range(12))
        assert detector["event_width"][0].tolist() == sender.truth.event_widths
        assert counts(file) == (12, 12, 0, 0)
        assert file["/entry/complete"][()] == 1


def test_a_full_block_stands_in_the_file_as_it_travelled(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)

    run(session(sender, 8, (0, 4), (4, 4)), sink)

    with written(sink) as file:
        assert stored(file[DETECTOR]["data"]) == [
            (0, compress_bslz4(sender.truth.histogram(first, 4))) for first in (0, 4)
        ]


def test_our_framing_is_that_of_the_hdf5_filter(tmp_path):
    data = np.random.default_rng(1).poisson(0.3, (3, 4, 4096)).astype("<u4")

    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset("x", data=data, chunks=data.shape, **hdf5plugin.Bitshuffle(cname="lz4"))
        ((_, chunk),) = stored(dataset)

    assert chunk == compress_bslz4(data)


def test_an_uncompressed_stream_makes_a_file_that_needs_no_plugin(sender, run, tmp_path):
    sender.compression = "none"
    sink = Hdf5Sink(tmp_path)
    run(session(sender, 6, (0, 4), (4, 2)), sink)

    code = (
        f"import h5py; print(h5py.File({str(sink.finished[0][1])!r})['{DETECTOR}/data'][()].sum(dtype='u8'))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert int(shown.stdout) == sender.truth.histogram(0, 6).sum(dtype="u8")


def test_a_hole_keeps_its_rows_and_marks_them(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)

    def say():
        sender.start(20)
        sender.block(0)
        sender.sequence += 1  # frames 4..7 never leave
        sender.block(8)
        sender.loss(12, 4, "overrun")
        sender.end(12, lost=8)  # 16..19 never come

    run(say, sink)

    with written(sink) as file:
        detector, hole = file[DETECTOR], np.r_[4:8, 12:20]
        np.testing.assert_array_equal(detector["data"][8:12], sender.truth.histogram(8, 4))
        assert detector["data"].shape[0] == 20
        assert (detector["data"][()][hole] == NO_COUNT).all()
        assert (detector["all_good"][()][hole] == NO_COUNT).all()
        assert np.isnan(detector["dead_time_correction"][()][hole]).all()
        assert np.isnan(detector["timestamp"][()][hole]).all()
        assert (detector["event_width"][()][hole] == -1).all()
        assert detector["frame_number"][()].tolist() == [*range(4), *[-1] * 4, *range(8, 12), *[-1] * 8]
        assert file[COUNTS]["missing"][()].tolist() == [[4, 8], [12, 16], [16, 20]]
        assert file[COUNTS]["missing_reason"].asstr()[()].tolist() == [
            "on the way to this reader",
            "overrun",
            "on the way to this reader",
        ]
        assert counts(file) == (20, 8, 12, 0)
        assert file["/entry/complete"][()] == 0


def test_a_hole_too_long_to_be_written_costs_nothing(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)

    def say():
        sender.start(None)
        sender.block(0)
        sender.loss(4, 10_000_000)
        sender.block(10_000_004)
        sender.end(8, lost=10_000_000)

    run(say, sink)

    with written(sink) as file:
        assert file[DETECTOR]["data"].shape[0] == 10_000_008
        np.testing.assert_array_equal(file[DETECTOR]["data"][-4:], sender.truth.histogram(10_000_004, 4))
        assert np.isnan(file[DETECTOR]["timestamp"][5_000_000])
    assert sink.finished[0][1].stat().st_size < 10_000_000  # of 20 GB


def test_a_session_without_frames_makes_a_readable_file(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)

    def say():
        sender.start(8)
        sender.end(0, reason=EndReason.STOPPED)

    run(say, sink)

    with written(sink) as file:
        assert file[DETECTOR]["data"].shape == (0, sender.truth.n_channels, sender.truth.n_bins)
        assert file["/entry/end_reason"].asstr()[()] == "stopped"


def test_what_was_said_about_the_session_is_in_the_file(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)

    run(session(sender, 4, (0, 4)), sink)

    with written(sink) as file:
        entry, detector = file["/entry"], file[DETECTOR]
        assert json.loads(entry["metadata"].asstr()[()]) == {"sample": "rust", "title": "Fe map"}
        assert entry["acquisition"].attrs["counting_time"] == 0.00099
        assert entry["title"].asstr()[()] == "Fe map"
        assert entry["session_id"][()] == sender.session_id
        assert detector["window_limits"][0].tolist() == [[10, 20], [30, 40]]
        for name in ("start_time", "end_time"):
            assert datetime.fromisoformat(entry[name].asstr()[()]).tzinfo is not None


def test_default_plot_leads_to_the_spectra(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)

    run(session(sender, 4, (0, 4)), sink)

    with written(sink) as file:
        plot = file[file.attrs["default"]]
        plot = plot[plot.attrs["default"]]
        signal = plot[plot.attrs["signal"]]
        axes = plot.attrs["axes"].tolist()
        assert (file.attrs["NX_class"], plot.attrs["NX_class"]) == ("NXroot", "NXdata")
        assert len(axes) == signal.ndim
        assert plot[axes[-1]].shape == signal.shape[-1:]
        assert file[DETECTOR]["data"].attrs["interpretation"] == "spectrum"
        assert file[DETECTOR].attrs["NX_class"] == "NXdetector"


def test_rates_and_times_have_the_values_worked_out_by_hand(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)

    run(session(sender, 4, (0, 4)), sink)

    # Frame 0, channel 0: 80000 ticks, 500 of resets, 105 events of 6 + 1 ticks, 100 good in 80016 ticks.
    with written(sink) as file:
        first = {
            name: dataset[0, 0]
            for name, dataset in file[DETECTOR].items()
            if dataset.ndim == 2 and len(dataset) == 4
        }
        assert first["dead_time"] == pytest.approx(1235 * 12.5e-9)
        assert first["live_time"] == pytest.approx(78765 * 12.5e-9)
        assert first["elapsed_time"] == pytest.approx(0.0010002)
        assert first["dead_time_correction"] == pytest.approx(80016 / 78765)
        assert first["output_count_rate"] == pytest.approx(99980.0, abs=0.01)
        assert first["dead_time_fraction"] == pytest.approx(0.0154375)


def test_a_growing_file_can_be_read(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path, flush_interval=0)
    seen = []

    class Reader:
        def begin(self, start): ...
        def write(self, block): ...
        def lost(self, gap): ...
        def end(self, report): ...
        def close(self): ...

        def tick(self):
            path = next(tmp_path.iterdir())
            if path.stat().st_size and sink._series is not None and sink._series.frames_written:
                with h5py.File(path, "r", swmr=True) as file:
                    seen.append(file[DETECTOR]["data"].shape[0])

    run(session(sender, 12, (0, 4), (4, 4), (8, 4)), sink, Reader())

    assert seen == [4, 8, 12]


def test_a_superseded_session_is_marked_in_its_file(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)

    def say():
        sender.start(8)
        sender.block(0)
        sender.session_id += 1
        session(sender, 4, (0, 4))()

    run(say, sink, sessions=2)

    with h5py.File(sink.finished[0][1]) as file:
        assert file["/entry/end_reason"].asstr()[()].startswith("superseded")
        assert counts(file) == (8, 4, 4, 0)
        assert file["/entry/complete"][()] == 0


def test_a_payload_that_cannot_be_unpacked_becomes_a_hole(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)

    def say():
        sender.start(8)
        block = sender.block_message(0, 2)  # not a whole chunk, so it must be unpacked
        histogram = block.arrays[0]
        broken = bytearray(histogram.payload)
        broken[16:] = b"\xff" * (len(broken) - 16)
        arrays = (type(histogram)("histogram", histogram.dtype, histogram.shape, "bslz4", bytes(broken)),)
        sender.send(type(block)(block.envelope, 0, 2, arrays + block.arrays[1:]))
        sender.sequence += 1
        sender.block(2, 2)
        sender.block(4, 4)
        sender.end(8)

    run(say, sink)

    with written(sink) as file:
        assert counts(file) == (8, 6, 2, 0)
        assert file[DETECTOR]["frame_number"][()].tolist() == [-1, -1, 2, 3, 4, 5, 6, 7]
        assert (file[DETECTOR]["data"][:2] == NO_COUNT).all()
        assert file["/entry/complete"][()] == 0


@pytest.mark.parametrize("stream_id", ["../../evil", ".", "a\0b\n\x1b[31m", "x" * 4000, ""])
def test_a_hostile_stream_id_stays_in_the_directory(sender, run, tmp_path, stream_id):
    directory = tmp_path / "data"
    directory.mkdir()
    sender.stream_id = stream_id
    sink = Hdf5Sink(directory)

    report = run(session(sender, 4, (0, 4)), sink).reports[0]

    assert report.outcome is Outcome.COMPLETE
    assert [path.parent for path in directory.iterdir()] == [directory]
    assert list(tmp_path.iterdir()) == [directory]


@pytest.mark.parametrize(
    "detector",
    [
        {},
        {"clock_period": "fast", "event_widths": [6, 4]},
        {"clock_period": 0, "event_widths": [6, 4]},
        {"clock_period": 1e-8, "event_widths": [6]},
        {"clock_period": 1e-8, "event_widths": [6, -1]},
        {"clock_period": 1e-8, "event_widths": [6, 4], "windows": [[1, 2]]},
    ],
)
def test_a_start_that_cannot_be_is_refused_and_leaves_no_file(sender, run, tmp_path, detector):
    sink = Hdf5Sink(tmp_path)

    receiver = run(lambda: sender.start(4, detector=detector), sink)

    assert receiver.reports[0].outcome is Outcome.REFUSED
    assert receiver.protocol_errors == 1
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_refused_under_the_policy_fail(sender, run, tmp_path):
    path = tmp_path / "scan.h5"
    path.write_text("precious")

    with pytest.raises(SinkError, match=r"scan\.h5: the file exists"):
        run(session(sender, 4, (0, 4)), Hdf5Sink(tmp_path, ExistingFile.FAIL, pattern="scan.h5"))

    assert path.read_text() == "precious"


def test_an_existing_file_gets_a_neighbour_under_the_policy_suffix(sender, run, tmp_path):
    directory = tmp_path / "v1.2"
    directory.mkdir()
    (directory / "scan.h5").write_text("precious")
    sink = Hdf5Sink(directory, ExistingFile.SUFFIX, pattern="scan.h5")

    run(session(sender, 4, (0, 4)), sink)

    assert sink.finished[0][1] == directory / "scan_1.h5"
    assert (directory / "scan.h5").read_text() == "precious"


def test_an_existing_file_is_replaced_under_the_policy_overwrite(sender, run, tmp_path):
    (tmp_path / "scan.h5").write_text("old")
    sink = Hdf5Sink(tmp_path, ExistingFile.OVERWRITE, pattern="scan.h5")

    run(session(sender, 4, (0, 4)), sink)

    assert read_summary(tmp_path / "scan.h5").is_complete


def test_a_directory_that_cannot_be_used_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(SinkError, match="does not exist"):
        Hdf5Sink(tmp_path / "nothing")
    with pytest.raises(SinkError, match="not a directory"):
        Hdf5Sink(tmp_path / "file")
    with pytest.raises(SinkError, match="does not exist"):
        Hdf5Sink(tmp_path / "file" / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission_is_refused_at_once(tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(SinkError, match="cannot be written to"):
        Hdf5Sink(tmp_path)


@pytest.mark.parametrize("interval", [-1.0, float("nan")])
def test_a_flush_interval_that_cannot_be_is_refused(tmp_path, interval):
    with pytest.raises(ConfigurationError, match="flush_interval"):
        Hdf5Sink(tmp_path, flush_interval=interval)


def test_a_nearly_full_disk_stops_the_writer_before_the_session(sender, run, tmp_path):
    with pytest.raises(SinkError, match="disk nearly full"):
        run(session(sender, 4, (0, 4)), Hdf5Sink(tmp_path, min_free_bytes=1 << 60))

    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_closes_the_file_properly(sender, run, tmp_path):
    margin = 256 << 20
    sink = Hdf5Sink(tmp_path, min_free_bytes=shutil.disk_usage(tmp_path).free - margin)

    class Filler:
        """Takes the space away after the first block."""

        def begin(self, start): ...
        def lost(self, gap): ...
        def tick(self): ...
        def end(self, report): ...
        def close(self): ...

        def write(self, block):
            with (tmp_path / "other").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, 2 * margin)

    try:
        with pytest.raises(SinkError, match=r"disk nearly full: \d+ bytes are free for .*h5"):
            run(session(sender, 8, (0, 4), (4, 4)), sink, Filler())
    finally:
        (tmp_path / "other").unlink(missing_ok=True)

    with written(sink) as file:
        np.testing.assert_array_equal(file[DETECTOR]["data"][()], sender.truth.histogram(0, 4))
        assert file["/entry/end_reason"].asstr()[()].startswith("sink failed: disk nearly full")
        assert counts(file)[:2] == (8, 4)
        assert file["/entry/complete"][()] == 0


def test_metadata_that_hdf5_does_not_like_are_stored_as_json(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path)
    metadata = {
        "nul": "a\0b",
        "deep": {"x": [1, [2]]},
        "big": 1 << 80,
        "bad key/..": 1,
        "mixed": [1, "a"],
        "": 2,
    }

    report = run(session(sender, 4, (0, 4), metadata=metadata), sink).reports[0]

    assert report.is_complete
    with written(sink) as file:
        assert json.loads(file["/entry/metadata"].asstr()[()]) == metadata


def test_a_file_can_be_read_before_its_first_frame_comes(sender, tmp_path):
    sink = Hdf5Sink(tmp_path)
    sink.begin(sender.start_message(8))
    (path,) = tmp_path.glob("*.h5")

    with h5py.File(path, "r", swmr=True) as file:
        assert file[DETECTOR]["data"].shape[0] == 0

    close(sink)


def test_overwriting_spares_what_this_program_wrote_itself(sender, run, tmp_path):
    sink = Hdf5Sink(tmp_path, ExistingFile.OVERWRITE, pattern="scan.h5")

    def say():
        session(sender, 4, (0, 4))()
        sender.session_id += 1
        session(sender, 4, (0, 4))()

    run(say, sink, sessions=2)

    assert [path.name for _, path in sink.finished] == ["scan.h5", "scan_1.h5"]


def test_overwriting_spares_a_file_that_another_program_writes(sender, tmp_path):
    sink = Hdf5Sink(tmp_path, pattern="scan.h5")
    sink.begin(sender.start_message(8))
    program = (
        "import sys; from pathlib import Path;"
        "from receivers.hdf5.create import publish; from receivers.hdf5.naming import ExistingFile;"
        "publish(Path(sys.argv[2]), Path(sys.argv[1]), ExistingFile.OVERWRITE)"
    )

    (tmp_path / "new").write_text("new")
    command = [sys.executable, "-c", program, tmp_path / "scan.h5", tmp_path / "new"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "SinkError" in done.stderr
    assert "it is being written, or its writer died" in done.stderr
    assert (tmp_path / "scan.h5").exists()
    close(sink)


def test_the_second_part_of_a_session_does_not_overwrite_the_first(sender, tmp_path):
    (tmp_path / "scan.h5").write_text("first part")
    sink = Hdf5Sink(tmp_path, ExistingFile.OVERWRITE, pattern="scan.h5")

    sink.begin(sender.start_message(8, is_repeat=True, next_frame=4))

    assert (tmp_path / "scan.h5").read_text() == "first part"
    close(sink)


@pytest.mark.parametrize("contract", ["latest", "every:2"])
def test_who_does_not_get_every_frame_makes_no_file(sender, run, tmp_path, contract):
    def say():
        sender.start(8, contract=contract)

    with pytest.raises(SinkError, match=rf"contract '{contract}', allowed for a file are 'lossless'"):
        run(say, Hdf5Sink(tmp_path))

    assert not list(tmp_path.iterdir())
