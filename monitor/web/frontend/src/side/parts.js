// Cards of the parts in the shown layer. Owns the wording; a card leads the pictures to its part.

import { el } from "../dom.js";
import { getJson } from "../model/api.js";
import { count, number, percent } from "../words.js";

const NONE = "not measured";

export function installParts(panel, store) {
  const { state } = store;
  const note = el("p.facts-line");
  const cards = el("ul.cards");
  panel.append(note, cards);
  let asked = "";

  async function show() {
    const { layerView: view, build, tab } = state;
    if (tab !== "parts" || !view || !build) return;
    const key = `${build.id} ${view.index} ${view.state}`;
    if (key === asked) return;
    asked = key;
    if (!view.pictures.mask) {
      note.textContent = `Layer ${view.index} has no mask${view.state === "pending" ? " yet" : ""}.`;
      cards.replaceChildren();
      return;
    }
    try {
      const found = await getJson(`builds/${encodeURIComponent(build.id)}/layers/${view.index}/parts`);
      if (key !== asked) return;
      note.textContent = partsWords(found, view);
      cards.replaceChildren(...worstFirst(found.parts, view, found.area_tolerance_percent).map((part) => card(part, found, view, store)));
    } catch (error) {
      asked = "";
      note.textContent = `No parts now: ${error.what ?? error}`;
      cards.replaceChildren();
    }
  }
  store.watch(["layerView", "tab", "build"], show);
}

/** What all cards rest on. Pure. */
export function partsWords({ parts, um_per_px: um, nominal }, { measures }) {
  if (!parts.length) return "No part in this layer.";
  const from = nominal ? "against the nominal outline" : "as the mask falls apart";
  const rough = measures.some(isRoughness) ? " Sa is the whole layer's." : "";
  return `${count(parts.length, "part")} ${from}, at ${number(um, 3)} µm per pixel; areas and diameters without an interval.${rough} Choose one to look at it.`;
}

const isRoughness = ({ name }) => name.toLowerCase() === "sa";

function roughness({ measures }) {
  const sa = measures.find(isRoughness);
  if (!sa) return { name: "Sa", value: NONE, more: "" };
  return { name: "Sa", value: `${number(sa.value, 3)} ${sa.unit}`, more: sa.spread === null ? "no interval" : `± ${number(sa.spread, 2)}` };
}

/** Figures of a card: [{name, value, more, light}], the verdict last. Pure. */
export function cardLines(part, view, tolerance = null) {
  const off = part.nominal_area_mm2 ? part.area_mm2 / part.nominal_area_mm2 - 1 : null;
  const of = (nominal) => (nominal === null ? "" : `of ${number(nominal, 3)}`);
  return [
    { name: "Area", value: `${number(part.area_mm2, 3)} mm²`, more: of(part.nominal_area_mm2) },
    { name: "Diameter", value: `${number(part.diameter_mm, 3)} mm`, more: of(part.nominal_diameter_mm) },
    roughness(view),
    verdict(part, off, view, tolerance),
  ];
}

/** Parts with something wrong first, then as they lie. Pure. */
export function worstFirst(parts, view, tolerance) {
  const rank = (part) => ["bad", "warn", undefined].indexOf(cardLines(part, view, tolerance).at(-1).light);
  return [...parts].sort((a, b) => rank(a) - rank(b) || a.number - b.number);
}

function verdict(part, off, view, tolerance) {
  if (view.state === "anomaly") return { name: "Verdict", value: "not believed", more: "the layer's mask is not", light: "warn" };
  if (off === null) return { name: "Verdict", value: "none", more: "no nominal outline" };
  if (part.area_mm2 === 0) return { name: "Verdict", value: "not there", more: "no metal found", light: "bad" };
  const sign = off < 0 ? "−" : "+";
  const value = `${sign}${percent(Math.abs(off))}`;
  if (tolerance === null) return { name: "Verdict", value, more: "alarm rule off" };
  const within = Math.abs(off) * 100 <= tolerance;
  return { name: "Verdict", value: within ? `good, ${value}` : value, more: `${within ? "within" : "beyond"} ±${number(tolerance)} %`, light: within ? undefined : "warn" };
}

function card(part, found, view, store) {
  const lines = cardLines(part, view, found.area_tolerance_percent);
  const { value, more, light } = lines.pop();
  return el("li", {}, el("button.card", {
    type: "button", "data-tip": `Show part ${part.number} in the pictures`,
    onclick: () => store.set({ focus: { centre_mm: part.centre_mm, size_mm: part.size_mm } }),
  }, el("span.card-head", {}, el("b", {}, `Part ${part.number}`), el("b", light ? { "data-light": light } : {}, value === "none" ? "no verdict" : value), el("small", {}, more)),
  el("span.figures", {}, lines.map((line) => el("span", {}, el("small", {}, line.name), el(line.value === NONE ? "b.none" : "b", {}, line.value), line.more && el("small", {}, line.more))))));
}
