// The build that the shown one is compared with. Owns fetching its rows, and which of its layers stands for which.

import { getJson } from "./api.js";
import { find } from "./layers.js";

const AGAIN_MS = 10000;

/** The row at the nearest height, so that builds of other layer heights can be compared; null where there is none. Pure. */
export function rowAtHeight(rows, height_mm) {
  let best = null;
  for (const row of rows) if (!best || Math.abs(row.height_mm - height_mm) < Math.abs(best.height_mm - height_mm)) best = row;
  return best;
}

/** Whether both builds lie in one plate grid, so that their pictures can be laid on each other. Pure. */
export function sameGrid({ build, otherBuild }) {
  const said = ({ grid }) => JSON.stringify([grid.origin_mm, grid.size_mm]);
  return !otherBuild || (build !== null && said(build) === said(otherBuild));
}

/** The other build's layer at the height of the shown one, with its build's name; null where there is none. */
export async function otherLayer({ otherBuild, otherRows, rows, layer }, layerOf) {
  const own = rows[find(rows, layer)];
  const row = own && rowAtHeight(otherRows, own.height_mm);
  if (!row) return null;
  return { ...(await layerOf(otherBuild.id, row)), buildName: otherBuild.name };
}

/** Keep `otherBuild` and `otherRows` true to `other`. */
export function startOther(store) {
  const { state } = store;
  let timer = 0;
  const load = async () => {
    clearTimeout(timer);
    const id = state.other;
    if (!id) {
      store.set({ otherBuild: null, otherRows: [] });
      return;
    }
    try {
      const base = `builds/${encodeURIComponent(id)}`;
      const [build, got] = await Promise.all([getJson(base), getJson(`${base}/layers`)]);
      if (state.other !== id) return;
      store.set({ otherBuild: build, otherRows: got.rows });
      if (!build.ended) timer = setTimeout(load, AGAIN_MS);
    } catch (error) {
      if (error.status === 404) store.set({ other: null, notice: `${error.what}; nothing is compared` });
      else timer = setTimeout(load, AGAIN_MS);
    }
  };
  store.watch(["other"], load);
}
