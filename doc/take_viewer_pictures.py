"""Takes the pictures of a file in silx view and in h5web that the documentation shows.

pip install '.[test]' 'silx[full]' PyQt5, Chromium, and npm, which fetches h5web
python doc/take_viewer_pictures.py
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from receivers.hdf5.writer import Hdf5Sink
from receivers.receiver import Receiver
from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.detector import Xspress3Detector
from xspress3.model import Acquisition
from xspress3.sim import library_path
from xspress3.stream import Subscriber
from xspress3.streamer import Streamer

IMAGES = Path(__file__).parent / "images"
NAME = "sample.h5"
METADATA = {"title": "Simulated sample", "calibration": {"offset": 0, "gain": 0.01}}
PACKAGES = ("@h5web/app@16.0.1", "@h5web/h5wasm@16.0.1", "h5wasm-plugins@0.2.0", "react@18", "react-dom@18")
BUNDLER = "esbuild@0.28.2"
SIZE = (1000, 600)
SHOWN = 60.0
"""Seconds within which h5web shows the spectrum."""

SILX = """
import sys
import hdf5plugin, silx.io
from silx.gui import qt
app = qt.QApplication([])
from silx.gui.data.DataViewerFrame import DataViewerFrame
file = silx.io.open(sys.argv[1])
viewer = DataViewerFrame()
viewer.resize(WIDTH, HEIGHT)
viewer.setData(file["/"])
viewer.show()
for _ in range(50):
    app.processEvents()
viewer.grab().save(sys.argv[2])
""".replace("WIDTH, HEIGHT", f"{SIZE[0]}, {SIZE[1]}")

PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="main.css">
<body style="margin: 0"><div id="root"></div><script type="module" src="main.js"></script>"""

MAIN = """
import '@h5web/app/dist/styles.css';
import { createRoot } from 'react-dom/client';
import { App } from '@h5web/app';
import { H5WasmBufferProvider } from '@h5web/h5wasm';

const load = async (url) => (await fetch(url)).arrayBuffer();
const buffer = await load('NAME');
createRoot(document.getElementById('root')).render(
  <div style={{ height: '100vh' }}>
    <H5WasmBufferProvider filename="NAME" buffer={buffer}
                          getPlugin={(name) => load(`plugins/libH5Z${name}.so`)}>
      <App sidebarOpen={false} />
    </H5WasmBufferProvider>
  </div>,
);
""".replace("NAME", NAME)


def record(folder: Path) -> Path:
    """A file of a simulated detector."""
    library = DetectorConfig(library=str(library_path()))
    with (
        Xspress3Detector.open(library) as detector,
        Streamer(detector, StreamerConfig(data_port=0, monitor_port=0)) as streamer,
        Subscriber(streamer.data_endpoint, name="writer") as subscriber,
    ):
        subscriber.wait_joined(timeout=10)
        streamer.arm(Acquisition(exposure_time=0.5, frames_per_trigger=8), metadata=METADATA, readers=1)
        Receiver(subscriber, [Hdf5Sink(folder, pattern=NAME)]).run(sessions=1)
    return folder / NAME


def take_silx(path: Path) -> None:
    """What `silx view` shows of the file; in a process of its own, as Qt and Chromium share badly."""
    command = [sys.executable, "-c", SILX, str(path), str(IMAGES / "silx.png")]
    subprocess.run(command, check=True, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"})  # noqa: S603


def build_h5web(folder: Path) -> Path:
    """A folder with a page that shows the file `NAME` beside it."""
    site = folder / "site"
    site.mkdir()
    (folder / "main.jsx").write_text(MAIN)
    (site / "index.html").write_text(PAGE)
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps")
    subprocess.run(["npm", "install", *options, *PACKAGES, BUNDLER], cwd=folder, check=True)  # noqa: S603, S607
    build = ("main.jsx", "--bundle", "--format=esm", "--jsx=automatic", "--outdir=site")
    subprocess.run(["npx", "esbuild", *build], cwd=folder, check=True)  # noqa: S603, S607
    shutil.copytree(folder / "node_modules/h5wasm-plugins/plugins", site / "plugins")
    return site


def take_h5web(path: Path, folder: Path) -> None:
    """What h5web shows of the file."""
    site = build_h5web(folder)
    shutil.copy(path, site)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        sync_playwright() as playwright,
    ):
        threading.Thread(target=server.serve_forever, name="site").start()
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
            page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            page.get_by_text("energy (keV)").wait_for(timeout=SHOWN * 1000)
            page.screenshot(path=IMAGES / "h5web.png", animations="disabled")
            browser.close()
        finally:
            server.shutdown()


def main() -> None:
    """Take both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = record(folder)
        take_silx(path)
        take_h5web(path, folder)


if __name__ == "__main__":
    main()
