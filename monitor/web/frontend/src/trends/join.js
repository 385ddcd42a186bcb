// Two builds on one axis. Pure.

/** Columns [x, value, low, high, other] of a measure, over the layers of both builds; null where there is no number. */
export function joined(rows, others, name) {
  const own = new Map(rows.map((row) => [row.index, row]));
  const theirs = new Map(others.map((row) => [row.index, row.measures[name] ?? null]));
  const x = [...new Set([...own.keys(), ...theirs.keys()])].sort((a, b) => a - b);
  const value = (index) => own.get(index)?.measures[name] ?? null;
  const edge = (sign) => (index) => {
    const half = own.get(index)?.spreads[name];
    return half === undefined ? null : value(index) + sign * half;
  };
  return [x, x.map(value), x.map(edge(-1)), x.map(edge(1)), x.map((index) => theirs.get(index) ?? null)];
}
