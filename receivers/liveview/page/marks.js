// Lines of elements over the chart, and their names where these can be read.

import { colour } from "./colours.js";

const ROWS = 4;
const ROW_HEIGHT = 14;
// Above them are the grips of the windows.
const TOP = 18;
const SPACE = 3;
// Lines of one family that lie nearer to each other share a name.
const NEAR = 16;

// Draw `lines`, each with its place `x` on the axis, into a uPlot chart.
export function drawMarks(plot, lines) {
  const { ctx, bbox } = plot;
  const placed = lines.map((line) => ({ ...line, left: Math.round(plot.valToPos(line.x, "x", true)) }));
  const shown = placed.filter(({ left }) => left >= bbox.left && left <= bbox.left + bbox.width);
  shown.sort((one, other) => one.left - other.left);
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  drawLines(ctx, bbox, shown);
  drawLabels(ctx, bbox, labelsOf(shown, (text) => ctx.measureText(text).width));
  ctx.restore();
}

function drawLines(ctx, bbox, lines) {
  ctx.lineWidth = devicePixelRatio;
  ctx.strokeStyle = colour("lines");
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  for (const { left } of lines) {
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
  }
  ctx.stroke();
}

// {text, left, width} by lines that are ordered by `left`; a name that lines share is like "Fe L".
export function labelsOf(lines, measure) {
  const labels = [];
  for (const line of lines) {
    const near = labels.findLast(({ symbol, family }) => symbol === line.symbol && family === line.line[0]);
    if (near && line.left < near.last + NEAR * devicePixelRatio) Object.assign(near, { last: line.left, text: `${line.symbol} ${near.family}` });
    else labels.push({ symbol: line.symbol, family: line.line[0], text: line.label, left: line.left, last: line.left });
  }
  return labels.map((label) => ({ ...label, width: measure(label.text) }));
}

// Each in the first row that is free there; without one there is only the line.
function drawLabels(ctx, bbox, labels) {
  const rows = new Array(ROWS).fill(-Infinity);
  const [space, height] = [SPACE * devicePixelRatio, ROW_HEIGHT * devicePixelRatio];
  for (const { text, left, width } of labels) {
    const begin = Math.min(left + space, bbox.left + bbox.width - width);
    const row = rows.findIndex((end) => end < begin - space);
    if (row < 0) continue;
    rows[row] = begin + width;
    const top = bbox.top + TOP * devicePixelRatio + row * height;
    ctx.fillStyle = colour("panel"); // lines of others pass here
    ctx.fillRect(begin - space / 2, top, width + space, height);
    ctx.fillStyle = colour("lines");
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.fillText(text, begin, top + height / 2);
  }
}
