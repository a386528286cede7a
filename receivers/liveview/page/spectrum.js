// The chart of spectra. What part is shown is kept in bins, so that it survives a change of the axis.

import { channelColour, channelDash, colour } from "./colours.js";
import { curveOf } from "./curve.js";
import { axisOf, binOf, energyOf } from "./energy.js";
import { Fit } from "./fit.js";
import { tick } from "./format.js";
import { heightsOf } from "./heights.js";
import { columnOf, highestBin } from "./traces.js";

const AXIS_FONT = "11px system-ui, sans-serif";
const LEAST_BINS = 8;

export class SpectrumChart {
  // `on`: drawn(), cursor(bin or null), selected(low, high, isShift), all in bins.
  constructor(host, settings, on) {
    this.host = host;
    this.settings = settings;
    this.on = on;
    this.traces = [];
    this.nBins = 0;
    this.view = null; // {low, high} as somebody chose it, null for as far as there are counts
    this.fit = new Fit();
    this.plot = null;
    this.columns = [];
    this.isShift = false;
    this.pinned = null; // bin where keys have put the cursor, until the mouse takes it
    this.hovered = null; // bin under the mouse
    this.mouse = "";
    host.addEventListener("mousemove", (event) => this.mouseMoved(event), true);
    host.addEventListener("mousedown", (event) => (this.isShift = event.shiftKey), true);
    host.addEventListener("dblclick", () => this.showAll());
    new ResizeObserver(() => this.resize()).observe(host);
  }

  // Draw these, live ones first.
  show(traces, nBins) {
    const isOther = layout(traces, nBins) !== layout(this.traces, this.nBins);
    this.traces = traces;
    this.nBins = nBins;
    if (traces.length > 0) this.fit.follow(traces, this.reference, nBins);
    if (isOther || this.plot === null) this.rebuild();
    else this.refresh();
  }

  get reference() {
    return this.traces[0]?.calibration ?? null;
  }

  // Null as long as the axis shows bins.
  get calibration() {
    return this.settings.get("axis") === "energy" ? this.reference : null;
  }

  toAxis(bin) {
    return this.calibration === null ? bin : energyOf(this.calibration, bin);
  }

  toBin(place) {
    return this.calibration === null ? place : binOf(this.calibration, place);
  }

  get heights() {
    return heightsOf(this.settings.get("scale"));
  }

  // First and last bin that are shown.
  get shown() {
    return this.view ?? { low: 0, high: this.fit.end ?? this.nBins - 1 };
  }

  // The same for people: 0 to 15 keV.
  describeShown() {
    const { low, high } = this.shown;
    if (this.calibration === null) return `bins ${Math.round(low)} to ${Math.round(high)}`;
    return `${[low, high].map((bin) => Number(this.toAxis(bin).toFixed(2))).join(" to ")} keV`;
  }

  // The bin that the cursor is at, null where there is none.
  get cursorBin() {
    return this.pinned ?? this.hovered;
  }

  data() {
    this.columns = this.traces.map((trace, index) => columnOf(trace, this.calibration, this.heights.place, this.columns[index]));
    return [axisOf(this.calibration, this.nBins), ...this.columns];
  }

  refresh() {
    if (this.plot === null) return;
    this.plot.batch(() => {
      this.plot.setData(this.data(), false);
      this.plot.setScale("x", this.range());
    });
  }

  range() {
    const { low, high } = this.shown;
    return { min: this.toAxis(low), max: this.toAxis(high) };
  }

  rebuild() {
    this.plot?.destroy();
    this.plot = null;
    this.host.replaceChildren();
    if (this.traces.length === 0 || !this.host.clientWidth || !this.host.clientHeight) return;
    this.columns = [];
    this.plot = new uPlot(this.options(), this.data(), this.host);
    this.refresh();
  }

