// What the shown build is compared with: another build, or another product set of the same one. Owns fetching its rows,
// which of its layers stands for which, and how the two are told apart.

import { clock } from "../words.js";
import { getJson, inSet } from "./api.js";
import { find } from "./layers.js";

const AGAIN_MS = 10000;

/** The row at the nearest height, so that builds of other layer heights can be compared; null where none is within `reach_mm`. Pure. */
export function rowAtHeight(rows, height_mm, reach_mm = Infinity) {
  let best = null;
  for (const row of rows) if (!best || Math.abs(row.height_mm - height_mm) < Math.abs(best.height_mm - height_mm)) best = row;
  return best && Math.abs(best.height_mm - height_mm) <= reach_mm ? best : null;
}

/** Whether both lie in one plate grid, so that their pictures can be laid on each other. Pure. */
export function sameGrid({ build, otherBuild }) {
  const said = ({ grid }) => JSON.stringify([grid.origin_mm, grid.size_mm]);
  return !otherBuild || (build !== null && said(build) === said(otherBuild));
}

/** Names of the shown build and of the other one: what differs between them. Pure. */
export function namesOf({ build, otherBuild: other, otherSet }) {
  if (build.id === other.id) return [build.product_set, other.product_set];
  const [own, theirs] = build.name === other.name ? [build, other].map(({ name, created }) => `${name} of ${clock(created)}`) : [build.name, other.name];
  return [own, otherSet ? `${theirs}, ${otherSet}` : theirs];
}

/** Patch that compares with these products, or with nothing where they are the shown ones. Pure. */
export function compareWith({ build, set, compare }, other, otherSet = "") {
  if (!other || (other === build?.id && otherSet === set)) return { other: null, otherSet: "" };
  return { other, otherSet, compare: compare === "off" ? "split" : compare };
}

/** The other layer at the height of the shown one, with the name it is told apart by; null where there is none. */
export async function otherLayer(state, layerOf) {
  const { otherBuild, otherSet, otherRows, rows, layer } = state;
  const own = rows[find(rows, layer)];
  const row = own && rowAtHeight(otherRows, own.height_mm, otherBuild.layer_height_mm);
  if (!row) return null;
  return { ...(await layerOf(otherBuild.id, row, otherSet)), from: namesOf(state)[1] };
}

/** Keep `otherBuild` and `otherRows` true to `other` and `otherSet`. */
export function startOther(store) {
  const { state } = store;
  let timer = 0;
  const load = async () => {
    clearTimeout(timer);
    const { other: id, otherSet: set } = state;
    if (!id) {
      store.set({ otherBuild: null, otherRows: [] });
      return;
    }
    const stillWanted = () => state.other === id && state.otherSet === set;
    try {
      const base = `builds/${encodeURIComponent(id)}`;
      const [build, got] = await Promise.all([getJson(inSet(base, set)), getJson(inSet(`${base}/layers`, set))]);
      if (!stillWanted()) return;
      store.set({ otherBuild: build, otherRows: got.rows });
      if (!build.ended || got.rows.some((row) => row.state === "pending")) timer = setTimeout(load, AGAIN_MS);
    } catch (error) {
      if (!stillWanted()) return;
      if (error.status === 404) store.set({ other: null, otherSet: "", notice: `${error.what}; nothing is compared` });
      else timer = setTimeout(load, AGAIN_MS);
    }
  };
  store.watch(["other", "otherSet"], load);
  // A new build that is followed may be the one that the last was compared with.
  store.watch(["build", "set", "other", "otherSet"], () => {
    if (state.other && state.other === state.build?.id && state.otherSet === state.set) store.set({ other: null, otherSet: "" });
  });
}
