// The keyboard, as a table that the page's own help shows.

const FIELDS = "input, select, textarea, dialog";

// [keys, how people see them, what they do, action, value]; an action without a value gets the key.
const TABLE = [
  [["l"], "l", "logarithmic or linear counts", "scale"],
  [["e"], "e", "energy or bins", "axis"],
  [[" "], "space", "hold the picture; again: go on", "freeze"],
  [["a"], "a", "sum of the session, or newest frame", "accumulate"],
  [["z"], "z", "the sum counts from now on", "resetSum"],
  [["s"], "s", "sum over channels, or each one", "sum"],
  [[..."0123456789"], "0 \u2026 9", "show that channel, or not", "channel"],
  [["k"], "k", "keep the spectra to compare with; again: forget them", "keep"],
  [["r"], "r", "show everything", "showAll"],
  [["+", "="], "+", "zoom in", "zoom", 1 / 1.5],
  [["-"], "-", "zoom out", "zoom", 1.5],
  [["["], "[", "move left", "pan", -0.2],
  [["]"], "]", "move right", "pan", 0.2],
  [["ArrowLeft"], "\u2190", "cursor left by a bin; with shift by 10", "cursor", -1],
  [["ArrowRight"], "\u2192", "cursor right by a bin; with shift by 10", "cursor", 1],
  [["p"], "p", "cursor to the highest peak that is shown", "peak"],
  [["n"], "n", "windows of the next channel", "nextChannel"],
  [["w"], "w", "which window shift and drag sets", "window"],
  [["/"], "/", "lines of an element", "search"],
  [["d"], "d", "dark or light", "theme"],
  [["?"], "?", "these keys", "help"],
];

export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (event.target.closest?.(FIELDS)) return;
    if (event.key === " " && event.target.closest?.("button")) return; // presses the button
    const found = TABLE.find(([keys]) => keys.includes(event.key));
    if (found === undefined) return;
    event.preventDefault();
    const [, , , action, value = event.key] = found;
    actions[action](value, event);
  });
}

export function describeKeys(list) {
  for (const [, shown, text] of TABLE) {
    const [key, meaning] = [document.createElement("dt"), document.createElement("dd")];
    key.textContent = shown;
    meaning.textContent = text;
    list.append(key, meaning);
  }
}
