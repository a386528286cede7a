// Buttons, lists and keys: what people press, and how it shows what holds.

import { SCALES } from "./heights.js";
import { describeKeys, listenToKeys } from "./keys.js";

const ZOOM = 1.5;
const STEP = 0.2; // part of what is shown

const element = (id) => document.getElementById(id);

export class Controls {
  constructor(page) {
    this.page = page;
    this.settings = page.settings;
    const actions = this.actions();
    this.bindButtons(actions);
    this.bindLists();
    listenToKeys(actions);
    describeKeys(element("help-keys"));
    this.settings.addEventListener("change", () => this.show());
    this.show();
  }

  // By the names that the table of keys uses.
  actions() {
    const { page, settings } = this;
    const { chart } = page;
    return {
      scale: () => settings.set({ scale: SCALES[(SCALES.indexOf(settings.get("scale")) + 1) % SCALES.length] }),
      axis: () => page.toggleAxis(),
      sum: () => settings.set({ sum: !settings.get("sum") }),
      freeze: () => page.freeze(),
      keep: () => page.keep(),
      accumulate: () => settings.toggle("mode", "session", "latest"),
      resetSum: () => page.connection.send({ type: "reset_sum" }),
      channel: (key) => Number(key) < page.nChannels && page.choice.toggle(Number(key)),
      showAll: () => chart.showAll(),
      showCounts: () => chart.showCounts(),
      zoom: (factor) => chart.zoom(factor),
      pan: (part) => chart.pan(part),
      cursor: (step, event) => chart.stepCursor(step * (event.shiftKey ? 10 : 1)),
      peak: () => chart.moveToPeak(),
      nextChannel: () => settings.set({ active: (settings.get("active") + 1) % Math.max(page.nChannels, 1) }),
      window: () => settings.toggle("window", 0, 1),
      search: () => element("element").focus(),
      theme: () => settings.set({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" }),
      help: () => element("help").showModal(),
    };
  }

  bindButtons(actions) {
    const press = (id, action) => element(id).addEventListener("click", () => action());
    for (const name of ["axis", "sum", "freeze", "keep", "theme"]) press(name, actions[name]);
    press("reset-sum", actions.resetSum);
    press("help-open", actions.help);
    press("zoom-in", () => actions.zoom(1 / ZOOM));
    press("zoom-out", () => actions.zoom(ZOOM));
    press("pan-left", () => actions.pan(-STEP));
    press("pan-right", () => actions.pan(STEP));
    press("zoom-reset", actions.showAll);
    press("zoom-fit", actions.showCounts);
    press("save", () => this.page.save());
    press("calibrate", () => this.page.openCalibration());
    press("all-channels", () => this.page.choice.toggleAll());
  }

  bindLists() {
    const choose = (id, values) => element(id).addEventListener("change", (event) => this.settings.set(values(event.target)));
    choose("mode", (list) => ({ mode: list.value }));
    choose("scale", (list) => ({ scale: list.value }));
    choose("rate", (list) => ({ rate: list.value }));
    choose("map-window", (list) => ({ mapWindow: Number(list.value) }));
    choose("map-corrected", (box) => ({ mapCorrected: box.checked }));
  }

  show() {
    const { page, settings } = this;
    const pressed = (id, isPressed) => element(id).setAttribute("aria-pressed", isPressed);
    pressed("axis", settings.get("axis") === "energy");
    pressed("sum", settings.get("sum"));
    pressed("freeze", page.spectra.isFrozen);
    pressed("keep", page.spectra.kept.length > 0);
    this.showChoice("mode", "latest");
    this.showChoice("scale", "log");
    this.showChoice("rate", "input_rate");
    element("reset-sum").hidden = settings.get("mode") !== "session";
    element("map-window").value = settings.get("mapWindow");
    element("map-corrected").checked = settings.get("mapCorrected");
    document.body.dataset.window = settings.get("window");
  }

  // What another version of the page kept may be no choice of this one.
  showChoice(name, usual) {
    element(name).value = this.settings.get(name);
    if (element(name).selectedIndex < 0) this.settings.set({ [name]: usual });
  }
}
