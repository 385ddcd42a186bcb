// Every build in the store: show one, or lay one beside the shown one. Owns the list, not the builds.

import { makeDialog } from "../chrome/dialog.js";
import { el } from "../dom.js";
import { getJson } from "../model/api.js";
import { compareWith } from "../model/other.js";
import { clock, count } from "../words.js";

const ORIGINS = { simulated: "virtual printer", replay: "replay", import: "imported", live: "printer" };

/** The person's word for where a build comes from. */
export const originWord = (origin) => ORIGINS[origin] ?? origin;

/** Show a build; "" for whichever is newest. */
export function showBuild(store, id) {
  const { live, build, other } = store.state;
  const shown = id || live?.build?.id;
  const kept = other === shown || other === build?.id ? { other: null, otherSet: "" } : {};
  store.set({ chosen: id || null, set: "", ...kept, follow: true, layer: null, layerView: null, build: null, rows: [], legend: {}, notice: null });
}

/** Show another product set of the shown build; "" for the usual one. The one it is compared with changes places. */
export const showSet = (store, set) => store.set({
  set, ...(store.state.other === store.state.build?.id && store.state.otherSet === set ? { otherSet: store.state.set } : {}), layerView: null, build: null, rows: [], legend: {}, mesh: null, notice: null,
});

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
  store.watch(["builds", "build", "set", "other", "otherSet", "otherBuild"], fill);
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
  const compared = !shown && build.id === state.other;
  const newest = build.id === state.live?.build?.id;
  return el("li", shown ? { "aria-current": "true" } : {},
    el("div", {}, el("b", {}, build.name), el("span.dim", {}, [clock(build.created), originWord(build.origin), count(build.layers, "layer"), build.ended ? `ended: ${build.ended}` : "not ended"].join(" · "))),
    el("div.actions", {},
      shown && setChoices(state, pick),
      compared && state.otherBuild?.id === build.id && otherSetChoice(state, pick),
      shown ? el("span.dim", {}, "shown") : el("button", { type: "button", onclick: () => pick({ show: newest ? "" : build.id }), "aria-label": `Show ${build.name}` }, "Show"),
      !shown && el("button", { type: "button", "aria-pressed": String(compared), onclick: () => pick(compareWith(state, compared ? null : build.id)), "aria-label": `${compared ? "Stop comparing with" : "Compare with"} ${build.name}` }, compared ? "Stop comparing" : "Compare")));
}

const NOTHING = { set: "", value: "-", words: "nothing" };

/** Which products of the shown build are shown, and beside which: of the worker, or of a replay with other bundles or settings. */
function setChoices(state, pick) {
  const sets = setsOf(state.build, state.usual);
  if (!sets.length) return null;
  const within = state.other === state.build.id;
  const beside = [{ ...NOTHING, shown: !within }, ...sets.filter(({ shown }) => !shown).map((item) => ({ ...item, shown: within && item.set === state.otherSet }))];
  return [
    choose("Products", "Products of this build", sets, ({ set }) => pick({ set })),
    choose("beside", "Compared with the products", beside, ({ set, value }) => pick(compareWith(state, value ? null : state.build.id, set))),
  ];
}

/** Which products of the build that is compared with. */
function otherSetChoice(state, pick) {
  const { otherBuild, otherSet } = state;
  const sets = setsOf(otherBuild, otherSet ? "" : otherBuild.product_set);
  return sets.length > 0 && choose("Products", `Products of ${otherBuild.name}`, sets, ({ set }) => pick(compareWith(state, otherBuild.id, set)));
}

function choose(label, name, items, pick) {
  const select = el("select", { "aria-label": name, onchange: () => pick(items[select.selectedIndex]) },
    items.map(({ words, shown }) => el("option", { selected: shown }, words)));
  return el("label.dim", {}, `${label} `, select);
}