  options() {
    return {
      width: this.host.clientWidth,
      height: this.host.clientHeight,
      pxAlign: 0,
      padding: [10, 26, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false },
        y: { distr: this.heights.distr, range: (_plot, _least, most) => this.heights.range(most ?? 0) },
      },
      axes: [
        this.axis({ size: 30, values: (_plot, places) => places.map((place, index) => this.placeName(place, index === places.length - 1)) }),
        this.axis({ size: 46, splits: this.heights.splits, values: (_plot, places) => places.map((place) => this.countsName(place)) }),
      ],
      series: [{}, ...this.traces.map(seriesOf)],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 5 }, bind: { dblclick: () => null } },
      hooks: {
        draw: [() => this.drawn()],
        setCursor: [(plot) => this.cursorMoved(plot)],
        setSelect: [(plot) => this.selected(plot)],
      },
    };
  }

  axis(more) {
    return { font: AXIS_FONT, stroke: () => colour("ink"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { stroke: () => colour("grid"), size: 4 }, ...more };
  }

  // The last one has the unit.
  placeName(place, isLast) {
    const shown = place === null ? "" : String(Number(place.toPrecision(10)));
    if (!isLast) return shown;
    return this.calibration === null ? `bin ${shown}` : `${shown} keV`;
  }

  // A logarithmic axis names some of its places only.
  countsName(height) {
    return height === null ? "" : tick(this.heights.counts(height));
  }

  // uPlot draws some time after it was told to: only now is the new axis in force.
  drawn() {
    this.placeCursor();
    this.on.drawn();
  }

  cursorMoved(plot) {
    const { left, idx } = plot.cursor;
    this.hovered = left >= 0 && idx != null ? idx : null;
    this.on.cursor(this.cursorBin);
  }

  // Browsers tell of a mouse that rests, too, when something beneath it has changed: that takes no cursor.
  mouseMoved(event) {
    const place = `${event.screenX} ${event.screenY}`;
    if (place === this.mouse && this.pinned !== null) return event.stopPropagation();
    this.mouse = place;
    this.pinned = null;
  }

  selected(plot) {
    const { left, width } = plot.select;
    if (width <= 0) return;
    const [low, high] = [left, left + width].map((place) => Math.round(this.toBin(plot.posToVal(place, "x"))));
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (this.isShift) this.on.selected(this.clamp(low), this.clamp(high));
    else this.look(low, high);
  }

  clamp(bin) {
    return Math.min(Math.max(bin, 0), this.nBins - 1);
  }

  // Show the bins low..high, or as many as there are.
  look(low, high) {
    const span = Math.min(Math.max(high - low, LEAST_BINS), this.nBins - 1);
    const from = Math.min(Math.max((low + high - span) / 2, 0), this.nBins - 1 - span);
    this.view = { low: from, high: from + span };
    this.refresh();
  }

  showAll() {
    this.look(0, this.nBins - 1);
  }

  // As far as there are counts, from now on.
  showCounts() {
    this.forgetView();
    if (this.traces.length > 0) this.fit.follow(this.traces, this.reference, this.nBins);
    this.refresh();
  }

  // What was chosen is of another detector, or wanted no more.
  forgetView() {
    this.view = null;
    this.fit.forget();
  }

  // A factor below 1 shows less; `middle` is a bin and keeps its place.
  zoom(factor, middle = null) {
    const { low, high } = this.shown;
    const around = middle ?? this.cursorBin ?? (low + high) / 2;
    this.look(around - (around - low) * factor, around + (high - around) * factor);
  }

  // Move by a part of what is shown.
  pan(part) {
    const { low, high } = this.shown;
    const step = (high - low) * part;
    this.look(low + step, high + step);
  }

  binAtPointer(event) {
    const left = event.clientX - this.plot.over.getBoundingClientRect().left;
    return this.toBin(this.plot.posToVal(left, "x"));
  }

  moveCursor(bin) {
    if (this.plot === null) return;
    const there = this.clamp(bin);
    const { low, high } = this.shown;
    if (there < low || there > high) this.look(there - (high - low) / 2, there + (high - low) / 2);
    this.pinned = there;
    this.placeCursor();
  }

  // uPlot keeps the cursor at its pixel, whatever comes to lie there.
  placeCursor() {
    if (this.pinned === null || this.plot === null) return;
    this.plot.setCursor({ left: this.plot.valToPos(this.toAxis(this.pinned), "x"), top: 10 });
  }

  stepCursor(bins) {
    const { low, high } = this.shown;
    this.moveCursor((this.cursorBin ?? Math.round((low + high) / 2)) + bins);
  }

  moveToPeak() {
    if (this.traces.length === 0) return;
    const { low, high } = this.shown;
    this.moveCursor(highestBin(this.traces[0].values, Math.ceil(low), Math.floor(high)));
  }

  resize() {
    const [width, height] = [this.host.clientWidth, this.host.clientHeight];
    if (this.plot === null) this.rebuild();
    else if (width && height) this.plot.setSize({ width, height });
  }
}

function seriesOf(trace) {
  const tint = () => (trace.channel === null ? colour("ink") : channelColour(trace.channel));
  return {
    label: trace.label,
    paths: curveOf,
    stroke: tint,
    width: trace.isKept ? 1 : 1.25,
    alpha: trace.isKept ? 0.55 : 1,
    dash: trace.isKept ? [2, 4] : channelDash(trace.channel ?? 0),
    points: { show: false },
  };
}

// What a chart must be made anew for.
function layout(traces, nBins) {
  return JSON.stringify([nBins, traces.map(({ key, label }) => [key, label])]);
}
