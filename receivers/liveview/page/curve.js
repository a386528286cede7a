// The curve of a spectrum: a step for each bin, as counts are, with no line down to bins without any.

import { NOTHING } from "./heights.js";

const LEAST_STEP = 3; // pixels; narrower ones are joined from middle to middle

// For uPlot: the path of series `index` through its bins first..last. On a logarithmic axis lines between
// single counts and none would fill all there is; without them there is a row of dashes for 1, for 2, and so on.
export function curveOf(plot, index, first, last) {
  const [places, heights] = [plot.data[0], plot.data[index]];
  const stroke = new Path2D();
  const isLog = plot.scales.y.distr === 3;
  const width = binWidth(plot, places, first, last);
  let before = null; // height of the bin on the left, null where nothing joins it
  for (let bin = first; bin <= last; bin++) {
    const height = heights[bin];
    if (height !== null) {
      const isJoined = before !== null && !(isLog && (before === NOTHING) !== (height === NOTHING));
      draw(stroke, plot.valToPos(places[bin], "x", true), plot.valToPos(height, "y", true), width, isJoined);
    }
    before = height;
  }
  return { stroke, fill: null, clip: null, band: null, gaps: null, flags: 0 };
}

// In pixels; where energies do not rise evenly, that of most of them.
function binWidth(plot, places, first, last) {
  const [left, right] = [first, last].map((bin) => plot.valToPos(places[bin], "x", true));
  return (right - left) / Math.max(last - first, 1);
}

function draw(stroke, x, y, width, isJoined) {
  if (isJoined && width < LEAST_STEP) return stroke.lineTo(x, y);
  const half = Math.max(width, 1) / 2;
  if (isJoined) stroke.lineTo(x - half, y);
  else stroke.moveTo(x - half, y);
  return stroke.lineTo(x + half, y);
}
