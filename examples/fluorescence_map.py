"""A map of iron and copper from a session of a raster scan: `python examples/fluorescence_map.py [PNG]`.

Takes the file of `raster_scan.py`, sums the bins of each line over all channels, corrected for dead time,
and puts frames where the stage was. Frames that were lost stay empty in the map, as they are in the file. The
simulated sample is the same everywhere: what the map shows is the noise of counting.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl

from receivers.sessions.loader import load_session

mpl.use("Agg")
import matplotlib.pyplot as plt

LINES, POINTS = 10, 30
BINS = {"iron": slice(620, 660), "copper": slice(785, 825)}
"""Around 6.40 and 8.05 keV, at 10 eV a bin."""

directory = Path(tempfile.mkdtemp())
subprocess.run([sys.executable, Path(__file__).with_name("raster_scan.py"), directory], check=True)
(path,) = directory.glob("*.h5")
dataset = load_session("xspress3", int(path.stem.split("_")[-1]), directory)

figure, axes = plt.subplots(len(BINS), figsize=(6, 5), layout="constrained")
for axis, (element, bins) in zip(axes, BINS.items(), strict=True):
    counts = dataset.histogram.sel(bin=bins).sum("bin") * dataset.dead_time_correction
    counts = counts.where(dataset.is_recorded).sum("channel", skipna=False)
    values = counts.to_numpy().reshape(LINES, POINTS)
    figure.colorbar(axis.imshow(values), ax=axis, label=f"{element} (counts)")
    print(f"{element}: {values.min():.0f} to {values.max():.0f} counts a point")
target = Path(sys.argv[1] if len(sys.argv) > 1 else directory / "map.png")
figure.savefig(target)
print(f"map: {target}")
