// Count rates and dead time of the last minutes: the numbers, and the two charts of them.

import { History, StripChart } from "./strips.js";

const element = (id) => document.getElementById(id);

export class Rates {
  constructor(settings) {
    this.settings = settings;
    this.history = new History();
    this.rateChart = new StripChart(element("rates-plot"));
    this.deadTimeChart = new StripChart(element("dead-time-plot"), 100);
  }

  add(update, channels) {
    this.history.add(update);
    this.rateChart.show(this.history, this.settings.get("rate"), channels);
    this.deadTimeChart.show(this.history, "dead_time", channels);
  }

  // Another rate, or other channels, of what is there.
  show(channels) {
    if (this.rateChart.plot) this.rateChart.show(this.history, this.settings.get("rate"), channels);
    if (this.deadTimeChart.plot) this.deadTimeChart.show(this.history, "dead_time", channels);
  }

  redraw() {
    this.rateChart.plot?.redraw();
    this.deadTimeChart.plot?.redraw();
  }

  clear() {
    this.history.clear();
  }
}
