// Colours that can be told apart without seeing red or green, on light and on dark ground.

// After Okabe and Ito, with the yellow darkened on light ground; more channels than colours get dashes.
const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#b0419b", "#8a6d00", "#3aa0dc", "#c00050", "#303030"];
const DARK = ["#56b4e9", "#ff8c3c", "#2fd6a5", "#e794cf", "#f0e442", "#8aa4ff", "#ff7b9c", "#e0e0e0"];
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
