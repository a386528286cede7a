// The table of channels: which are shown, their rates, and the counts in their windows.

import { channelColour } from "./colours.js";
import { count, percent, short, UNKNOWN } from "./format.js";
import { row } from "./decode.js";

const COLUMNS = ["in", "out", "dead", "window0", "window1"];
// Dead time from which a number is marked: corrections grow uncertain.
const MUCH_DEAD_TIME = 0.3;
const TOO_MUCH_DEAD_TIME = 0.5;

export class ChannelTable {
  // `on`: toggle(channel), activate(channel).
  constructor(body, on) {
    this.body = body;
    this.on = on;
    this.rows = [];
  }

  resize(nChannels) {
    if (nChannels === this.rows.length) return;
    this.rows = Array.from({ length: nChannels }, (_row, channel) => this.makeRow(channel));
    this.body.replaceChildren(...this.rows.map(({ element }) => element));
  }

  makeRow(channel) {
    const element = document.createElement("tr");
    element.dataset.channel = channel;
    const name = document.createElement("th");
    name.scope = "row";
    const show = button(`${channel}`, `show channel ${channel} or not`, () => this.on.toggle(channel));
    show.className = "swatch";
    const choose = button("windows", `windows of channel ${channel}`, () => this.on.activate(channel));
    choose.className = "choose";
    name.append(show, choose);
    const cells = Object.fromEntries(COLUMNS.map((column) => [column, document.createElement("td")]));
    for (const [column, cell] of Object.entries(cells)) cell.dataset.column = column;
    element.append(name, ...Object.values(cells));
    return { element, show, choose, cells };
  }

  mark(chosen, active) {
    this.rows.forEach(({ element, show, choose }, channel) => {
      show.setAttribute("aria-pressed", chosen.includes(channel));
      show.style.setProperty("--swatch", channelColour(channel));
      choose.setAttribute("aria-pressed", channel === active);
      element.classList.toggle("active", channel === active);
    });
  }

  // Numbers of the channels of an update of spectra; of others only what the history tells.
  show(update, history) {
    this.rows.forEach(({ cells }, channel) => {
      const index = update?.channels.indexOf(channel) ?? -1;
      const values = index < 0 ? fromHistory(history, channel) : fromUpdate(update, index);
      this.fill(cells, values);
    });
  }

  fill(cells, { input, output, dead, windows }) {
    cells.in.textContent = short(input);
    cells.out.textContent = short(output);
    cells.dead.textContent = percent(dead);
    cells.dead.dataset.level = dead >= TOO_MUCH_DEAD_TIME ? "bad" : dead >= MUCH_DEAD_TIME ? "warn" : "good";
    windows.forEach((window, number) => fillWindow(cells[`window${number}`], window));
  }
}

function fillWindow(cell, { counts, corrected, limits }) {
  cell.replaceChildren(count(counts), document.createElement("br"), small(isFinite(corrected ?? NaN) ? count(corrected) : UNKNOWN));
  cell.title = limits === null ? "the limits are not known" : `counted in bins ${limits[0]} to ${limits[1]}`;
}

function fromUpdate({ arrays }, index) {
  const [input, output, dead] = [0, 1, 2].map((line) => row(arrays.rates, line)[index]);
  const limits = row(arrays.limits, index);
  const windows = [0, 1].map((window) => ({
    counts: row(arrays.windows, window)[index],
    corrected: row(arrays.windows, window + 2)[index],
    limits: limits[2 * window] < 0 ? null : [limits[2 * window], limits[2 * window + 1]],
  }));
  return { input, output, dead, windows };
}

function fromHistory(history, channel) {
  const nothing = { counts: null, corrected: null, limits: null };
  return {
    input: history.last("input_rate", channel),
    output: history.last("output_rate", channel),
    dead: history.last("dead_time", channel),
    windows: [nothing, nothing],
  };
}

function button(text, label, onClick) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.title = label;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", onClick);
  return made;
}

function small(text) {
  const made = document.createElement("small");
  made.textContent = text;
  return made;
}
