// Spectra against time: the newest row at the top, the same part of the axis as the chart above shows.

import { duration } from "./format.js";
import { extent, fit, paint } from "./image.js";

const MAX_ROWS = 600;
// Colours cover so many decades below the largest rate.
const DECADES = 4;

export class Waterfall {
  constructor(canvas, title, chart) {
    Object.assign(this, { canvas, title, chart });
    this.image = document.createElement("canvas");
    this.clear();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  clear() {
    this.rows = []; // the oldest first
    this.next = null; // number of the row that comes next
    this.most = 0;
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
    const most = Math.max(...added.map((values) => extent(values)?.[1] ?? 0));
    const isSameScale = most <= this.most && this.image.width === this.nCells && this.image.height === MAX_ROWS;
    if (!isSameScale) {
      this.most = Math.max(most, this.most) * (most > this.most ? 1.5 : 1);
      Object.assign(this.image, { width: this.nCells, height: MAX_ROWS });
    }
    const context = this.image.getContext("2d");
    if (isSameScale) context.drawImage(scrolled(this.image, added.length), 0, 0);
    const shown = isSameScale ? added : this.rows;
    if (isSameScale) context.clearRect(0, 0, this.nCells, added.length);
    shown.forEach((values, index) => this.renderRow(context, values, shown.length - 1 - index));
  }

  renderRow(context, values, at) {
    const picture = context.createImageData(this.nCells, 1);
    const most = this.most || 1;
    paint(new Uint32Array(picture.data.buffer), values, most / 10 ** DECADES, most, true);
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
