// Cards of the parts in the shown layer. Owns the wording; a card leads the pictures to its part.

import { el } from "../dom.js";
import { getJson } from "../model/api.js";
import { number, percent } from "../words.js";

const NOT_KNOWN = "no interval yet";

export function installParts(panel, store) {
  const { state } = store;
  const note = el("p.dim");
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
      note.textContent = partsWords(found);
      cards.replaceChildren(...found.parts.map((part) => card(part, found, view, store)));
    } catch (error) {
      asked = "";
      note.textContent = `No parts now: ${error.what ?? error}`;
      cards.replaceChildren();
    }
  }
  store.watch(["layerView", "tab", "build"], show);
}

/** What all cards rest on. Pure. */
export function partsWords({ parts, um_per_px: um, nominal }) {
  if (!parts.length) return "No part in this layer.";
  const from = nominal ? "against the nominal outline" : "as the mask falls apart";
  return `${parts.length} ${parts.length === 1 ? "part" : "parts"} ${from}, at ${number(um, 3)} µm per pixel. Choose one to look at it.`;
}

/** Lines of a card: [{name, value, more, light}]. Pure. */
export function cardLines(part, view, tolerance = null) {
  const off = part.nominal_area_mm2 ? part.area_mm2 / part.nominal_area_mm2 - 1 : null;
  const sa = view.measures.find(({ name }) => name === "Sa");
  return [
    { name: "Area", value: `${number(part.area_mm2, 3)} mm²`, more: NOT_KNOWN },
    { name: "Diameter", value: `${number(part.diameter_mm, 3)} mm`, more: part.nominal_diameter_mm === null ? NOT_KNOWN : `nominal ${number(part.nominal_diameter_mm, 3)}` },
    sa && sa.spread !== null
      ? { name: "Sa", value: `${number(sa.value, 3)} ± ${number(sa.spread, 2)} ${sa.unit}`, more: "whole layer" }
      : { name: "Sa", value: sa ? `${number(sa.value, 3)} ${sa.unit}` : "–", more: sa ? NOT_KNOWN : "not measured yet" },
    verdict(part, off, view, tolerance),
  ];
}

function verdict(part, off, view, tolerance) {
  if (view.state === "anomaly") return { name: "Verdict", value: "not believed", more: "the layer's mask is not", light: "warn" };
  if (off === null) return { name: "Verdict", value: "none", more: "no nominal outline" };
  if (part.area_mm2 === 0) return { name: "Verdict", value: "not there", more: "no metal found", light: "bad" };
  const sign = off < 0 ? "−" : "+";
  const value = `${sign}${percent(Math.abs(off))}`;
  if (tolerance === null) return { name: "Verdict", value, more: "of the nominal area; alarm rule off" };
  const within = Math.abs(off) * 100 <= tolerance;
  return { name: "Verdict", value: within ? `good, ${value}` : value, more: `of the nominal area; ${within ? "within" : "beyond"} ±${number(tolerance)} %`, light: within ? undefined : "warn" };
}

function card(part, found, view, store) {
  const lines = cardLines(part, view, found.area_tolerance_percent).map(({ name, value, more, light }) =>
    el("span.line", {}, el("span.dim", {}, name), el("b", light ? { "data-light": light } : {}, value), el("small", {}, more)));
  return el("li", {}, el("button.card", {
    type: "button", "data-tip": `Show part ${part.number} in the pictures`,
    onclick: () => store.set({ focus: { centre_mm: part.centre_mm, size_mm: part.size_mm } }),
  }, el("b.part", {}, `Part ${part.number}`), ...lines));
}
