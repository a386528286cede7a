// Spectra as they are drawn: columns of numbers on one axis.

import { axisOf, binsAt, isSame } from "./energy.js";
import { row } from "./decode.js";

// On a logarithmic axis nothing is drawn here, between 0 and 1.
const NOTHING = 0.5;

// The spectra of an update: {key, label, channel (null for the sum), values, calibration}.
export function tracesOf(update, calibrations) {
  const spectra = update.arrays.spectra;
  const calibrationOf = (channel) => calibrations?.[channel] ?? null;
  if (update.sum) {
    const calibration = calibrationOf(update.channels[0]);
    return [{ key: "sum", label: "sum", channel: null, values: row(spectra, 0), calibration }];
  }
  return update.channels.map((channel, index) => ({
    key: `channel ${channel}`,
    label: `${channel}`,
    channel,
    values: row(spectra, index),
    calibration: calibrationOf(channel),
  }));
}

// Copies that stay as they are when new spectra come.
export function keptCopies(traces, takenAt) {
  return traces.map((trace) => ({ ...trace, key: `kept ${trace.key}`, label: `${trace.label} kept ${takenAt}`, values: trace.values.slice(), isKept: true }));
}

// Counts of `trace` at the bins of an axis that was calibrated by `reference`; null where it has none.
export function columnOf(trace, reference, isLog, reuse) {
  const { values, calibration } = trace;
  const isAligned = reference === null || calibration === null || isSame(reference, calibration);
  return isAligned ? aligned(values, isLog, reuse) : shifted(values, binsAt(reference, calibration, values.length), isLog);
}

function aligned(values, isLog, reuse) {
  const column = reuse?.length === values.length ? reuse : new Float64Array(values.length);
  if (isLog) for (let bin = 0; bin < values.length; bin++) column[bin] = values[bin] > NOTHING ? values[bin] : NOTHING;
  else column.set(values);
  return column;
}

function shifted(values, bins, isLog) {
  return Array.from(bins, (bin) => (bin < 0 ? null : isLog ? Math.max(values[bin], NOTHING) : values[bin]));
}

// The highest place among the bins low..high, of counts smoothed over three bins.
export function highestBin(values, low, high) {
  let best = Math.max(low, 0);
  let most = -1;
  for (let bin = best; bin <= Math.min(high, values.length - 1); bin++) {
    const smooth = (values[bin - 1] ?? 0) + 2 * values[bin] + (values[bin + 1] ?? 0);
    if (smooth > most) [best, most] = [bin, smooth];
  }
  return best;
}

// A comma separated table of all traces, one line for each bin.
export function asTable(traces, calibration, nBins) {
  const energies = axisOf(calibration, nBins);
  const head = ["bin", ...(calibration === null ? [] : ["energy_keV"]), ...traces.map(({ label, isKept }) => (isKept || label === "sum" ? label : `channel ${label}`))];
  const lines = [head.join(",")];
  for (let bin = 0; bin < nBins; bin++) {
    const energy = calibration === null ? [] : [energies[bin].toPrecision(8)];
    lines.push([bin, ...energy, ...traces.map(({ values }) => values[bin])].join(","));
  }
  return lines.join("\n") + "\n";
}
