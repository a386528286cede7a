// The table of channels: which are shown, their rates, and the counts in their windows.

import { channelColour } from "./colours.js";
import { count, fitting, percent, short } from "./format.js";
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
    const choose = button("win", `windows of channel ${channel}`, () => this.on.activate(channel));
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
  // `windows` are those that the detector has now, by channel.
  show(update, history, windows) {
    this.rows.forEach(({ cells }, channel) => {
      const index = update?.channels.indexOf(channel) ?? -1;
      const values = index < 0 ? fromHistory(history, channel) : fromUpdate(update, index, windows?.[channel]);
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

function fillWindow(cell, { counts, corrected, limits, isCountedHere }) {
  const mark = isCountedHere ? "*" : "";
  cell.replaceChildren(fitting(counts) + mark, document.createElement("br"), small(fitting(corrected)));
  const exactly = `${count(counts)} counts, ${count(corrected)} freed of dead time; `;
  cell.title = exactly + whereCounted(limits, isCountedHere);
}

function whereCounted(limits, isCountedHere) {
  const bins = limits === null ? "the limits are not known" : `counted in bins ${limits[0]} to ${limits[1]}`;
  return isCountedHere ? `${bins} of the spectrum; the detector itself counts there from the next session on` : bins;
}

function fromUpdate(update, index, wanted) {
  const [input, output, dead] = [0, 1, 2].map((line) => row(update.arrays.rates, line)[index]);
  const windows = [0, 1].map((window) => {
    const counted = countedByDetector(update.arrays, index, window);
    return isCounted(counted.limits, wanted?.[window]) ? counted : countedHere(update, index, wanted[window]);
  });
  return { input, output, dead, windows };
}

function countedByDetector({ windows, limits }, index, window) {
  const [low, high] = row(limits, index).subarray(2 * window, 2 * window + 2);
  return { counts: row(windows, window)[index], corrected: row(windows, window + 2)[index], limits: low < 0 ? null : [low, high] };
}

// Whether the counts are those of the window that is drawn, as far as that is known.
function isCounted(limits, wanted) {
  return !limits || !wanted || (limits[0] === wanted[0] && limits[1] === wanted[1]);
}

// Until the detector counts in a new window, what the spectrum has there; a sum over channels cannot tell.
function countedHere({ sum, arrays }, index, limits) {
  const counts = sum ? null : total(row(arrays.spectra, index), ...limits);
  const corrected = sum ? null : counts * row(arrays.rates, 3)[index];
  return { counts, corrected, limits, isCountedHere: true };
}

function total(spectrum, low, high) {
  let counts = 0;
  for (let bin = low; bin <= high; bin++) counts += spectrum[bin];
  return counts;
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
