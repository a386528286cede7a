// The two windows of one channel over the chart, with edges that can be dragged where this page may write them.

const NAMES = ["window 0", "window 1"];
const EDGES = ["low", "high"];

export class WindowBands {
  // `write(window, low, high)` is called when a drag or a change by keys is over.
  constructor(chart, write) {
    this.chart = chart;
    this.write = write;
    this.windows = null; // [[low, high], [low, high]] as the detector has them
    this.pending = [null, null]; // as dragged, until the detector answered
    this.isWritable = false;
    this.bands = NAMES.map((_name, window) => this.makeBand(window));
  }

  // Windows of the chosen channel; null hides them.
  show(windows, isWritable) {
    this.windows = windows;
    this.isWritable = isWritable;
    this.place();
  }

  // What the detector said: what was dragged holds no longer.
  settle() {
    this.pending = [null, null];
    this.place();
  }

  makeBand(window) {
    const band = document.createElement("div");
    band.className = `band window${window}`;
    band.dataset.window = window;
    const label = document.createElement("span");
    label.textContent = `w${window}`;
    band.append(label, ...EDGES.map((edge, index) => this.makeHandle(window, edge, index)));
    return band;
  }

  makeHandle(window, edge, index) {
    const handle = document.createElement("div");
    handle.className = `handle ${edge}`;
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", `${NAMES[window]}, ${edge} bin`);
    // uPlot would begin to zoom.
    handle.addEventListener("mousedown", (event) => event.stopPropagation());
    handle.addEventListener("pointerdown", (event) => this.beginDrag(event, handle, window, index));
    handle.addEventListener("keydown", (event) => this.onKey(event, window, index));
    handle.addEventListener("blur", () => this.commit(window));
    return handle;
  }

  beginDrag(event, handle, window, index) {
    event.stopPropagation();
    handle.setPointerCapture(event.pointerId);
    const grip = this.chart.binAtPointer(event) - this.limits(window)[index]; // it lies beside its edge
    const move = (moved) => this.moveEdge(window, index, Math.round(this.chart.binAtPointer(moved) - grip));
    const end = () => {
      handle.removeEventListener("pointermove", move);
      this.commit(window);
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", end, { once: true });
    handle.addEventListener("pointercancel", end, { once: true });
  }

  onKey(event, window, index) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) this.moveEdge(window, index, this.limits(window)[index] + step * (event.shiftKey ? 10 : 1));
    else if (event.key === "Enter") this.commit(window);
    else if (event.key === "Escape") this.settle();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  limits(window) {
    return this.pending[window] ?? this.windows?.[window] ?? null;
  }

  // Edges may meet but not pass each other.
  moveEdge(window, index, bin) {
    const limits = [...this.limits(window)];
    limits[index] = index === 0 ? Math.min(this.chart.clamp(bin), limits[1]) : Math.max(this.chart.clamp(bin), limits[0]);
    this.pending[window] = limits;
    this.place();
  }

  commit(window) {
    const wanted = this.pending[window];
    if (wanted === null) return;
    const now = this.windows?.[window];
    if (now && now[0] === wanted[0] && now[1] === wanted[1]) this.settle();
    else this.write(window, ...wanted);
  }

  place() {
    const plot = this.chart.plot;
    if (plot === null) return;
    this.bands.forEach((band, window) => {
      if (band.parentNode !== plot.over) plot.over.append(band);
      this.placeBand(plot, band, window);
    });
  }

  placeBand(plot, band, window) {
    const limits = this.limits(window);
    band.hidden = limits === null;
    if (limits === null) return;
    // Both ends belong to the window: it covers their whole bins.
    const [left, right] = [limits[0] - 0.5, limits[1] + 0.5].map((bin) => plot.valToPos(this.chart.toAxis(bin), "x"));
    const width = plot.over.clientWidth;
    band.hidden = right < 0 || left > width;
    band.style.left = `${left}px`;
    band.style.width = `${Math.max(right - left, 1)}px`;
    band.classList.toggle("pending", this.pending[window] !== null);
    band.querySelectorAll(".handle").forEach((handle, index) => {
      handle.hidden = !this.isWritable;
      handle.setAttribute("aria-valuenow", limits[index]);
      handle.setAttribute("aria-valuemin", 0);
      handle.setAttribute("aria-valuemax", this.chart.nBins - 1);
    });
  }
}
