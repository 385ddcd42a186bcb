// Which build and layer are shown. Owns fetching them; refuses to draw.

import { getJson, inSet } from "./api.js";
import { complete, find, firstOpen, merge, newestShown, told } from "./layers.js";

const KEPT_LAYERS = 60;
const OTHER_MS = 10000;

/** The server tells of the newest build only: another one is looked at now and then while it has layers in work. */
function otherNews({ live, rows }) {
  return firstOpen(rows) <= (rows[rows.length - 1]?.index ?? -1) ? String(Math.floor(Date.parse(live.now) / OTHER_MS)) : "";
}

/** Keep `build`, `rows`, `legend`, `layer` and `layerView` of the store true to the live state and the user's choice. */
export function startSession(store) {
  const { state } = store;
  const kept = new Map();
  let loading = null;
  let again = false;
  let asked = "";

  const wantedBuild = () => state.chosen ?? state.live?.build?.id ?? null;
  const failed = (error) => {
    if (error.status === 404 && state.set) store.set({ set: "", build: null, rows: [], layerView: null, notice: `${error.what}; showing the usual products` });
    else if (error.status === 404 && state.chosen) store.set({ chosen: null, notice: `${error.what}; showing the newest` });
    else store.set({ trouble: error.what ? `${error.what}${error.cure ? `: ${error.cure}` : ""}` : String(error) });
  };

  async function load() {
    const id = wantedBuild();
    if (!id) {
      store.set({ build: null, rows: [], legend: {}, layerView: null, loaded: true, trouble: null });
      return;
    }
    const same = state.build?.id === id;
    const start = same ? firstOpen(state.rows) : 0;
    const base = `builds/${encodeURIComponent(id)}`;
    const { set } = state;
    const [build, got] = await Promise.all([
      getJson(inSet(base, set)),
      getJson(inSet(`${base}/layers?start=${start}`, set)),
    ]);
    if (wantedBuild() !== id || state.set !== set) {
      again = true;
      return;
    }
    store.set({
      build,
      rows: merge(same ? state.rows : [], got.rows),
      legend: same ? { ...state.legend, ...got.measures } : got.measures,
      loaded: true,
      trouble: null,
      usual: set ? state.usual : build.product_set,
    });
  }

  /** One load at a time; what comes meanwhile asks for one more. */
  async function refresh() {
    if (loading) {
      again = true;
      return;
    }
    do {
      again = false;
      loading = load().catch(failed);
      await loading;
    } while (again);
    loading = null;
  }

  /** Take in what the push told of a new layer; whether nothing is left to ask for. */
  function takeIn({ news, build: brief, committed, processed }) {
    const { build } = state;
    if (state.set || !news || news.build !== build?.id || news.build !== wantedBuild() || brief.ended !== build.ended) return false;
    const rows = told(state.rows, news.row);
    if (!rows) return false;
    keep(`${build.id}/${news.row.index}/finished`, Promise.resolve(news.layer));
    store.set({
      rows,
      build: { ...build, layers: brief.layers, processed },
      legend: { ...state.legend, ...news.measures },
      mesh: { build: build.id, processed, view: news.mesh },
    });
    return complete(rows, { committed, processed });
  }

  async function showLayer() {
    const { build, layer } = state;
    const row = build && layer !== null ? state.rows[find(state.rows, layer)] : null;
    if (!row) {
      store.set({ layerView: null });
      return;
    }
    const view = await layerOf(build.id, row).catch((error) => void failed(error));
    if (view && state.layer === layer && state.build?.id === build.id) store.set({ layerView: view, trouble: null });
  }

  /** Everything about one layer; a finished one never changes. */
  async function layerOf(id, row, set = state.set) {
    const key = `${id}/${row.index}/${row.state === "pending" ? "pending" : "finished"}${set && `/${set}`}`;
    if (!kept.has(key)) keep(key, getJson(inSet(`builds/${encodeURIComponent(id)}/layers/${row.index}`, set)));
    return kept.get(key);
  }

  function keep(key, coming) {
    kept.set(key, coming);
    coming.catch(() => kept.delete(key));
    if (kept.size > KEPT_LAYERS) kept.delete(kept.keys().next().value);
  }

  store.watch(["live", "chosen", "set"], () => {
    const { live } = state;
    if (!live) return;
    const mine = live.build?.id === wantedBuild() ? `${live.committed} ${live.product} ${live.processed} ${live.build.ended}` : otherNews(state);
    const key = `${wantedBuild()} ${state.set} ${mine}`;
    if (key === asked) return;
    asked = key;
    if (live.build?.id !== wantedBuild() || !takeIn(live)) refresh();
  });
  store.watch(["connection"], () => {
    if (state.connection === "lost") asked = "";
  });
  store.watch(["live"], async () => {
    const key = `${state.live?.build?.id} ${state.live?.build?.layers} ${state.live?.build?.ended}`;
    if (!state.live || key === state.buildsKey) return;
    store.set({ buildsKey: key });
    const known = state.builds.find(({ id }) => id === state.live.build?.id);
    if (known && known.ended === state.live.build.ended) {
      store.set({ builds: state.builds.map((build) => (build === known ? { ...build, layers: state.live.build.layers } : build)) });
      return;
    }
    await getJson("builds").then((builds) => store.set({ builds })).catch(failed);
  });
  store.watch(["rows", "follow", "view", "build"], () => {
    const { rows } = state;
    if (!rows.length) return;
    const last = rows[rows.length - 1].index;
    if (state.follow) store.set({ layer: newestShown(state) });
    else if (state.layer !== null && find(rows, state.layer) < 0 && state.loaded) store.set({ layer: Math.min(state.layer, last) });
  });
  store.watch(["layer", "rows", "build"], showLayer);
  return { layerOf };
}
