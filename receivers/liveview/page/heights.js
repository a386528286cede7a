// The axis of counts: logarithmic, linear, or as square roots, on which all errors of counting are of one size.

import { roundUp } from "./fit.js";

export const SCALES = ["log", "linear", "sqrt"];
// On a logarithmic axis nothing is drawn here, between 0 and 1.
export const NOTHING = 0.5;
const TOPS = [1, 1.5, 2, 3, 5, 7, 10];
const STEPS = [1, 2, 5, 10];
const N_TICKS = 6;

// How counts become heights (`place`) and back (`counts`), and what uPlot is told of the axis.
const HEIGHTS = {
  log: {
    distr: 3,
    place: (counts) => (counts > NOTHING ? counts : NOTHING),
    counts: (height) => height,
    range: (most) => [NOTHING, top(Math.max(most, 10) * 1.2)],
  },
  linear: {
    distr: 1,
    place: (counts) => counts,
    counts: (height) => height,
    range: (most) => [0, top(Math.max(most, 1))],
  },
  sqrt: {
    distr: 1,
    place: Math.sqrt,
    counts: (height) => height * height,
    range: (most) => [0, Math.sqrt(top(Math.max(most * most, 4)))],
    splits: (_plot, _axis, _least, most) => rootTicks(most * most),
  },
};

export function heightsOf(scale) {
  return HEIGHTS[scale] ?? HEIGHTS.log;
}

// So that the axis does not tremble.
function top(counts) {
  return roundUp(counts, TOPS);
}

// Heights of round numbers of counts, about equally far from each other.
function rootTicks(most) {
  const ticks = new Set([0, most]);
  for (let step = 1; step < N_TICKS; step++) ticks.add(roundUp(most * (step / N_TICKS) ** 2, STEPS));
  const shown = [...ticks].filter((counts) => counts <= most);
  return shown.sort((one, other) => one - other).map(Math.sqrt);
}
