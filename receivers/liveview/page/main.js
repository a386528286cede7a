// Puts the parts of the page together: what comes from the server goes to them, what people do goes back.

import { WindowBands } from "./bands.js";
import { CalibrationDialog } from "./calibration.js";
import { ChannelTable } from "./channels.js";
import { applyTheme } from "./colours.js";
import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import { binOf } from "./energy.js";
import { addGestures } from "./gestures.js";
import { drawLines } from "./lines.js";
import { MapView } from "./map.js";
import { describeFrames, describeReadout } from "./readout.js";
import { ElementSearch } from "./search.js";
import { Settings } from "./settings.js";
import { SpectrumChart } from "./spectrum.js";
import { StatusBar } from "./status.js";
import { History, StripChart } from "./strips.js";
import { asTable, keptCopies, tracesOf } from "./traces.js";
import { Waterfall } from "./waterfall.js";
import { WindowForm } from "./windows.js";

const FIRST_CHANNELS = 8; // shown where nobody has chosen
const TABLE_INTERVAL = 250; // ms: nobody reads numbers that change faster
const TABLE_ROWS = 64; // so many in that time; longer tables take turns that are longer
const NOTICE_TIME = 12; // s that a sentence stays
const NO_CALIBRATION = { offset: null, gain: null, quadratic: null };
const NO_CONTROL = "This page may not write windows: the view was started without --control";

