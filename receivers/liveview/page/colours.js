// Colours that can be told apart without seeing red or green, on light and on dark ground.

// The first three are of Okabe and Ito; the others were sought so that any two of the eight lie at least 55 apart in L*a*b*
// for normal sight, and 13 for each kind of colour blindness. More channels than colours get dashes.
const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#821742", "#4c3d00", "#ff00ff", "#0000ff", "#4d1b98"];
const DARK = ["#56b4e9", "#ff8c3c", "#2fd6a5", "#e8e87d", "#ff0066", "#8259c0", "#99ff00", "#a31aff"];
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
