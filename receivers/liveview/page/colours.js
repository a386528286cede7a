// Colours that can be told apart without seeing red or green, on light and on dark ground.

// The first three are of Okabe and Ito; the others were sought so that any two of the eight stay apart in L*a*b* by more
// than 13 for normal sight and each kind of colour blindness. More channels than colours get dashes.
const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#7300e5", "#702810", "#17414f", "#4c2277", "#38169c"];
const DARK = ["#56b4e9", "#ff8c3c", "#2fd6a5", "#9933ff", "#df2050", "#4d6dcb", "#dddd88", "#b0dae8"];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

export function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

export function channelColour(channel) {
  return (isDark() ? DARK : LIGHT)[channel % LIGHT.length];
}

export function channelDash(channel) {
  return DASHES[Math.floor(channel / LIGHT.length) % DASHES.length];
}

// A colour of style.css by its name there.
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function applyTheme(theme) {
  const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = theme === "auto" ? (prefersDark ? "dark" : "light") : theme;
}
