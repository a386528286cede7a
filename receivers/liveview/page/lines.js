// Emission lines of elements: which are shown, where they are drawn, and which could be the peak at the cursor.

import { colour } from "./colours.js";

const NAMES = { Ka1: "K\u03b11", Ka2: "K\u03b12", Kb1: "K\u03b21", La1: "L\u03b11", Lb1: "L\u03b21", Lg1: "L\u03b31", Ma1: "M\u03b11" };
// How much less than the main line each one is to be expected, as if it lay that many tolerances away.
const HANDICAP = { Ka1: 0, La1: 0.3, Kb1: 0.5, Ma1: 0.6, Lb1: 0.6, Lg1: 0.9 };
const MAX_CANDIDATES = 4;
const LABEL_ROWS = 4;
const LABEL_HEIGHT = 13;
// Above them are the grips of the windows.
const LABEL_TOP = 16;

export async function loadElements() {
  const answer = await fetch("./elements.json");
  if (!answer.ok) throw new Error(`The table of elements did not come: ${answer.status}`);
  return (await answer.json()).elements;
}

// Symbols as in the table that `text` names; "fe, CU 30" are Fe, Cu and Zn.
export function parseElements(elements, text) {
  const symbols = Object.keys(elements);
  return text.split(/[\s,;]+/).filter(Boolean).map((word) => {
    const known = symbols.find((symbol) => symbol.toLowerCase() === word.toLowerCase() || String(elements[symbol].Z) === word);
    if (known === undefined) throw new Error(`No element \u201c${word}\u201d here: symbols or numbers from B (5) to U (92), such as Fe or 26`);
    return known;
  });
}

// Lines of an element in keV; the two parts of K alpha count as one where the detector cannot part them.
export function linesOf(elements, symbol) {
  return Object.entries(elements[symbol] ?? {})
    .filter(([line]) => line in NAMES && !(line === "Ka2" && elements[symbol].Ka1 - elements[symbol].Ka2 < 60))
    .map(([line, energy]) => ({ symbol, line, energy: energy / 1000, label: `${symbol} ${NAMES[line]}` }));
}

// Half the width of a line in a silicon drift detector, in keV: noise of 70 eV and Fano statistics.
export function tolerance(energy) {
  return 0.5 * Math.hypot(0.07, 2.355 * Math.sqrt(0.115 * 0.00365 * Math.max(energy, 0)));
}

// Lines that could make a peak at `energy` keV, the likeliest first; those of `favoured` elements before others.
export function candidates(elements, energy, favoured = []) {
  const width = tolerance(energy);
  const near = Object.keys(elements)
    .flatMap((symbol) => linesOf(elements, symbol))
    .filter(({ line, energy: at }) => line in HANDICAP && Math.abs(at - energy) <= width);
  const cost = ({ symbol, line, energy: at }) =>
    Math.abs(at - energy) / width + HANDICAP[line] - (favoured.includes(symbol) ? 1 : 0);
  return near.sort((one, other) => cost(one) - cost(other)).slice(0, MAX_CANDIDATES);
}

// Draw `lines`, each with its place `x` on the axis, into a uPlot chart.
export function drawLines(plot, lines) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const rows = new Array(LABEL_ROWS).fill(-Infinity);
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.lineWidth = ratio;
  ctx.strokeStyle = ctx.fillStyle = colour("lines");
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  for (const { x, label } of [...lines].sort((one, other) => one.x - other.x)) {
    const left = Math.round(plot.valToPos(x, "x", true));
    if (!(left >= bbox.left && left <= bbox.left + bbox.width)) continue;
    drawLine(ctx, bbox, left, label, rows, ratio);
  }
  ctx.restore();
}

function drawLine(ctx, bbox, left, label, rows, ratio) {
  ctx.beginPath();
  ctx.moveTo(left, bbox.top);
  ctx.lineTo(left, bbox.top + bbox.height);
  ctx.stroke();
  const width = ctx.measureText(label).width;
  const free = rows.findIndex((end) => end < left);
  if (free < 0) return; // the line stays; a label on a label could not be read
  rows[free] = left + width + 6 * ratio;
  const isCutOff = left + width > bbox.left + bbox.width;
  ctx.textAlign = isCutOff ? "right" : "left";
  ctx.fillText(label, left + (isCutOff ? -3 : 3) * ratio, bbox.top + (LABEL_TOP + (free + 1) * LABEL_HEIGHT) * ratio);
}
