"""Read a file with h5py, and a session with xarray: `python examples/read_file.py`.

With h5py, `import hdf5plugin` before reading `data`: the spectra are compressed. `load_session` finds the
files of a session by its number, and reads nothing of the data before it is asked for; see
doc/how-to/sessions.md.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  # lets h5py unpack the spectra

from receivers.sessions.loader import load_session

COMMAND = "-m xspress3.cli serve --library sim --port 0 --monitor-port 0 --frames 50 --exposure 0.01"

directory = Path(tempfile.mkdtemp())
subprocess.run([sys.executable, *COMMAND.split(), "--write", directory], check=True)
(path,) = directory.glob("*.h5")

with h5py.File(path) as file:
    detector = file["/entry/instrument/xspress3"]
    print("with h5py:", path.name)
    for name in ("data", "all_good", "dead_time_correction", "output_count_rate"):
        print(
            f"  {name}: {detector[name].shape} {detector[name].dtype} {detector[name].attrs.get('units', '')}"
        )
    print("  counts of frame 7:", detector["data"][7].sum(axis=-1).tolist())
    session_id, is_complete = int(file["/entry/session_id"][()]), bool(file["/entry/complete"][()])

print(f"with xarray: session {session_id}, complete: {is_complete}")
dataset = load_session("xspress3", session_id, directory)
iron = dataset.histogram.sel(bin=slice(620, 660)).sum("bin") * dataset.dead_time_correction
print(iron.mean("frame").rename("counts around the line of iron, mean of all frames").to_series())
