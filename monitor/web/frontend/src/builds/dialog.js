// Every build in the store: show one, or lay one beside the shown one. Owns the list, not the builds.

import { makeDialog } from "../chrome/dialog.js";
import { el } from "../dom.js";
import { getJson } from "../model/api.js";
import { clock, count } from "../words.js";

const ORIGINS = { simulated: "virtual printer", replay: "replay", import: "imported", live: "printer" };

/** The person's word for where a build comes from. */
export const originWord = (origin) => ORIGINS[origin] ?? origin;

/** Show a build; "" for whichever is newest. */
export function showBuild(store, id) {
  const other = store.state.other === id ? null : store.state.other;
  store.set({ chosen: id || null, set: "", other, follow: true, layer: null, layerView: null, build: null, rows: [], legend: {}, notice: null });
}

/** Show another product set of the shown build; "" for the usual one. */
export const showSet = (store, set) => store.set({ set, layerView: null, build: null, rows: [], legend: {}, mesh: null, notice: null });

/** The product sets of a build to choose from: [{set, words, shown}]; none where there is but one. Pure. */
export function setsOf({ product_sets: sets = {}, product_set: now }, usual) {
  const names = [...new Set([now, ...Object.keys(sets)])];
  if (names.length < 2) return [];
  return names.map((name) => ({ set: name === usual ? "" : name, words: `${name} (${count(sets[name] ?? 0, "layer")})`, shown: name === now }));
}

export function installBuilds(store) {
  const { state } = store;
  const dialog = makeDialog("builds", "Builds");
  const filter = el("input", { type: "search", id: "builds-filter", placeholder: "name or date", "aria-label": "Builds whose name or date has" });
  const list = el("ul.builds");
  const none = el("p.dim");
  dialog.body.append(filter, list, none);

  const fill = () => {
    if (!dialog.node.open) return;
    const found = matching(state.builds, filter.value);
    none.textContent = found.length ? "" : state.builds.length ? "No build has that in its name or date." : "There is no build yet.";
    list.replaceChildren(...found.map((build) => entry(build, state, pick)));
  };
  const pick = (patch) => {
    dialog.close();
    if ("show" in patch) showBuild(store, patch.show);
    else if ("set" in patch) showSet(store, patch.set);
    else store.set(patch);
  };
  filter.addEventListener("input", fill);
  store.watch(["builds", "build", "other", "set"], fill);
  return async () => {
    dialog.open();
    fill();
    // The push tells of the newest build; others may have grown as well.
    await getJson("builds").then((builds) => store.set({ builds })).catch(() => {});
  };
}

/** Builds whose name or local date has the text. Pure. */
export function matching(builds, text) {
  const wanted = text.trim().toLowerCase();
  return builds.filter((build) => `${build.name} ${build.id} ${clock(build.created, new Date(0))}`.toLowerCase().includes(wanted));
}

function entry(build, state, pick) {
  const shown = build.id === state.build?.id;
  const compared = build.id === state.other;
  const newest = build.id === state.live?.build?.id;
  return el("li", shown ? { "aria-current": "true" } : {},
    el("div", {}, el("b", {}, build.name), el("span.dim", {}, [clock(build.created), originWord(build.origin), count(build.layers, "layer"), build.ended ? `ended: ${build.ended}` : "not ended"].join(" · "))),
    el("div.actions", {},
      shown && setChoice(state, pick),
      shown ? el("span.dim", {}, "shown") : el("button", { type: "button", onclick: () => pick({ show: newest ? "" : build.id }), "aria-label": `Show ${build.name}` }, "Show"),
      !shown && el("button", { type: "button", "aria-pressed": String(compared), onclick: () => pick({ other: compared ? null : build.id, compare: state.compare === "off" ? "split" : state.compare }), "aria-label": `${compared ? "Stop comparing with" : "Compare with"} ${build.name}` }, compared ? "Stop comparing" : "Compare")));
}

/** Which products of the shown build are shown: those of the worker, or of a replay with other bundles or settings. */
function setChoice(state, pick) {
  const sets = setsOf(state.build, state.usual);
  if (!sets.length) return null;
  const select = el("select", { "aria-label": "Products of this build", onchange: () => pick({ set: select.value }) },
    sets.map(({ set, words, shown }) => el("option", { value: set, selected: shown }, words)));
  return el("label.dim", {}, "Products ", select);
}