const element = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.settings = new Settings();
    this.hello = null;
    this.status = null;
    this.update = null; // the spectra that are shown
    this.kept = [];
    this.isFrozen = false;
    this.tableAt = 0;
    this.isServerThere = true;
    this.history = new History();
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
    const write = (window, low, high) => this.writeWindow(window, low, high);
    this.bar = new StatusBar(element("verdict"), element("facts"));
    this.chart = new SpectrumChart(element("spectrum-plot"), this.settings, {
      drawn: () => this.overlay(),
      cursor: (bin) => this.readOut(bin),
      selected: (low, high) => write(this.settings.get("window"), low, high),
    });
    addGestures(element("spectrum-plot"), this.chart);
    this.bands = new WindowBands(this.chart, write);
    this.windowForm = new WindowForm(element("window-form"), element("window-channel"), element("window-note"), write);
    this.table = new ChannelTable(element("channel-rows"), {
      toggle: (channel) => this.toggleChannel(channel),
      activate: (channel) => this.settings.set({ active: channel }),
    });
    this.search = new ElementSearch(element("element-search"), element("element"), element("elements"), this.settings, (text) => this.tell(text));
    this.calibration = new CalibrationDialog((channel, values) => this.calibrate(channel, values));
    this.waterfall = new Waterfall(element("waterfall-image"), element("waterfall-title"), this.chart);
    this.strips = [
      new StripChart(element("rates-plot"), "input_rate"),
      new StripChart(element("dead-time-plot"), "dead_time", 100),
    ];
    this.map = new MapView(element("map"), element("map-image"), element("map-readout"));
  }

  // What people do

  followSettings() {
    const { settings } = this;
    settings.onChange(["mode", "sum", "chosen", "mapWindow", "mapCorrected"], () => this.askForView());
    settings.onChange(["scale", "axis"], () => this.chart.rebuild());
    settings.onChange(["chosen", "active"], () => this.showChannels());
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
    this.strips.forEach((strip) => strip.plot?.redraw());
    this.showChannels();
    this.map.draw();
  }

  toggleAxis() {
    if (this.settings.get("axis") === "bins" && !this.hello?.calibration) this.tell("No energy calibration is known: press \u201ccalibrate\u201d");
    this.settings.toggle("axis", "energy", "bins");
  }

  freeze() {
    this.isFrozen = !this.isFrozen;
    this.showTable();
    this.controls.show();
  }

  keep() {
    const takenAt = new Date().toLocaleTimeString([], { hour12: false });
    this.kept = this.kept.length ? [] : keptCopies(this.live(), takenAt);
    this.controls.show();
    this.showSpectra();
  }

  get nChannels() {
    return this.hello?.n_channels ?? 0;
  }

  // Channels that are shown: those chosen, as far as the detector has them, or the first ones.
  get chosen() {
    const wanted = this.settings.get("chosen").filter((channel) => channel < this.nChannels);
    return wanted.length ? wanted : [...Array(Math.min(this.nChannels, FIRST_CHANNELS)).keys()];
  }

  toggleChannel(channel) {
    const { chosen } = this;
    const others = chosen.filter((other) => other !== channel);
    if (others.length === 0) return this.tell(`Channel ${channel} is the only one shown: show another one first`);
    return this.settings.set({ chosen: others.length < chosen.length ? others : [...chosen, channel].sort((one, other) => one - other) });
  }

  toggleAll() {
    const isAll = this.chosen.length === this.nChannels;
    this.settings.set({ chosen: isAll ? [this.settings.get("active")] : [...Array(this.nChannels).keys()] });
  }

  openCalibration() {
    if (!this.hello?.n_bins) return this.tell("There is no detector yet to calibrate");
    const known = this.hello.calibration ?? Array(this.nChannels).fill(null);
    return this.calibration.open(known, this.hello.n_bins);
  }

  // Kept by the browser and said again after each connection: the server forgets it with the page.
  calibrate(channel, values) {
    const before = channel === null ? {} : this.settings.get("calibrations");
    this.settings.set({ calibrations: values === null && channel === null ? {} : { ...before, [channel ?? "all"]: values } });
    this.sendCalibration(channel, values);
  }

  sendCalibration(channel, values) {
    this.connection.send({ type: "calibration", channel, ...(values ?? NO_CALIBRATION) });
  }

  writeWindow(window, low, high) {
    const message = { type: "window", channel: this.settings.get("active"), window, low, high };
    if (this.hello?.control == null) this.tell(NO_CONTROL);
    else if (this.connection.send(message)) return;
    else this.tell("The window was not written: no connection to the live view's server");
    this.bands.settle();
  }

  save() {
    if (this.update === null) return this.tell("There is nothing to save yet");
    const traces = [...this.live(), ...this.kept];
    const blob = new Blob([asTable(traces, traces[0].calibration, this.chart.nBins)], { type: "text/csv" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${this.hello.stream_id}_${this.update.session_id}_${this.update.frame}.csv`.replace(/[^\w.-]/g, "_");
    link.click();
    return setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // What the server says

  connected(isOpen) {
    this.isServerThere = isOpen;
    this.bar.show(this.status, isOpen);
    document.body.classList.toggle("stale", !isOpen);
    if (!isOpen) return;
    this.isGreeted = false;
    this.history.clear();
  }

  heard(message) {
    const handler = { hello: this.greeted, status: this.statusCame, error: this.refused, done: this.obeyed }[message.type];
    handler?.call(this, message);
  }

  greeted(hello) {
    const isOther = hello.stream_id !== this.hello?.stream_id || hello.n_channels !== this.hello?.n_channels || hello.n_bins !== this.hello?.n_bins;
    this.hello = hello;
    if (isOther) this.forgetSpectra();
    if (hello.stream_id) document.title = `${hello.stream_id} \u2013 live view`;
    this.table.resize(this.nChannels);
    this.map.describe(hello.map);
    this.bands.settle();
    if (hello.n_channels && (!this.isGreeted || isOther)) this.begin();
    this.showChannels();
    this.showSpectra();
  }

  // The first hello with a detector in it: say what this page wants of it.
  begin() {
    this.isGreeted = true;
    this.sendCalibrations();
    if (this.settings.get("active") >= this.nChannels) this.settings.set({ active: 0 });
    this.askForView();
  }

  // That for all first: it would undo those of single channels.
  sendCalibrations() {
    const { all, ...single } = this.settings.get("calibrations");
    if (all !== undefined) this.sendCalibration(null, all);
    for (const [channel, values] of Object.entries(single)) {
      if (Number(channel) < this.nChannels) this.sendCalibration(Number(channel), values);
    }
  }

  forgetSpectra() {
    this.update = null;
    this.kept = [];
    this.chart.view = null;
    this.history.clear();
    this.waterfall.clear();
  }

  statusCame(status) {
    this.status = status;
    this.bar.show(status, this.isServerThere);
  }

  refused({ text, about }) {
    this.tell(text);
    if (about === "window") this.bands.settle();
    if (about === "calibration") this.settings.set({ calibrations: {} });
  }

  obeyed({ text }) {
    this.bands.settle();
    this.tell(text, "done");
  }

  askForView() {
    if (!this.nChannels) return;
    const { settings } = this;
    const map = { window: settings.get("mapWindow"), corrected: settings.get("mapCorrected") };
    this.connection.send({
      type: "view",
      mode: settings.get("mode"),
      channels: this.chosen,
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
    if (this.isFrozen) return;
    this.update = update;
    this.showSpectra();
    const interval = TABLE_INTERVAL * Math.ceil(this.nChannels / TABLE_ROWS);
    if (performance.now() - this.tableAt > interval) this.showTable();
  }

  historyCame(update) {
    this.history.add(update);
    this.strips.forEach((strip) => strip.show(this.history, this.chosen));
    this.showTable();
  }

  // For people who look closely, and for tests: what is on the screen.
  drawn(update) {
    if (update.kind !== "spectra") return;
    const age = update.drawnAt - update.time;
    Object.assign(element("spectrum").dataset, { sequence: update.sequence, frame: update.frame, age });
  }

  // What is shown

  live() {
    return this.update === null ? [] : tracesOf(this.update, this.hello.calibration);
  }

  showSpectra() {
    const traces = [...this.live(), ...this.kept];
    element("empty").hidden = traces.length > 0;
    element("caption").textContent = this.update === null ? "" : describeFrames(this.update);
    this.chart.show(traces, this.hello?.n_bins ?? 0);
  }

  showTable() {
    this.tableAt = performance.now();
    this.table.show(this.update, this.history, this.hello?.windows);
  }

  showChannels() {
    const active = this.settings.get("active");
    this.table.mark(this.chosen, active);
    const windows = this.hello?.windows?.[active] ?? null;
    const control = this.hello?.control ?? null;
    this.bands.show(windows, control !== null);
    this.windowForm.show(active, windows, control);
    this.strips.forEach((strip) => strip.plot && strip.show(this.history, this.chosen));
  }

  // Drawn with the chart, each time.
  overlay() {
    if (this.chart.plot === null) return;
    this.bands.place();
    this.waterfall.draw();
    const place = ({ energy }) => (this.chart.calibration === null ? binOf(this.chart.reference, energy) : energy);
    if (this.chart.reference !== null) drawLines(this.chart.plot, this.search.lines().map((line) => ({ ...line, x: place(line) })));
  }

  readOut(bin) {
    element("readout").replaceChildren(...describeReadout(bin, this.chart.traces, this.chart.reference, this.search.elements, this.settings.get("elements")));
  }

  // A sentence for people; empty takes it away.
  tell(text, kind = "problem") {
    const notice = element("notice");
    Object.assign(notice, { textContent: text, hidden: text === "" });
    notice.dataset.kind = kind;
    clearTimeout(this.noticeEnds);
    this.noticeEnds = setTimeout(() => (notice.hidden = true), NOTICE_TIME * 1000);
  }
}

globalThis.liveView = new Page();
