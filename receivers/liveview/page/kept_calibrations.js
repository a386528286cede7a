// Calibrations that were set on this page: kept by the browser, and said again after each connection,
// for the server forgets them with the page.

const NONE = { offset: null, gain: null, quadratic: null };

export class KeptCalibrations {
  // `send(message)` says it to the server.
  constructor(settings, send) {
    Object.assign(this, { settings, send });
  }

  // Channel null for all; values null for none.
  set(channel, values) {
    const before = channel === null ? {} : this.settings.get("calibrations");
    this.settings.set({ calibrations: values === null && channel === null ? {} : { ...before, [channel ?? "all"]: values } });
    this.say(channel, values);
  }

  // That for all first: it would undo those of single channels.
  sayAll(nChannels) {
    const { all, ...single } = this.settings.get("calibrations");
    if (all !== undefined) this.say(null, all);
    for (const [channel, values] of Object.entries(single)) {
      if (Number(channel) < nChannels) this.say(Number(channel), values);
    }
  }

  forget() {
    this.settings.set({ calibrations: {} });
  }

  say(channel, values) {
    this.send({ type: "calibration", channel, ...(values ?? NONE) });
  }
}
