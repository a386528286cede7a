// How much of the axis there is something to see on.

import { binOf, energyOf } from "./energy.js";

const STRETCH = 32; // bins
// A stretch with fewer counts, or with a smaller part of those of the fullest one, is not worth its place.
const LEAST = 20;
const PART = 0.002;
const MARGIN = 1.1;
const ENDS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

// The last bin of the last stretch that is worth its place in one of `traces`; -1 where there is none.
export function reachOf(traces) {
  return Math.max(-1, ...traces.map(({ values }) => reachOfOne(values)));
}

function reachOfOne(values) {
  const totals = [];
  for (let bin = 0; bin < values.length; bin++) {
    const stretch = Math.floor(bin / STRETCH);
    totals[stretch] = (totals[stretch] ?? 0) + values[bin];
  }
  const least = Math.max(LEAST, PART * totals.reduce((most, counts) => Math.max(most, counts), 0));
  const last = totals.findLastIndex((counts) => counts >= least);
  return last < 0 ? -1 : Math.min((last + 1) * STRETCH, values.length) - 1;
}

// The smallest round number that is not below `value`.
export function roundUp(value, steps = ENDS) {
  const decade = 10 ** Math.floor(Math.log10(value));
  return decade * steps.find((step) => step * decade >= value * 0.999999);
}

// The last bin to show, at a round energy, or bin where no energy is known.
function endOf(reach, calibration, nBins) {
  const wanted = reach * MARGIN;
  const energy = calibration === null ? 0 : energyOf(calibration, wanted);
  const end = energy > 0 ? Math.ceil(binOf(calibration, roundUp(energy))) : roundUp(wanted);
  return end < nBins ? end : nBins - 1; // also where the calibration never reaches that energy
}

// The end of the axis over time: it grows when counts come beyond it, and shrinks only when most of it is empty.
export class Fit {
  constructor() {
    this.forget();
  }

  forget() {
    this.end = null; // nothing was counted yet
    this.key = "";
  }

  // The end for `traces`, which are drawn by `calibration`; null for all there is, before anything was counted.
  follow(traces, calibration, nBins) {
    const key = JSON.stringify([calibration, nBins]);
    if (key !== this.key) this.forget();
    this.key = key;
    const reach = reachOf(traces);
    if (reach < 0) return this.end;
    const wanted = endOf(reach, calibration, nBins);
    if (this.end === null || wanted > this.end || wanted < this.end / 2) this.end = wanted;
    return this.end;
  }
}
