// Numbers and times as a person reads them. Pure.

/** A number with about `digits` significant digits, never in powers of ten. */
export function number(value, digits = 4) {
  if (!Number.isFinite(value)) return "–";
  const magnitude = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  const decimals = Number.isInteger(value) ? 0 : Math.min(Math.max(digits - 1 - magnitude, 0), 6);
  return value.toLocaleString("en-GB", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).replace("-", "−");
}

/** A share of 1 in percent. */
export function percent(value, decimals = 1) {
  return Number.isFinite(value) ? `${(value * 100).toFixed(decimals)} %` : "–";
}

/** A height in mm, always with three decimals: layers are some hundredths of a millimetre. */
export function height(mm) {
  return Number.isFinite(mm) ? mm.toFixed(3) : "–";
}

/** Seconds as a stopwatch says them: 840 ms, 3.2 s, 14 s, 2 min 05 s, 3 h 12 min, 4 days. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.max(0, seconds);
  if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  const days = Math.floor(whole / 86400);
  return days === 1 ? "1 day" : `${days.toLocaleString("en-GB")} days`;
}

/** Seconds of an estimate: minutes only from ten minutes on, so that it does not flicker. */
export function roughly(seconds) {
  return seconds >= 600 && seconds < 3600 ? `${Math.round(seconds / 60)} min` : duration(seconds);
}

/** How long ago, in whole steps that do not flicker: "just now", "12 s", "3 min", "2 h 05 min". */
export function ago(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 1) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${duration(seconds)} ago`;
}

/** Local time of day of an ISO time, with the date where it was not today. */
export function clock(iso, now = new Date()) {
  const then = new Date(iso);
  if (Number.isNaN(then.getTime())) return "–";
  const time = then.toLocaleTimeString("en-GB");
  return then.toDateString() === now.toDateString() ? time : `${then.toLocaleDateString("en-CA")} ${time}`;
}

/** A unit as it is printed: "1" is no unit. */
export function unit(text) {
  return text === "1" ? "" : text;
}

const NAMES = {
  area: "Melted area",
  parts: "Separate pieces",
  iou: "IoU against reference",
  "melt rate": "Melted in a second of laser",
  "voxel mismatch": "Voxel mismatch",
  hausdorff: "Hausdorff distance",
  hd95: "Hausdorff distance, 95 %",
  assd: "Mean contour distance",
  sa: "Roughness Sa",
  "expected area found": "Found of expected area",
  "left out beyond it": "Left out beyond it",
  // as records before called them
  "commanded area found": "Found of laser area",
  "left out beside the laser": "Left out beside laser",
};

/** A measure's name for a person. */
export function measureName(name) {
  return NAMES[name.toLowerCase()] ?? name;
}

const STATES = { ok: "ok", anomaly: "not believed", missing: "missing", pending: "in work", unsure: "layer end not sure" };

/** A layer's state in words. */
export function stateWord(state) {
  return STATES[state] ?? state;
}

const PROCESSES = { acquire: "acquisition", worker: "processing", alarms: "alarms", web: "page" };

/** A process's name for a person. */
export function processName(name) {
  return PROCESSES[name] ?? name;
}

/** The words with a capital letter in front. */
export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How often, of a probability per layer: "1 of 400 layers", "less than 1 of a million layers". */
export function rarely(share) {
  if (share < 1e-6) return "less than 1 of a million layers";
  const of = 1 / share;
  const step = 10 ** Math.max(0, Math.floor(Math.log10(of)) - 1);
  return `1 of ${(Math.round(of / step) * step).toLocaleString("en-GB")} layers`;
}

/** "1 layer", "12 layers". */
export function count(n, singular, plural = `${singular}s`) {
  return `${n.toLocaleString("en-GB")} ${n === 1 ? singular : plural}`;
}
