// What the person at this page has chosen; kept by the browser over a reload.

const KEY = "xspress3-live-view";
const DEFAULTS = {
  scale: "log",
  axis: "energy",
  mode: "latest",
  sum: false,
  chosen: [], // channels; empty means that nothing was chosen yet
  active: 0, // the channel whose windows are shown
  window: 0, // the one that shift and drag sets
  elements: [],
  calibrations: {}, // by channel, or "all"
  theme: "auto",
  rate: "input_rate", // the array of the history that the chart of rates shows
  mapWindow: 0,
  mapCorrected: false,
};

export class Settings extends EventTarget {
  constructor() {
    super();
    this.values = { ...DEFAULTS, ...stored() };
  }

  get(name) {
    return this.values[name];
  }

  // Take the values that differ, keep them, and tell listeners of "change" their names.
  set(values) {
    const changed = Object.keys(values).filter((name) => values[name] !== this.values[name]);
    if (changed.length === 0) return;
    Object.assign(this.values, values);
    try {
      localStorage.setItem(KEY, JSON.stringify(this.values));
    } catch {
      // A browser that keeps nothing only forgets them at a reload.
    }
    this.dispatchEvent(new CustomEvent("change", { detail: new Set(changed) }));
  }

  toggle(name, one, other) {
    this.set({ [name]: this.get(name) === one ? other : one });
  }

  onChange(names, listener) {
    this.addEventListener("change", (event) => {
      if (names.some((name) => event.detail.has(name))) listener();
    });
  }
}

// What an earlier version of the page stored may be anything: taken where it is of the right kind.
function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY)) ?? {};
    return Object.fromEntries(Object.entries(found).filter(([name, value]) => isLike(value, DEFAULTS[name])));
  } catch {
    return {};
  }
}

function isLike(value, example) {
  return typeof value === typeof example && value !== null && Array.isArray(value) === Array.isArray(example);
}
