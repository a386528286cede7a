// The map of a scan: one pixel for each frame, coloured by the counts in a window.

import { colour } from "./colours.js";
import { count, short } from "./format.js";
import { extent, fit, paint } from "./image.js";

const ROOM = { left: 50, right: 8, top: 4, bottom: 30 };

export class MapView {
  constructor(section, canvas, readout) {
    Object.assign(this, { section, canvas, readout });
    this.image = document.createElement("canvas");
    this.scan = null;
    this.update = null;
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("pointermove", (event) => this.tell(event));
  }

  // What the stream says of its scan; null hides the map.
  describe(scan) {
    const isOther = JSON.stringify(scan) !== JSON.stringify(this.scan);
    this.scan = scan;
    this.section.hidden = scan === null;
    if (isOther) this.update = null;
    this.draw();
  }

  show(update) {
    this.update = update;
    const [height, width] = update.shape;
    this.extent = extent(update.arrays.map.values);
    const [least, most] = this.extent ?? [0, 1];
    Object.assign(this.image, { width, height });
    const picture = new ImageData(width, height);
    paint(new Uint32Array(picture.data.buffer), update.arrays.map.values, least, most, false);
    this.image.getContext("2d").putImageData(picture, 0, 0);
    this.tellExtent();
    this.draw();
  }

  // Where the picture lies on the canvas, in CSS pixels.
  place() {
    return {
      left: ROOM.left,
      top: ROOM.top,
      width: this.canvas.clientWidth - ROOM.left - ROOM.right,
      height: this.canvas.clientHeight - ROOM.top - ROOM.bottom,
    };
  }

  draw() {
    if (this.scan === null || !fit(this.canvas)) return;
    const context = this.canvas.getContext("2d");
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    const { left, top, width, height } = this.place();
    context.imageSmoothingEnabled = false;
    if (this.update !== null) context.drawImage(this.image, left, top, width, height);
    this.drawAxes(context, left, top, width, height);
  }

  drawAxes(context, left, top, width, height) {
    context.strokeStyle = context.fillStyle = colour("ink");
    context.font = "11px system-ui, sans-serif";
    context.strokeRect(left, top, width, height);
    const [[firstRow, lastRow], [firstColumn, lastColumn]] = this.ends();
    context.textAlign = "left";
    context.fillText(firstColumn, left, top + height + 13);
    context.textAlign = "right";
    context.fillText(lastColumn, left + width, top + height + 13);
    context.fillText(firstRow, left - 4, top + 10);
    context.fillText(lastRow, left - 4, top + height);
    context.textAlign = "center";
    context.fillText(this.axisName(1), left + width / 2, top + height + 26);
  }

  // First and last place of rows and of columns; their numbers where the stream gives no places.
  ends() {
    return [0, 1].map((axis) => (this.scan.ranges?.[axis] ?? [0, this.scan.shape[axis] - 1]).map((end) => String(Number(end.toPrecision(5)))));
  }

  axisName(axis) {
    const name = this.scan.names?.[axis] ?? ["row", "column"][axis];
    return this.scan.units ? `${name} / ${this.scan.units}` : name;
  }

  tellExtent() {
    const { frames, shape } = this.update;
    const colours = this.extent === null ? "" : `, colours ${short(this.extent[0])} to ${short(this.extent[1])} counts`;
    this.readout.textContent = `${count(frames)} of ${count(shape[0] * shape[1])} places${colours}`;
  }

  tell(event) {
    if (this.update === null) return;
    const { left, top, width, height } = this.place();
    const [rows, columns] = this.update.shape;
    const column = Math.floor(((event.offsetX - left) / width) * columns);
    const line = Math.floor(((event.offsetY - top) / height) * rows);
    if (column < 0 || column >= columns || line < 0 || line >= rows) return this.tellExtent();
    const value = this.update.arrays.map.values[line * columns + column];
    return (this.readout.textContent = `row ${line}, column ${column}: ${count(value)} counts`);
  }
}
