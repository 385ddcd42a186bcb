// Lists of layers: merging what comes in, and what a list says. Pure.

/** Put newer rows into a list that is ordered by index; returns a new list. */
export function merge(rows, newer) {
  if (!newer.length) return rows;
  const first = newer[0].index;
  const kept = rows.filter((row) => row.index < first);
  const byIndex = new Map(rows.filter((row) => row.index >= first).map((row) => [row.index, row]));
  for (const row of newer) byIndex.set(row.index, row);
  return kept.concat([...byIndex.values()].sort((a, b) => a.index - b.index));
}

/** The rows with one that was told; null where layers before it are not known, and must be asked for. Pure. */
export const told = (rows, row) => (row.index <= (rows[rows.length - 1]?.index ?? -1) + 1 ? merge(rows, [row]) : null);

/** Whether the list is all that the server has. Pure. */
export function complete(rows, { committed, processed }) {
  return rows[rows.length - 1]?.index === committed && rows.filter(({ state }) => state !== "pending").length === processed;
}

/** From which index on rows may have changed: the first that is still in work, or the one after the last. */
export function firstOpen(rows) {
  const open = rows.find((row) => row.state === "pending");
  if (open) return open.index;
  return rows.length ? rows[rows.length - 1].index + 1 : 0;
}

/** Position of a layer in the list (by bisection), -1 where it is not there. */
export function find(rows, index) {
  let low = 0;
  let high = rows.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (rows[middle].index === index) return middle;
    if (rows[middle].index < index) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** What is wrong with a layer: {kind, reason}, or null. */
export function problem(row) {
  if (row.state === "missing" || row.state === "anomaly") return { kind: row.state, reason: row.reason };
  const gaps = Object.entries(row.gaps);
  if (!gaps.length) return row.unsure ? { kind: "unsure", reason: row.unsure } : null;
  return { kind: "gap", reason: gaps.map(([camera, why]) => `no ${camera} frame: ${why}`).join("; ") };
}

/** Newest layer that is not in work any more, else the newest. */
export function newestDone(rows) {
  for (let i = rows.length - 1; i >= 0; i--) if (rows[i].state !== "pending") return rows[i].index;
  return rows.length ? rows[rows.length - 1].index : null;
}

const RAW = ["webcam", "basler"];

/** Index of the layer that following shows: the newest frame for cameras, the newest with products for the rest. */
export function newestShown({ rows, view }) {
  return RAW.includes(view) ? (rows[rows.length - 1]?.index ?? null) : newestDone(rows);
}

/** Columns for the charts: {x, measures: {name: []}, stages: {name: []}, latency}; null where a layer has no number. */
export function columns(rows) {
  const names = (key) => [...new Set(rows.flatMap((row) => Object.keys(row[key])))];
  const column = (key) => Object.fromEntries(
    names(key).map((name) => [name, rows.map((row) => row[key][name] ?? null)]),
  );
  return { x: rows.map((row) => row.index), measures: column("measures"), stages: column("timings_s") };
}

/** Running sums of columns, for stacked areas: the last one is the total; null where the first is. */
export function stack(series) {
  const sums = [];
  for (const values of series) {
    const below = sums[sums.length - 1];
    sums.push(values.map((value, i) => (value === null ? null : value + (below?.[i] ?? 0))));
  }
  return sums;
}
