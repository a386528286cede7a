// The windows of the active channel, in the chart and as numbers, and how they are written to the detector.

import { WindowBands } from "./bands.js";
import { WindowForm } from "./windows.js";

const NO_CONTROL = "This page may not write windows: the view was started without --control";
const NO_CONNECTION = "The window was not written: no connection to the live view's server";

const element = (id) => document.getElementById(id);

export class WindowControl {
  // `send(message)` says it to the server, false when nobody hears it; `tell(sentence)` says it to people.
  constructor(chart, settings, send, tell) {
    Object.assign(this, { settings, send, tell, control: null });
    const write = (window, low, high, isForAll) => this.write(window, low, high, isForAll);
    this.bands = new WindowBands(chart, write);
    this.form = new WindowForm(element("window-form"), element("window-channel"), element("window-note"), write);
  }

  // What the detector has and who writes it, by channel, as a hello tells.
  show(hello) {
    const active = this.settings.get("active");
    const windows = hello?.windows?.[active] ?? null;
    this.control = hello?.control ?? null;
    this.bands.show(windows, this.control !== null);
    this.form.show(active, windows, this.control);
  }

  write(window, low, high, isForAll = false) {
    const channel = isForAll ? null : this.settings.get("active");
    const message = { type: "window", channel, window, low, high };
    if (this.control === null) this.tell(NO_CONTROL);
    else if (this.send(message)) return;
    else this.tell(NO_CONNECTION);
    this.bands.settle();
  }
}
