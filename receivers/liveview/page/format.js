// Numbers as people read them. What is not known is a dash, never 0.

export const UNKNOWN = "\u2013";
const PREFIXES = ["", "k", "M", "G"];

export function isKnown(value) {
  return value !== null && value !== undefined && (typeof value !== "number" || Number.isFinite(value));
}

// Digits in groups of three: 12 345 678.
export function count(value) {
  if (!isKnown(value)) return UNKNOWN;
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

// All digits as long as they fit into a table, else five and a prefix.
export function fitting(value) {
  if (!isKnown(value) || value < 999999.5) return count(value);
  const step = Math.min(Math.floor(Math.log10(value) / 3), PREFIXES.length - 1);
  return (value / 1000 ** step).toPrecision(5) + PREFIXES[step];
}

// Three digits and a prefix: 12.3k.
export function short(value) {
  if (!isKnown(value)) return UNKNOWN;
  let step = 0;
  while (Math.abs(value) >= 999.5 && step < PREFIXES.length - 1) {
    value /= 1000;
    step++;
  }
  const digits = Math.abs(value) >= 99.95 || (step === 0 && Number.isInteger(value)) ? 0 : Math.abs(value) >= 9.995 ? 1 : 2;
  return value.toFixed(digits) + PREFIXES[step];
}

// A place on an axis: all its digits, and a prefix from thousand on.
export function tick(value) {
  if (!isKnown(value)) return "";
  const step = value >= 1 ? Math.min(Math.floor(Math.log10(value * 1.0000001) / 3), PREFIXES.length - 1) : 0;
  return String(Number((value / 1000 ** step).toPrecision(10))) + PREFIXES[step];
}

export function percent(part) {
  return isKnown(part) ? `${(100 * part).toFixed(1)}` : UNKNOWN;
}

export function duration(seconds) {
  if (!isKnown(seconds)) return UNKNOWN;
  const whole = Math.max(Math.round(seconds), 0);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours, minutes, rest] = parts.map((part) => part.toString().padStart(2, "0"));
  return parts[0] ? `${hours}:${minutes}:${rest}` : `${minutes}:${rest}`;
}

export function timeOfDay(seconds) {
  if (!isKnown(seconds)) return UNKNOWN;
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}
