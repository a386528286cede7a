// The spectra that the page has: the newest ones, those that are held, and copies to compare with.

import { asTable, keptCopies, tracesOf } from "./traces.js";

export class Spectra {
  constructor() {
    this.isFrozen = false;
    this.forget();
  }

  forget() {
    this.update = null; // what is shown
    this.kept = [];
  }

  // Whether the newest ones are to be shown.
  take(update) {
    if (!this.isFrozen) this.update = update;
    return !this.isFrozen;
  }

  live(calibrations) {
    return this.update === null ? [] : tracesOf(this.update, calibrations);
  }

  all(calibrations) {
    return [...this.live(calibrations), ...this.kept];
  }

  // Keep copies; with some already there, forget them.
  toggleKept(calibrations) {
    const takenAt = new Date().toLocaleTimeString([], { hour12: false });
    this.kept = this.kept.length ? [] : keptCopies(this.live(calibrations), takenAt);
  }

  // Hand all of them to the browser as a file.
  save(calibrations, streamId, nBins) {
    const traces = this.all(calibrations);
    const blob = new Blob([asTable(traces, traces[0].calibration, nBins)], { type: "text/csv" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${streamId}_${this.update.session_id}_${this.update.frame}.csv`.replace(/[^\w.-]/g, "_");
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
}
