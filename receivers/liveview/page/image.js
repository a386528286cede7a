// Pictures of numbers on a canvas. What is not known is transparent, so that the hatched ground shows.

// Viridis at nine places: rises in brightness, also for the colour-blind and in grey.
const STOPS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];
export const SHADES = 256;
const OPAQUE = 0xff000000;

export const palette = makePalette();

// Colours as little endian words, red in the lowest byte.
function makePalette() {
  const stops = STOPS.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Uint32Array.from({ length: SHADES }, (_shade, index) => {
    const place = (index / (SHADES - 1)) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    const [red, green, blue] = stops[below].map((from, part) => Math.round(from + (stops[below + 1][part] - from) * (place - below)));
    return (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

// Fill `pixels` with the colours of `values` from `least` to `most`; on a logarithmic scale both are above 0.
export function paint(pixels, values, least, most, isLog) {
  const scale = isLog ? (value) => Math.log(Math.max(value, least)) : (value) => value;
  const [from, to] = [scale(least), scale(most)];
  const factor = (SHADES - 1) / (to - from || 1);
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    pixels[index] = Number.isNaN(value) ? 0 : palette[Math.min(Math.max(Math.round((scale(value) - from) * factor), 0), SHADES - 1)];
  }
}

// Least and largest of what is known; null where nothing is.
export function extent(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return least <= most ? [least, most] : null;
}

// Make a canvas as large on the screen's pixels as it is on the page; false while it is not shown.
export function fit(canvas) {
  const width = Math.round(canvas.clientWidth * devicePixelRatio);
  const height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (!width || !height) return false;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return true;
}
