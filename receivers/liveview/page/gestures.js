// Wheel and fingers on the chart of spectra. Dragging with a mouse is uPlot's own.

const WHEEL_STEP = 1.2;

export function addGestures(host, chart) {
  host.addEventListener("wheel", (event) => onWheel(event, chart), { passive: false });
  const fingers = new Map();
  let start = null;
  const begin = () => (start = [...fingers.values()].map((finger) => chart.binAtPointer(finger)));
  host.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch" || chart.plot === null || event.target.closest(".handle")) return;
    fingers.set(event.pointerId, event);
    begin();
  });
  host.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId) || chart.plot === null) return;
    fingers.set(event.pointerId, event);
    follow(chart, start, [...fingers.values()]);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    host.addEventListener(end, (event) => fingers.delete(event.pointerId) && chart.plot !== null && begin());
  }
}

function onWheel(event, chart) {
  if (chart.plot === null) return;
  event.preventDefault();
  const turn = Math.sign(event.deltaY || event.deltaX);
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) chart.pan(0.1 * turn);
  else chart.zoom(turn > 0 ? WHEEL_STEP : 1 / WHEEL_STEP, chart.binAtPointer(event));
}

// Keep the bins that were under the fingers at `start` under them.
function follow(chart, start, fingers) {
  const { low, high } = chart.view ?? { low: 0, high: chart.nBins - 1 };
  const now = fingers.map((finger) => chart.binAtPointer(finger));
  if (now.length === 1) chart.look(low + start[0] - now[0], high + start[0] - now[0]);
  if (now.length !== 2 || Math.abs(now[1] - now[0]) < 1) return;
  const factor = Math.abs((start[1] - start[0]) / (now[1] - now[0]));
  const middle = (start[0] + start[1]) / 2;
  const before = (now[0] + now[1]) / 2;
  chart.look(middle - (before - low) * factor, middle + (high - before) * factor);
}
