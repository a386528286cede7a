// Count rates and dead time of the last minutes: the numbers, and the two charts of them.

import { History, StripChart } from "./strips.js";

const element = (id) => document.getElementById(id);

export class Rates {
  constructor() {
    this.history = new History();
    this.charts = [
      new StripChart(element("rates-plot"), "input_rate"),
      new StripChart(element("dead-time-plot"), "dead_time", 100),
    ];
  }

  add(update, channels) {
    this.history.add(update);
    this.charts.forEach((chart) => chart.show(this.history, channels));
  }

  // Other channels, of what is there.
  show(channels) {
    this.charts.forEach((chart) => chart.plot && chart.show(this.history, channels));
  }

  redraw() {
    this.charts.forEach((chart) => chart.plot?.redraw());
  }

  clear() {
    this.history.clear();
  }
}
