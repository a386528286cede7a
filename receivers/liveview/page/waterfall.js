// Spectra against time: the newest row at the top, the same part of the axis as the chart above shows.

import { roundUp } from "./fit.js";
import { duration } from "./format.js";
import { extent, fit, paint } from "./image.js";

const MAX_ROWS = 600;
// Colours cover so many decades below the largest rate.
const DECADES = 4;
const ENDS = [1, 2, 5, 10];

export class Waterfall {
  constructor(canvas, title, scale, chart) {
    Object.assign(this, { canvas, title, scale, chart });
    this.image = document.createElement("canvas");
    this.clear();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  clear() {
    this.rows = []; // the oldest first
    this.next = null; // number of the row that comes next
    this.most = 0; // of the colours, 1/s
    this.image.width = 0; // nothing of it may be scrolled on
    this.scale.clear();
  }

  add({ first, interval, bins_per_cell: binsPerCell, arrays }) {
    const [nRows, nCells] = arrays.rows.shape;
    if (first !== this.next || nCells !== this.nCells) this.clear();
    Object.assign(this, { next: first + nRows, nCells, binsPerCell, interval });
    const added = Array.from({ length: nRows }, (_row, index) => arrays.rows.values.slice(index * nCells, (index + 1) * nCells));
    this.rows = this.rows.concat(added).slice(-MAX_ROWS);
    this.render(added);
    this.draw();
  }

  // Colours of all rows, or of the added ones only while the scale stays.
  render(added) {
    const isSameScale = !this.widen(added) && this.image.width === this.nCells && this.image.height === MAX_ROWS;
    if (!isSameScale) Object.assign(this.image, { width: this.nCells, height: MAX_ROWS });
    const context = this.image.getContext("2d");
    if (isSameScale) context.drawImage(scrolled(this.image, added.length), 0, 0);
    const shown = isSameScale ? added : this.rows;
    if (isSameScale) context.clearRect(0, 0, this.nCells, added.length);
    shown.forEach((values, index) => this.renderRow(context, values, shown.length - 1 - index));
  }

  // Make the scale end at a round rate that is not below those of `added`; whether it did not before.
  widen(added) {
    const most = Math.max(...added.map((values) => extent(values)?.[1] ?? 0));
    if (most <= this.most) return false;
    this.most = roundUp(most, ENDS);
    this.scale.showLog(this.least, this.most, `counts/s in ${this.binsPerCell} ${this.binsPerCell === 1 ? "bin" : "bins"}`);
    return true;
  }

  get least() {
    return this.most / 10 ** DECADES;
  }

  // Before anything was counted all that is known is 0, and has the colour of little.
  renderRow(context, values, at) {
    const picture = context.createImageData(this.nCells, 1);
    const [least, most] = this.most ? [this.least, this.most] : [1, 10 ** DECADES];
    paint(new Uint32Array(picture.data.buffer), values, least, most, true);
    context.putImageData(picture, 0, at);
  }

  draw() {
    if (!fit(this.canvas)) return;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.rows.length === 0) return;
    const { low, high } = this.chart.shown;
    const [from, to] = [low / this.binsPerCell, (high + 1) / this.binsPerCell];
    const nRows = Math.min(MAX_ROWS, Math.max(Math.round(this.canvas.clientHeight / 2), 1));
    this.title.textContent = `${this.chart.describeShown()}, from now down to ${duration(nRows * this.interval)} ago`;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image, from, 0, to - from, nRows, 0, 0, this.canvas.width, this.canvas.height);
  }
}

// A copy of an image, moved down by `rows`.
function scrolled(image, rows) {
  const copy = document.createElement("canvas");
  Object.assign(copy, { width: image.width, height: image.height });
  copy.getContext("2d").drawImage(image, 0, rows);
  return copy;
}
