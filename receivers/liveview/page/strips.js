// Rates and dead time of the last minutes.

import { channelColour, channelDash, colour } from "./colours.js";
import { tick, timeOfDay } from "./format.js";

const FONT = "11px system-ui, sans-serif";
const MAX_POINTS = 3600;

// What the server has told about the past, by array name: one array of numbers for each point.
export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.times = [];
    this.points = { input_rate: [], output_rate: [], dead_time: [], window0: [], window1: [] };
    this.next = null;
  }

  add({ first, keep, arrays }) {
    const nPoints = arrays.times.shape[0];
    const nChannels = arrays.input_rate.shape[1];
    if (first !== this.next || nChannels !== this.nChannels) this.clear();
    this.next = first + nPoints;
    this.nChannels = nChannels;
    this.times.push(...arrays.times.values);
    for (const [name, points] of Object.entries(this.points)) {
      for (let point = 0; point < nPoints; point++) {
        points.push(arrays[name].values.slice(point * nChannels, (point + 1) * nChannels));
      }
    }
    this.trim(Math.min(keep ?? MAX_POINTS, MAX_POINTS));
  }

  trim(keep) {
    const surplus = this.times.length - keep;
    if (surplus <= 0) return;
    for (const points of [this.times, ...Object.values(this.points)]) points.splice(0, surplus);
  }

  // Null where nothing is known, as uPlot wants it.
  column(name, channel, factor) {
    return this.points[name].map((point) => (Number.isNaN(point[channel]) ? null : point[channel] * factor));
  }

  // The newest value of a channel, null where it is not known.
  last(name, channel) {
    const value = this.points[name].at(-1)?.[channel];
    return value === undefined || Number.isNaN(value) ? null : value;
  }
}

export class StripChart {
  constructor(host, factor = 1) {
    Object.assign(this, { host, factor, plot: null, channels: [] });
    new ResizeObserver(() => this.resize()).observe(host);
  }

  // The array `name` of `history`.
  show(history, name, channels) {
    Object.assign(this, { history, name });
    const isOther = channels.join() !== this.channels.join();
    this.channels = channels;
    if (this.plot === null || isOther) this.rebuild();
    else this.plot.setData(this.data());
  }

  data() {
    return [this.history.times, ...this.channels.map((channel) => this.known(channel))];
  }

  known(channel) {
    return channel < this.history.nChannels ? this.history.column(this.name, channel, this.factor) : this.history.times.map(() => null);
  }

  rebuild() {
    this.plot?.destroy();
    this.plot = null;
    this.host.replaceChildren();
    if (!this.history?.times.length || !this.host.clientWidth || !this.host.clientHeight) return;
    this.plot = new uPlot(this.options(), this.data(), this.host);
  }

  options() {
    const axis = { font: FONT, stroke: () => colour("ink"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { stroke: () => colour("grid"), size: 3 } };
    return {
      width: this.host.clientWidth,
      height: this.host.clientHeight,
      padding: [6, 24, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true }, y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        { ...axis, size: 24, space: 62, values: (_plot, places) => places.map((place) => timeOfDay(place)) },
        { ...axis, size: 42, space: 24, values: (_plot, places) => places.map(tick) },
      ],
      series: [
        {},
        ...this.channels.map((channel) => ({
          stroke: () => channelColour(channel),
          dash: channelDash(channel),
          width: 1.25,
          points: { show: false, filter: alone, size: 4, fill: () => channelColour(channel) },
        })),
      ],
    };
  }

  resize() {
    const [width, height] = [this.host.clientWidth, this.host.clientHeight];
    if (this.plot === null) this.rebuild();
    else if (width && height) this.plot.setSize({ width, height });
  }
}

// Points between two gaps: no line leads to them, they are drawn as dots.
function alone(plot, series) {
  const values = plot.data[series];
  const isKnown = (at) => (values[at] ?? null) !== null;
  return [...values.keys()].filter((at) => isKnown(at) && !isKnown(at - 1) && !isKnown(at + 1));
}
