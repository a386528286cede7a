// What the colours of a picture mean: a ramp of them, the numbers at its ends, and their unit.

import { tick } from "./format.js";
import { SHADES, paint } from "./image.js";

export class ColourScale {
  constructor(host) {
    this.host = host;
    this.least = part("span", "least");
    this.ramp = part("canvas", "ramp");
    this.most = part("span", "most");
    this.unit = part("span", "unit");
    host.replaceChildren(this.least, this.ramp, this.most, this.unit);
    this.clear();
  }

  clear() {
    this.host.hidden = true;
  }

  // Of a logarithmic picture; what is below `least` has the colour of `least`.
  showLog(least, most, unit) {
    this.host.hidden = false;
    this.least.textContent = `\u2264 ${tick(least)}`;
    this.most.textContent = tick(most);
    this.unit.textContent = `${unit}, log`;
    this.paintRamp(least, most);
  }

  // By the same function as the picture, so that it cannot say otherwise.
  paintRamp(least, most) {
    Object.assign(this.ramp, { width: SHADES, height: 1 });
    const picture = new ImageData(SHADES, 1);
    const values = Array.from({ length: SHADES }, (_value, index) => least * (most / least) ** (index / (SHADES - 1)));
    paint(new Uint32Array(picture.data.buffer), values, least, most, true);
    this.ramp.getContext("2d").putImageData(picture, 0, 0);
  }
}

function part(name, className) {
  const made = document.createElement(name);
  made.className = className;
  return made;
}
