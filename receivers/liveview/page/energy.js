// Energies of bins. A calibration is {offset, gain, quadratic} in keV, for the middle of a bin; null where none is known.

export const IDENTITY = { offset: 0, gain: 1, quadratic: 0 };

export function energyOf(calibration, bin) {
  return calibration.offset + bin * (calibration.gain + calibration.quadratic * bin);
}

// The place of an energy on the axis of bins, not rounded; NaN where the calibration never reaches it.
export function binOf(calibration, energy) {
  const { offset, gain, quadratic } = calibration;
  if (quadratic === 0) return (energy - offset) / gain;
  // The root that tends to the linear one; written so that a small `quadratic` costs no digits.
  const root = Math.sqrt(gain * gain + 4 * quadratic * (energy - offset));
  return (2 * (energy - offset)) / (gain + root);
}

// Energies of all bins; of bins themselves without a calibration.
export function axisOf(calibration, nBins) {
  const axis = new Float64Array(nBins);
  for (let bin = 0; bin < nBins; bin++) axis[bin] = energyOf(calibration ?? IDENTITY, bin);
  return axis;
}

export function isSame(one, other) {
  if (one === null || other === null) return one === other;
  return ["offset", "gain", "quadratic"].every((key) => one[key] === other[key]);
}

// For each bin of `reference`, the bin of `calibration` that holds its energy; -1 where there is none.
export function binsAt(reference, calibration, nBins) {
  const bins = new Int32Array(nBins);
  for (let bin = 0; bin < nBins; bin++) {
    const there = Math.round(binOf(calibration, energyOf(reference, bin)));
    bins[bin] = there >= 0 && there < nBins ? there : -1;
  }
  return bins;
}

// Why a calibration cannot be used, in a sentence; empty when it can.
export function calibrationError({ offset, gain, quadratic }, nBins) {
  for (const [name, value] of Object.entries({ offset, gain, quadratic })) {
    if (!Number.isFinite(value)) return `${name} is not a number`;
  }
  // The slope between neighbours is smallest at one of the ends.
  for (const bin of [0, nBins - 2]) {
    if (gain + quadratic * (2 * bin + 1) > 0) continue;
    return `Energies do not rise from bin ${bin} to ${bin + 1}: a larger gain, or a smaller quadratic term, is needed`;
  }
  return "";
}
