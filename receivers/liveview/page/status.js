// The bar at the top: one verdict that can be read from across the hutch, and the numbers behind it.

import { UNKNOWN, count, duration, isKnown, percent, short, timeOfDay } from "./format.js";

const CONNECTIONS = {
  waiting: ["bad", "No detector answers"],
  silent: ["bad", "The detector's stream is silent"],
  refused: ["bad", "The stream refuses this view"],
  foreign: ["bad", "What answers is no stream that this view can read"],
};
const RUNNING = ["armed", "streaming", "draining"];

// {level, text}: good, idle, warn (look at it) or bad (data are lost, or nothing is known).
export function verdict(status, isServerThere) {
  if (!isServerThere) return { level: "bad", text: "No connection to the live view's server: this picture is old" };
  if (status === null) return { level: "idle", text: "Connecting to the live view's server" };
  const [level, words] = CONNECTIONS[status.connection] ?? [];
  if (level) return { level, text: status.text ? `${words}: ${status.text}` : words };
  if (status.state === "fault") return { level: "bad", text: `Fault: ${status.text || "the streamer says no reason"}` };
  if (status.lost > 0) return { level: "bad", text: `${count(status.lost)} frames lost` };
  if (RUNNING.includes(status.state)) return whileRunning(status);
  if (status.state === null) return { level: "warn", text: status.text || "The state of the streamer is not known" };
  return { level: "idle", text: status.text || "Idle" };
}

function whileRunning({ state, writers, text }) {
  const what = state.charAt(0).toUpperCase() + state.slice(1);
  if (text) return { level: "warn", text: `${what}: ${text}` };
  if (writers === null) return { level: "warn", text: `${what}; whether it is written is not known` };
  if (writers.length === 0) return { level: "warn", text: `${what}, but nobody writes` };
  return { level: "good", text: `${what} and taken by ${writers.join(", ")}, nothing lost` };
}

// Rows of the bar: [name, value, what it means]. What should be known and is not is a dash; what
// nobody is there to tell has no row.
export function facts(status) {
  const s = status ?? {};
  const rows = allFacts(s);
  return s.follows_writer === false ? rows.filter(([name]) => !["written", "file"].includes(name)) : rows;
}

function allFacts(s) {
  const planned = isKnown(s.n_frames) ? ` of ${count(s.n_frames)}` : "";
  return [
    ["session", isKnown(s.session_id) ? `${s.session_id}` : UNKNOWN, isKnown(s.session_time) ? `began at ${timeOfDay(s.session_time)}` : "no session yet"],
    ["acquired", count(s.acquired) + (isKnown(s.acquired) ? planned : ""), "frames read from the detector"],
    ["streamed", count(s.streamed), "frames given to readers"],
    ["written", count(s.written), "frames that are in the file for good"],
    ["lost", count(s.lost), "frames that nobody will get"],
    ["ring", isKnown(s.in_ring) && s.ring_frames ? `${percent(s.in_ring / s.ring_frames)} %` : UNKNOWN, "how full the detector's ring is"],
    ["writer", isKnown(s.writers) ? s.writers.join(", ") || "nobody" : UNKNOWN, "readers that get every frame"],
    ["file", isKnown(s.file) ? s.file.split("/").at(-1) : UNKNOWN, s.file ?? "not known here"],
    ["rate", isKnown(s.frame_rate) ? `${short(s.frame_rate)}/s` : UNKNOWN, "frames a second"],
    ["time left", duration(s.time_left), "to the planned end"],
  ];
}

export class StatusBar {
  constructor(badge, list) {
    Object.assign(this, { badge, list, shown: "" });
  }

  show(status, isServerThere) {
    const { level, text } = verdict(status, isServerThere);
    this.say(level, text);
    const rows = facts(isServerThere ? status : null);
    const now = JSON.stringify(rows);
    if (now !== this.shown) this.list.replaceChildren(...rows.map(factElement));
    this.shown = now;
  }

  say(level, text) {
    if (this.badge.textContent !== text) this.badge.textContent = text; // a screen reader reads each change
    this.badge.dataset.level = level;
  }
}

function factElement([name, value, meaning]) {
  const group = document.createElement("div");
  group.title = `${name}: ${value} (${meaning})`;
  group.dataset.fact = name;
  const [term, text] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  text.textContent = value;
  group.append(term, text);
  return group;
}
