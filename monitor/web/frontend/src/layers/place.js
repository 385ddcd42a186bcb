// Going to a layer. Owns when the newest is followed: at the newest, and nowhere else.

import { find, newestShown } from "../model/layers.js";

/** What to set to show the layer at a position of the list. */
export function placed(state, position) {
  const { rows } = state;
  if (!rows.length) return {};
  const row = rows[Math.min(Math.max(position, 0), rows.length - 1)];
  const newest = newestShown(state);
  return row.index >= newest ? { follow: true, layer: newest } : { follow: false, layer: row.index };
}

export const place = (store, position) => store.set(placed(store.state, position));

/** Go some layers up or down. */
export function step(store, by) {
  const at = find(store.state.rows, store.state.layer);
  if (at >= 0) place(store, at + by);
}

/** Go to a layer by its index. */
export function goTo(store, index) {
  const at = find(store.state.rows, index);
  if (at >= 0) place(store, at);
}
