// The dialog that sets which energy a bin has: for all channels or one, for this page.

import { calibrationError } from "./energy.js";

const TERMS = ["offset", "gain", "quadratic"];
const START = { offset: 0, gain: 0.01, quadratic: 0 };

export class CalibrationDialog {
  // `apply(channel, calibration)`: channel null for all, calibration null for none.
  constructor(apply) {
    this.apply = apply;
    this.dialog = element("calibration");
    this.channel = element("calibration-channel");
    this.problem = element("calibration-error");
    this.calibrations = null;
    this.channel.addEventListener("change", () => this.fill());
    element("calibration-apply").addEventListener("click", () => this.accept());
    element("calibration-forget").addEventListener("click", () => this.forget());
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
  }

  open(calibrations, nBins) {
    this.calibrations = calibrations;
    this.nBins = nBins;
    const choices = ["all", ...(calibrations ?? []).keys()];
    this.channel.replaceChildren(...choices.map((channel) => new Option(channel, channel)));
    this.fill();
    this.dialog.showModal();
  }

  fill() {
    const known = this.calibrations?.[this.channel.value === "all" ? 0 : Number(this.channel.value)] ?? START;
    for (const term of TERMS) this.field(term).value = known[term];
    this.problem.textContent = "";
  }

  field(term) {
    return element(`calibration-${term}`);
  }

  onKey(event) {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault(); // would press the first button of the form
    this.accept();
  }

  accept() {
    const wanted = Object.fromEntries(TERMS.map((term) => [term, numberOf(this.field(term).value)]));
    this.problem.textContent = calibrationError(wanted, this.nBins);
    if (this.problem.textContent) return;
    this.finish(wanted);
  }

  forget() {
    this.finish(null);
  }

  finish(calibration) {
    this.apply(this.channel.value === "all" ? null : Number(this.channel.value), calibration);
    this.dialog.close();
  }
}

// A comma as decimal sign is understood; what is no number, nothing included, is NaN.
function numberOf(text) {
  return text.trim() === "" ? NaN : Number(text.replace(",", "."));
}

function element(id) {
  return document.getElementById(id);
}
