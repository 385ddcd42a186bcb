// How fast the build goes: cadence, time left, and whether processing keeps up. Pure.

const LOOK_BACK = 10;
const LATE = 1.05;

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Seconds from layer to layer: the median of the last ones, so that one stop does not count; null where not known. */
export function cadence(rows) {
  const known = rows.slice(-LOOK_BACK).map((row) => row.period_s ?? null).filter((seconds) => seconds !== null);
  return known.length ? median(known) : null;
}

/** Median latency of the last processed layers, however many wait behind them, in s; null where none is known. */
export function latency(rows) {
  const known = rows.map((row) => row.latency_s).filter((seconds) => seconds !== null);
  return known.length ? median(known.slice(-LOOK_BACK)) : null;
}

/** Seconds until the last planned layer; null where that is not known. */
export function timeLeft(build, rows) {
  const every = cadence(rows);
  if (!build?.planned_layers || build.ended || every === null) return null;
  const done = rows.length ? rows[rows.length - 1].index + 1 : 0;
  return Math.max(0, build.planned_layers - done) * every;
}

/** Whether each layer takes longer to process than to print. */
export function fallsBehind(rows) {
  const [every, takes] = [cadence(rows), latency(rows)];
  return every !== null && takes !== null && takes > every * LATE;
}
