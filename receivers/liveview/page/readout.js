// What is at the cursor: bin, energy, counts, and whose line the peak near it could be.

import { energyOf } from "./energy.js";
import { count, short } from "./format.js";
import { candidates, tolerance } from "./lines.js";
import { highestBin } from "./traces.js";
import { channelColour } from "./colours.js";

const MAX_TRACES = 10;

// Of which frames the spectra are: a sum that leaves frames out says so.
export function describeFrames({ frame, frames, frames_passed: passed, counting_time: time }) {
  const what = frames === 1 ? `counts of frame ${count(frame)}` : `counts of ${count(frames)} frames up to frame ${count(frame)}`;
  const seconds = Number.isFinite(time) ? `, ${short(time)} s counted` : "";
  return what + seconds + (passed > 0 ? `; ${count(passed)} between them are not in` : "");
}

const HINT = "Point at the chart for its counts, or press p for the highest peak";

// Elements of the page that say it; without a cursor, how to get one.
export function describeReadout(bin, traces, reference, elements, favoured) {
  if (traces.length === 0) return [];
  if (bin === null) return [span("hint", HINT)];
  const energy = reference === null ? "" : ` \u00b7 ${energyOf(reference, bin).toFixed(3)} keV`;
  const parts = [span("place", `bin ${bin}${energy}`)];
  for (const trace of traces.slice(0, MAX_TRACES)) {
    const part = span("counts", `${trace.label}: ${count(trace.values[bin])}`);
    if (trace.channel !== null) part.style.color = channelColour(trace.channel);
    parts.push(part);
  }
  if (traces.length > MAX_TRACES) parts.push(span("counts", `and ${traces.length - MAX_TRACES} more`));
  if (reference !== null && elements !== null) parts.push(...describePeak(bin, traces[0].values, reference, elements, favoured));
  return parts;
}

function describePeak(bin, values, reference, elements, favoured) {
  const slope = energyOf(reference, bin + 1) - energyOf(reference, bin);
  const reach = Math.max(Math.round(tolerance(energyOf(reference, bin)) / slope), 1);
  const peak = highestBin(values, bin - reach, bin + reach);
  if (!standsOut(values, peak, reach)) return [];
  const energy = energyOf(reference, centroid(values, peak, reach));
  const found = candidates(elements, energy, favoured);
  if (found.length === 0) return [];
  const names = found.map(({ label, energy: at }) => `${label} ${at.toFixed(3)}`).join(", ");
  return [span("peak", `peak at ${energy.toFixed(3)} keV: ${names}`)];
}

// Whether there is a peak at all: more than chance, by four standard deviations, above what lies beside it.
function standsOut(values, peak, reach) {
  const inside = total(values, peak - reach, peak + reach);
  const beside = (total(values, peak - 3 * reach, peak - 2 * reach) + total(values, peak + 2 * reach, peak + 3 * reach)) / (2 * (reach + 1));
  const ground = beside * (2 * reach + 1);
  return inside - ground > 4 * Math.sqrt(inside + ground);
}

function total(values, low, high) {
  return values.slice(Math.max(low, 0), high + 1).reduce((sum, counts) => sum + counts, 0);
}

// The mean place of the counts around `peak`, for single bins jump about when counts are few.
function centroid(values, peak, reach) {
  let [sum, moment] = [0, 0];
  for (let bin = Math.max(peak - reach, 0); bin <= Math.min(peak + reach, values.length - 1); bin++) {
    sum += values[bin];
    moment += values[bin] * bin;
  }
  return sum > 0 ? moment / sum : peak;
}

function span(kind, text) {
  const made = document.createElement("span");
  made.className = kind;
  made.textContent = text;
  return made;
}
