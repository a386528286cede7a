// Puts the parts of the page together: what comes from the server goes to them, what people do goes back.

import { CalibrationDialog } from "./calibration.js";
import { ChannelTable } from "./channels.js";
import { ChannelChoice } from "./choice.js";
import { ColourScale } from "./colour_scale.js";
import { applyTheme } from "./colours.js";
import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import { binOf } from "./energy.js";
import { addGestures } from "./gestures.js";
import { KeptCalibrations } from "./kept_calibrations.js";
import { MapView } from "./map.js";
import { drawMarks } from "./marks.js";
import { Notice } from "./notice.js";
import { Rates } from "./rates.js";
import { describeFrames, describeReadout } from "./readout.js";
import { ElementSearch } from "./search.js";
import { Settings } from "./settings.js";
import { Spectra } from "./spectra.js";
import { SpectrumChart } from "./spectrum.js";
import { StatusBar } from "./status.js";
import { Waterfall } from "./waterfall.js";
import { WindowControl } from "./window_control.js";

const PROTOCOL = 1; // that this page speaks
const TABLE_INTERVAL = 250; // ms: nobody reads numbers that change faster
const TABLE_ROWS = 64; // so many in that time; longer tables take turns that are longer

const element = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.settings = new Settings();
    this.hello = null;
    this.status = null;
    this.spectra = new Spectra();
    this.tableAt = 0;
    this.isServerThere = true;
    this.applyTheme();
    this.makeParts();
    this.controls = new Controls(this);
    this.followSettings();
    this.connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, {
      text: (message) => this.heard(message),
      update: (update) => this.updated(update),
      drawn: (update) => this.drawn(update),
      state: (isOpen) => this.connected(isOpen),
      problem: (sentence) => this.tell(sentence),
    });
  }

  makeParts() {
    const send = (message) => this.connection.send(message);
    const tell = (text) => this.tell(text);
    this.notice = new Notice(element("notice"));
    this.choice = new ChannelChoice(this.settings, tell);
    this.bar = new StatusBar(element("verdict"), element("facts"));
    this.chart = new SpectrumChart(element("spectrum-plot"), this.settings, {
      drawn: () => this.overlay(),
      cursor: (bin) => this.readOut(bin),
      selected: (low, high) => this.windows.write(this.settings.get("window"), low, high),
    });
    addGestures(element("spectrum-plot"), this.chart);
    this.windows = new WindowControl(this.chart, this.settings, send, tell);
    this.table = new ChannelTable(element("channel-rows"), {
      toggle: (channel) => this.choice.toggle(channel),
      activate: (channel) => this.settings.set({ active: channel }),
    });
    this.search = new ElementSearch(element("element-search"), element("element"), element("elements"), this.settings, tell);
    this.kept = new KeptCalibrations(this.settings, send);
    this.calibration = new CalibrationDialog((channel, values) => this.kept.set(channel, values));
    this.waterfall = new Waterfall(element("waterfall-image"), element("waterfall-title"), new ColourScale(element("waterfall-scale")), this.chart);
    this.rates = new Rates(this.settings);
    this.map = new MapView(element("map"), element("map-image"), element("map-readout"));
  }

  // What people do

  followSettings() {
    const { settings } = this;
    settings.onChange(["mode", "sum", "chosen", "mapWindow", "mapCorrected"], () => this.askForView());
    settings.onChange(["scale", "axis"], () => this.chart.rebuild());
    settings.onChange(["chosen", "active"], () => this.showChannels());
    settings.onChange(["rate"], () => this.rates.show(this.choice.channels));
    settings.onChange(["elements"], () => this.chart.refresh());
    settings.onChange(["theme"], () => this.applyTheme());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.applyTheme());
  }

  applyTheme() {
    applyTheme(this.settings.get("theme"));
    const isDark = document.documentElement.dataset.theme === "dark";
    element("theme").textContent = isDark ? "light" : "dark";
    if (!this.chart) return;
    this.chart.refresh();
    this.rates.redraw();
    this.showChannels();
    this.map.draw();
  }

  toggleAxis() {
    if (this.settings.get("axis") === "bins" && !this.hello?.calibration) this.tell("No energy calibration is known: press \u201ccalibrate\u201d");
    this.settings.toggle("axis", "energy", "bins");
  }

  freeze() {
    this.spectra.isFrozen = !this.spectra.isFrozen;
    this.showTable();
    this.controls.show();
  }

  keep() {
    this.spectra.toggleKept(this.hello?.calibration);
    this.controls.show();
    this.showSpectra();
  }

  get nChannels() {
    return this.hello?.n_channels ?? 0;
  }

  openCalibration() {
    if (!this.hello?.n_bins) return this.tell("There is no detector yet to calibrate");
    const known = this.hello.calibration ?? Array(this.nChannels).fill(null);
    return this.calibration.open(known, this.hello.n_bins);
  }

  save() {
    if (this.spectra.update === null) return this.tell("There is nothing to save yet");
    return this.spectra.save(this.hello.calibration, this.hello.stream_id, this.chart.nBins);
  }

  // What the server says

  connected(isOpen) {
    this.isServerThere = isOpen;
    this.bar.show(this.status, isOpen);
    document.body.classList.toggle("stale", !isOpen);
    if (!isOpen) return;
    this.isGreeted = false;
    this.rates.clear();
  }

  heard(message) {
    const handler = { hello: this.greeted, status: this.statusCame, error: this.refused, done: this.obeyed }[message.type];
    handler?.call(this, message);
  }

  greeted(hello) {
    if (hello.protocol !== PROTOCOL) return this.leave(hello.protocol);
    const isOther = hello.stream_id !== this.hello?.stream_id || hello.n_channels !== this.hello?.n_channels || hello.n_bins !== this.hello?.n_bins;
    this.hello = hello;
    this.choice.nChannels = this.nChannels;
    if (isOther) this.forgetSpectra();
    if (hello.stream_id) document.title = `${hello.stream_id} \u2013 live view`;
    this.table.resize(this.nChannels);
    this.map.describe(hello.map);
    this.windows.bands.settle();
    if (hello.n_channels && (!this.isGreeted || isOther)) this.begin();
    this.showChannels();
    this.showSpectra();
  }

  // A page that was open while its server was exchanged.
  leave(protocol) {
    this.connection.end();
    document.body.classList.add("stale");
    this.bar.say("bad", `The server is of another version (protocol ${protocol}, this page speaks ${PROTOCOL}): reload the page`);
  }

  // The first hello with a detector in it: say what this page wants of it.
  begin() {
    this.isGreeted = true;
    this.kept.sayAll(this.nChannels);
    if (this.settings.get("active") >= this.nChannels) this.settings.set({ active: 0 });
    this.askForView();
  }

  forgetSpectra() {
    this.spectra.forget();
    this.chart.forgetView();
    this.rates.clear();
    this.waterfall.clear();
  }

  statusCame(status) {
    this.status = status;
    this.bar.show(status, this.isServerThere);
  }

  refused({ text, about }) {
    this.tell(text);
    if (about === "window") this.windows.bands.settle();
    if (about === "calibration") this.kept.forget();
  }

  obeyed({ text }) {
    this.windows.bands.settle();
    this.tell(text, "done");
  }

  askForView() {
    if (!this.nChannels) return;
    const { settings } = this;
    const map = { window: settings.get("mapWindow"), corrected: settings.get("mapCorrected") };
    this.connection.send({
      type: "view",
      mode: settings.get("mode"),
      channels: this.choice.channels,
      sum: settings.get("sum"),
      waterfall: true,
      history: true,
      map: this.hello.map === null ? false : map,
    });
  }

  updated(update) {
    if (update.kind === "spectra") this.spectraCame(update);
    else if (update.kind === "history") this.historyCame(update);
    else if (update.kind === "waterfall") this.waterfall.add(update);
    else if (update.kind === "map") this.map.show(update);
  }

  spectraCame(update) {
    if (!this.spectra.take(update)) return;
    this.showSpectra();
    const interval = TABLE_INTERVAL * Math.ceil(this.nChannels / TABLE_ROWS);
    if (performance.now() - this.tableAt > interval) this.showTable();
  }

  historyCame(update) {
    this.rates.add(update, this.choice.channels);
    this.showTable();
  }

  // For people who look closely, and for tests: what is on the screen.
  drawn(update) {
    if (update.kind !== "spectra") return;
    const age = update.drawnAt - update.time;
    Object.assign(element("spectrum").dataset, { sequence: update.sequence, frame: update.frame, age });
  }

  // What is shown

  showSpectra() {
    const { update } = this.spectra;
    const traces = this.spectra.all(this.hello?.calibration);
    element("empty").hidden = traces.length > 0;
    element("caption").textContent = update === null ? "" : describeFrames(update);
    this.chart.show(traces, this.hello?.n_bins ?? 0);
    if (this.chart.cursorBin === null) this.readOut(null); // else the chart tells of its cursor
  }

  showTable() {
    this.tableAt = performance.now();
    this.table.show(this.spectra.update, this.rates.history, this.hello?.windows);
  }

  showChannels() {
    const { channels } = this.choice;
    this.table.mark(channels, this.settings.get("active"));
    this.windows.show(this.hello);
    this.rates.show(channels);
  }

  // Drawn with the chart, each time.
  overlay() {
    if (this.chart.plot === null) return;
    this.windows.bands.place();
    this.waterfall.draw();
    const { reference, calibration } = this.chart;
    const place = ({ energy }) => (calibration === null ? binOf(reference, energy) : energy);
    if (reference !== null) drawMarks(this.chart.plot, this.search.lines().map((line) => ({ ...line, x: place(line) })));
  }

  readOut(bin) {
    element("readout").replaceChildren(...describeReadout(bin, this.chart.traces, this.chart.reference, this.search.elements, this.settings.get("elements")));
  }

  tell(text, kind) {
    this.notice.tell(text, kind);
  }
}

globalThis.liveView = new Page();
